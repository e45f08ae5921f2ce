"""A market that a test plays, with the terms of one lease."""

from dataclasses import replace

import pytest

from tests.unit.agent.played_market import AGENT, DOMAIN, PROVIDER, PlayedMarket
from tests.unit.agent.test_work import lease_terms


@pytest.fixture
def terms():
    given = lease_terms()
    ask = given.ask.model_copy(update={"provider": PROVIDER.address, "agent": AGENT.address})
    return replace(given, ask=ask, ask_signature=ask.sign(DOMAIN, PROVIDER.key))


@pytest.fixture
def market(terms):
    return PlayedMarket(terms)
