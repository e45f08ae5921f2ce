"""`hive verify audit`: what it holds a market to, beside the draw itself."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from marketplace.cli.verify import check_attested, find_draw, require_claimed, require_opened
from marketplace.errors import InvalidSignature, MalformedMessage, NotFound, TranscriptMismatch
from tests.unit.agent.played_market import AGENT, DOMAIN, PROVIDER
from tests.unit.agent.test_work import attest, ended, lease_event, lease_terms, script_spec
from tests.unit.protocol.test_audits import ATTESTATION, DRAW, LEASE, MEMBERS, SHARES, draw_of, signed

OTHERS = tuple(f"0x{number:040x}" for number in (1, 2, 3))


def test_the_draw_is_that_of_the_committee_that_signed_it_though_another_sits_since():
    shown = signed(DRAW, SHARES)
    draw, number = find_draw(DRAW.domain, [OTHERS, MEMBERS, OTHERS], LEASE, ATTESTATION, shown)
    assert (draw, number) == (DRAW, draw_of(DRAW, SHARES))


def test_signatures_of_no_committee_of_the_chain_are_no_draw():
    assert find_draw(DRAW.domain, [OTHERS], LEASE, ATTESTATION, signed(DRAW, SHARES))[1] is None
    with pytest.raises(NotFound):
        find_draw(DRAW.domain, [], LEASE, ATTESTATION, signed(DRAW, SHARES))


@pytest.mark.parametrize("shown", [{"ratePpm": 500_000, "drawn": False}, {"ratePpm": 600_000, "drawn": True}, {}])
def test_a_market_that_says_otherwise_is_found_out(shown):
    require_claimed({"ratePpm": 500_000, "drawn": True}, 500_000, True)
    with pytest.raises(TranscriptMismatch, match="by what was signed it is 500000, True"):
        require_claimed(shown, 500_000, True)


def chain_of(*events):
    return SimpleNamespace(deployed_at_block=1, head=lambda: SimpleNamespace(number=9), events=lambda *blocks: events)


def test_terms_are_those_that_the_chain_opened_the_lease_for():
    terms = lease_terms()
    event = lease_event(terms)
    require_opened(chain_of(event), event.lease_id, terms)
    for reader, given in (
        (chain_of(), terms),
        (chain_of(replace(event, lease_id="0x" + "22" * 32)), terms),
        (chain_of(replace(event, bid_hash="0x" + "22" * 32)), terms),
        (chain_of(event), replace(terms, job_spec=script_spec(name="another"))),
    ):
        with pytest.raises(TranscriptMismatch):
            require_opened(reader, event.lease_id, given)


def test_evidence_is_of_this_lease_and_signed_by_the_asks_agent():
    terms = lease_terms()
    terms = replace(terms, ask=terms.ask.model_copy(update={"agent": AGENT.address}))
    attestation = attest(ended())
    evidence = {"attestation": attestation.to_json(), "signature": attestation.sign(DOMAIN, AGENT.key)}
    assert check_attested(terms, evidence, DOMAIN, attestation.lease_id) == attestation.digest(DOMAIN)
    with pytest.raises(MalformedMessage):
        check_attested(terms, evidence, DOMAIN, "0x" + "22" * 32)
    with pytest.raises(InvalidSignature):
        forged = evidence | {"signature": attestation.sign(DOMAIN, PROVIDER.key)}
        check_attested(terms, forged, DOMAIN, attestation.lease_id)
