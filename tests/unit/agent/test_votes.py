"""Replicas vote: the pure rule, and an oracle that counts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.votes import Undecided, decide_by_votes
from marketplace.protocol.enums import ExitKind, Outcome, Verification
from tests.unit.agent.played_market import AGENT, DOMAIN, PROVIDER, PlayedMarket
from tests.unit.agent.test_oracle import honest, judge, make_oracle
from tests.unit.agent.test_work import attest, ended, lease_event, lease_terms

RESULTS = ["0x" + digit * 64 for digit in "abc"]
KINDS = [ExitKind.EXITED, ExitKind.MEMORY_LIMIT, ExitKind.TIMEOUT]


def vote(result: str = RESULTS[0], kind: ExitKind = ExitKind.EXITED, **changes):
    return attest(ended(kind), result_digest=result, **changes)


votes = st.lists(st.builds(vote, st.sampled_from(RESULTS), st.sampled_from(KINDS)), min_size=1, max_size=7)


def test_what_more_than_half_say_is_paid_and_who_says_something_else_is_a_fraud():
    attested = [vote(), vote(), vote(RESULTS[1])]
    assert [decide_by_votes(own, attested, 3)[0] for own in attested] == [Outcome.PAID, Outcome.PAID, Outcome.FRAUD]
    assert decide_by_votes(attested[2], attested, 3)[1] == RESULTS[0]


def test_a_tie_pays_nobody_and_blames_nobody():
    attested = [vote(), vote(RESULTS[1])]
    assert [decide_by_votes(own, attested, 2)[0] for own in attested] == [Outcome.FAILED] * 2


def test_nothing_is_decided_while_a_result_could_still_get_its_majority():
    with pytest.raises(Undecided, match="1 of 2"):
        decide_by_votes(vote(), [vote()], 2)
    with pytest.raises(Undecided):
        decide_by_votes(vote(), [vote(), vote(RESULTS[1])], 3)


def test_end_that_need_not_repeat_is_refunded_at_once_and_is_no_vote():
    late = vote(kind=ExitKind.TIMEOUT)
    assert decide_by_votes(late, [late], 3)[0] is Outcome.FAILED
    with pytest.raises(Undecided):
        decide_by_votes(vote(), [vote(), late], 3)
    assert decide_by_votes(vote(), [vote(), late, late], 3)[0] is Outcome.FAILED


def test_failure_that_a_majority_shares_is_refunded_without_blame():
    failed = [vote(kind=ExitKind.MEMORY_LIMIT)] * 2
    assert decide_by_votes(failed[0], [*failed, vote()], 3)[0] is Outcome.FAILED
    assert decide_by_votes(vote(), [*failed, vote()], 3)[0] is Outcome.FRAUD


@pytest.mark.parametrize("lie", [{"exit_code": 1}, {"fuel": 1}, {"result": RESULTS[1]}])
def test_a_vote_is_for_the_result_its_exit_code_and_its_fuel(lie):
    with_lie = vote(**lie)
    assert decide_by_votes(with_lie, [vote(), vote(), with_lie], 3)[0] is Outcome.FRAUD


def test_where_nothing_is_metered_only_a_program_that_came_to_its_end_votes():
    attested = [vote(kind=ExitKind.MEMORY_LIMIT), vote(kind=ExitKind.MEMORY_LIMIT), vote()]
    decided = [decide_by_votes(own, attested, 3, is_metered=False)[0] for own in attested]
    assert decided == [Outcome.FAILED] * 3, "two kernels that end another process are no majority against a third"


@given(votes, st.integers(0, 3))
def test_whatever_the_others_still_say_what_is_decided_stays(attested, missing):
    replicas = len(attested)
    for known in range(1, replicas):
        try:
            early = decide_by_votes(attested[0], attested[:known], replicas + missing)
        except Undecided:
            continue
        assert decide_by_votes(attested[0], attested, replicas + missing) == early


@given(votes)
def test_once_all_have_attested_everything_is_decided_and_never_two_results_are_paid(attested):
    decided = [decide_by_votes(own, attested, len(attested)) for own in attested]
    assert len({result for outcome, result in decided if outcome is Outcome.PAID}) <= 1
    assert any(outcome is not Outcome.FRAUD for outcome, _ in decided), "somebody must be right to call others wrong"


# --- the daemon -------------------------------------------------------------------------------------------------------


class Replicas(PlayedMarket):
    """Three leases of one bid; a test says what each attests."""

    def __init__(self, terms):
        super().__init__(terms)
        self.attested = {}

    def attestation(self, lease_id):
        self.evidence = self.attested.get(lease_id)
        return super().attestation(lease_id)

    def attest(self, event, **changes):
        said = honest(self.terms, lease_id=event.lease_id, **changes)
        evidence = {
            "attestation": said.to_json(),
            "signature": said.sign(DOMAIN, AGENT.key),
            "manifest": ended().manifest.to_json(),
        }
        self.attested[event.lease_id] = evidence
        self.claimed.append({"leaseId": event.lease_id})


@pytest.fixture
def replicated(tmp_path):
    given = lease_terms()
    bid = given.bid.model_copy(update={"replicas": 3, "verification": int(Verification.REPLICATE)})
    ask = given.ask.model_copy(update={"provider": PROVIDER.address, "agent": AGENT.address})
    terms = replace(given, bid=bid, ask=ask, ask_signature=ask.sign(DOMAIN, PROVIDER.key))
    market = Replicas(terms)
    oracle = make_oracle(market, tmp_path, runner=lambda terms: pytest.fail("votes are counted, nothing is run"))
    events = [replace(lease_event(terms), lease_id="0x" + digit * 64) for digit in "123"]
    oracle._journal.record_blocks(1, "0x1", events, [])
    return market, oracle, events


def outcomes(market):
    return {verdict.lease_id[2]: verdict.outcome for verdict in market.verdicts}


def test_oracle_waits_for_votes_and_then_judges_without_running_anything(replicated):
    market, oracle, events = replicated
    market.attest(events[0])
    judge(oracle)
    assert market.verdicts == []
    market.attest(events[1])
    market.attest(events[2], exit_code=7)
    judge(oracle)
    assert outcomes(market) == {"1": Outcome.PAID, "2": Outcome.PAID, "3": Outcome.FRAUD}
    assert [verdict.pay > 0 for verdict in market.verdicts] == [True, True, False]


def test_a_replica_whose_evidence_nobody_signed_has_no_vote(replicated):
    market, oracle, events = replicated
    market.attest(events[0])
    market.attest(events[1])
    market.attested[events[1].lease_id]["signature"] = market.attested[events[0].lease_id]["signature"]
    judge(oracle)
    assert market.verdicts == []


def test_a_replica_that_is_settled_already_still_has_its_vote(replicated):
    market, oracle, events = replicated
    for event in events[:2]:
        market.attest(event)
    oracle._journal.record_blocks(2, "0x2", [], [events[0].lease_id])
    market.claimed = market.claimed[1:]
    judge(oracle)
    assert outcomes(market) == {"2": Outcome.PAID}
