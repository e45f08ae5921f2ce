"""Which ask a lease was matched with: what the market put on chain says it, not what it shows afterwards."""

from dataclasses import replace

import pytest

from agent.journal import WorkState
from agent.rounds import Rounds
from marketplace.errors import MalformedMessage, NotFound, ServiceUnavailable, TranscriptMismatch
from marketplace.protocol.canonical import json_digest
from tests.unit.agent.played_market import DOMAIN, PROVIDER, PlayedMarket, transcript_of
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_oracle import claim, honest, judge, make_oracle
from tests.unit.agent.test_work import lease_event


def another_ask(terms):
    """Another ask of the same provider, signed by it, for the same machine at other rates."""
    ask = terms.ask.model_copy(update={"vcpu_hour_rate": terms.ask.vcpu_hour_rate + 1, "salt": terms.ask.salt + 1})
    return replace(terms, ask=ask, ask_signature=ask.sign(DOMAIN, PROVIDER.key))


def test_the_ask_of_the_round_is_accepted_and_its_transcript_fetched_once(market, terms):
    rounds, event = Rounds(market), lease_event(terms)
    rounds.check(event, terms)
    market.round = None
    rounds.check(event, terms)


@pytest.mark.parametrize(
    "change",
    [
        another_ask,
        lambda terms: replace(terms, bid=terms.bid.model_copy(update={"salt": 99})),
        lambda terms: replace(terms, price=terms.price - 1),
    ],
    ids=["ask", "bid", "price"],
)
def test_a_lease_that_its_round_did_not_make_is_refused(terms, change):
    """The digest on chain is that of the round that is shown, but the round matched something else."""
    shown = change(terms)
    event = replace(lease_event(shown), round_digest=json_digest(transcript_of(terms)))
    with pytest.raises(TranscriptMismatch, match="did not match"):
        Rounds(PlayedMarket(terms)).check(event, shown)


def test_a_transcript_that_is_not_the_one_on_chain_is_refused(market, terms):
    shown = another_ask(terms)
    market.round = transcript_of(shown)
    with pytest.raises(TranscriptMismatch, match="the chain has"):
        Rounds(market).check(lease_event(terms), shown)


@pytest.mark.parametrize("document", [{}, {"matches": [{}]}, {"matches": 7}])
def test_what_is_no_transcript_is_refused_even_with_its_digest_on_chain(market, terms, document):
    market.round = {"round": 7} | document
    event = replace(lease_event(terms), round_digest=json_digest(market.round))
    with pytest.raises(MalformedMessage, match="matches"):
        Rounds(market).check(event, terms)


def test_a_round_that_the_market_does_not_name_or_have_is_waited_for_or_refused(market, terms):
    with pytest.raises(MalformedMessage, match="round"):
        Rounds(market).check(lease_event(terms), replace(terms, round=None))
    market.round = None
    with pytest.raises(NotFound):
        Rounds(market).check(lease_event(terms), terms)


def test_only_the_latest_rounds_are_remembered(terms):
    class Many:
        def transcript(self, number):
            return {"round": number, "matches": []}

    rounds = Rounds(Many())
    for number in range(200):
        event = replace(lease_event(terms), round_digest=json_digest({"round": number, "matches": []}))
        with pytest.raises(TranscriptMismatch):
            rounds.check(event, replace(terms, round=number))
    assert len(rounds._matches) == 64


def test_an_oracle_judges_by_no_other_ask_of_the_provider_than_the_rounds(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    market.terms = another_ask(terms)
    judge(oracle)
    assert (market.sealed, market.verdicts) == ({}, [])


def test_a_provider_runs_nothing_under_another_of_its_asks_than_the_rounds(market, terms, tmp_path):
    provider = make_provider(market, tmp_path)
    event = seen(provider, lease_event(terms))
    market.terms = another_ask(terms)
    provider.run_lease(event)
    assert provider._journal.leases(WorkState.DECLINED) == [event]


def test_a_provider_waits_for_a_round_that_is_not_shown_yet(market, terms, tmp_path):
    provider = make_provider(market, tmp_path)
    market.round = None
    with pytest.raises(ServiceUnavailable):
        provider.run_lease(seen(provider, lease_event(terms)))
