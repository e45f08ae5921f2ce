"""Collateral comes with a provider's evidence: it is a stranger's document to the oracle that reads it."""

import json

import pytest

from agent.tee import DcapVerifier
from marketplace.errors import InvalidEvidence
from tests.fakes.recursion import raised_recursion_limit
from tests.unit.agent.played_tee import SAMPLED_AT, TDX, sample


@pytest.mark.parametrize("part", ["tcb_info", "qe_identity"])
def test_a_part_of_the_collateral_that_is_nested_beyond_the_stack_is_refused_unread(part):
    quote, collateral = sample(TDX)
    document = json.loads(collateral) | {part: "[" * 10_000 + "]" * 10_000}
    with raised_recursion_limit(), pytest.raises(InvalidEvidence, match=f"{part}: is not JSON .*recursion limit"):
        DcapVerifier().verify(quote, json.dumps(document).encode(), SAMPLED_AT)
