"""Seals and reveals in bulk: what is ready goes together, and what is refused keeps nothing else out."""

from dataclasses import replace

import pytest

from marketplace.api.bodies import MOST_VERDICTS
from marketplace.client.oracles import MOST_AT_ONCE, in_parts
from marketplace.errors import ConflictError, InvalidSignature, ServiceUnavailable
from tests.unit.agent.played_market import AGENT, DOMAIN
from tests.unit.agent.test_oracle import claim, honest, make_oracle

LEASES = tuple("0x" + f"{number:02x}" * 32 for number in (0x11, 0x22, 0x33))


@pytest.fixture
def oracle(market, terms, tmp_path):
    """An oracle with three leases to judge."""
    oracle = make_oracle(market, tmp_path)
    first = claim(market, oracle, terms, honest(terms))
    others = [replace(first, lease_id=one) for one in LEASES[1:]]
    oracle._journal.record_blocks(2, "0x2", others, [])
    evidence = {one: _evidence(market, terms, one) for one in LEASES}
    market.attestation = lambda lease_id: evidence[lease_id]
    market.claimed = [{"leaseId": one} for one in LEASES]
    return oracle


def _evidence(market, terms, lease_id):
    attestation = honest(terms, lease_id=lease_id)
    return market.evidence | {
        "attestation": attestation.to_json(), "signature": attestation.sign(DOMAIN, AGENT.key),
    }  # fmt: skip


def counted(market, name) -> list[int]:
    """How many came in each request."""
    calls, post = [], getattr(market, name)

    def count(oracle, signed):
        calls.append(len(signed))
        return post(oracle, signed)

    setattr(market, name, count)
    return calls


def test_what_was_judged_together_is_sealed_and_revealed_in_one_request_each(market, oracle):
    seals, reveals = counted(market, "post_seals"), counted(market, "post_reveals")
    assert (oracle.judge_claims(), oracle.reveal_verdicts()) == (3, 3)
    assert (seals, reveals) == ([3], [3])
    assert [one.lease_id for one in market.verdicts] == list(LEASES)


def test_nothing_is_sent_where_nothing_is_ready(market, oracle):
    seals, reveals = counted(market, "post_seals"), counted(market, "post_reveals")
    assert (oracle.send_seals(), oracle.reveal_verdicts()) == (0, 0)
    assert seals == reveals == []


def test_a_verdict_that_is_ready_is_sealed_while_the_next_job_runs(market, oracle):
    judge, seen = oracle.judge, []

    def look_first(event):
        oracle.send_seals()  # as the daemon's loop does meanwhile
        seen.append(list(market.sealed))
        return judge(event)

    oracle.judge = look_first
    oracle.judge_claims()
    assert seen == [[], [LEASES[0]], [*LEASES[:2]]]


def test_a_seal_that_comes_too_late_keeps_no_other_out(market, oracle):
    post = market.post_seal

    def late(seal, *given):
        if seal.lease_id == LEASES[1]:
            raise ConflictError("the lease is closed")
        post(seal, *given)

    market.post_seal = late
    oracle.judge_claims()
    assert list(market.sealed) == [LEASES[0], LEASES[2]]


def test_a_refusal_that_is_no_conflict_is_said_after_the_others_were_taken(market, oracle):
    refuse = InvalidSignature("not yours")
    post = market.post_seals
    market.post_seals = lambda who, signed: [refuse, *post(who, signed[1:])]
    with pytest.raises(InvalidSignature):
        oracle.judge_claims()
    assert list(market.sealed) == [*LEASES[1:]]


def test_a_market_that_goes_away_is_sent_the_same_seals_at_the_next_look(market, oracle):
    market.away = True
    with pytest.raises(ServiceUnavailable):
        oracle.judge_claims()
    market.away = False
    secrets = [oracle._journal.secret(one) for one in LEASES if oracle._journal.verdict(one)]
    oracle.judge_claims()
    assert list(market.sealed) == list(LEASES)
    assert [oracle._journal.secret(one) for one in LEASES][: len(secrets)] == secrets


def test_more_than_a_request_takes_go_in_several(market):
    assert MOST_AT_ONCE == MOST_VERDICTS
    parts = list(in_parts(list(range(2 * MOST_AT_ONCE + 1))))
    assert [len(one) for one in parts] == [MOST_AT_ONCE, MOST_AT_ONCE, 1]
    assert [number for one in parts for number in one] == list(range(2 * MOST_AT_ONCE + 1))
