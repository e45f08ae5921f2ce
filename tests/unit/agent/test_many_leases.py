"""A lease that goes wrong, or was made to, harms no other: each is posted, paid and judged on its own."""

import threading
from dataclasses import replace

import pytest

from agent.daemon import each
from agent.outputs import Outputs
from marketplace.errors import AgentError, MalformedMessage, ServiceUnavailable
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Receipt
from tests.unit.agent.played_provider import make_provider
from tests.unit.agent.test_oracle import claim, honest, judge, make_oracle
from tests.unit.agent.test_work import ended, lease_event

BLOB = {ended().manifest.entries[0].digest: b"x" * 100}
LEASES = ["0x" + f"{n:064x}" for n in (1, 2, 3)]


def leased(provider, terms):
    events = [replace(lease_event(terms), lease_id=lease) for lease in LEASES]
    provider._journal.record_blocks(1, "0x1", events, [])
    return events


def test_attestation_that_the_market_refuses_keeps_no_other_back(market, terms, tmp_path):
    provider = make_provider(market, tmp_path, runner=lambda given, hooks=None: ended(blobs=BLOB))
    for event in leased(provider, terms):
        provider.run_lease(event)
    taken, take = [], market.post_attestation

    def refuse_first(lease_id, *rest):
        if lease_id == LEASES[0]:
            raise MalformedMessage("egress", "1 MB sent is more than the 0 MB reserved")
        taken.append(lease_id)
        take(lease_id, *rest)

    market.post_attestation = refuse_first
    with pytest.raises(MalformedMessage):
        provider.post_attestations()
    assert taken == LEASES[1:]


def test_output_that_is_gone_keeps_no_other_back(market, terms, tmp_path):
    kept = ended().manifest.entries[0].digest
    provider = make_provider(market, tmp_path, runner=lambda given, hooks=None: ended(blobs=BLOB))
    for event in leased(provider, terms):
        provider.run_lease(event)
    (tmp_path / "outputs" / kept).unlink()
    with pytest.raises(AgentError, match="cannot be read"):
        provider.post_attestations()
    market.blobs = dict(BLOB)
    provider.post_attestations()
    assert len(market.posted) == 3


def test_receipt_that_cannot_be_sent_keeps_no_other_back(market, terms, tmp_path):
    provider = make_provider(market, tmp_path, runner=lambda given, hooks=None: ended(blobs=BLOB, fuel_used=10**9))
    for event in leased(provider, terms):
        provider.run_lease(event)
    provider.post_attestations()

    def lease(lease_id):
        receipt = Receipt(lease_id=lease_id, pay=149_999, result_digest=ended().result_digest)
        return {"receipt": {"receipt": receipt.to_json(), "signature": "0x"}}

    accepted = []

    def accept(group, place, receipt, signature):
        if receipt.lease_id == LEASES[0]:
            raise ServiceUnavailable("reverted")
        accepted.append(receipt.lease_id)

    market.lease, provider.chain.accept = lease, accept
    with pytest.raises(ServiceUnavailable):
        provider.send_receipts()
    assert accepted == LEASES[1:]


def test_claim_that_cannot_be_sent_keeps_no_other_back(market, terms, tmp_path):
    first = make_provider(market, tmp_path, runner=lambda given, hooks=None: ended(blobs=BLOB, fuel_used=10**9))
    for event in leased(first, terms):
        first.run_lease(event)
    provider = make_provider(market, tmp_path, chain=first.chain, now=terms.bid.deadline - 300)
    find = provider.chain.find_group

    def away_first(lease_id):
        if lease_id == LEASES[0]:
            raise ServiceUnavailable("away")
        return find(lease_id)

    provider.chain.find_group = away_first
    with pytest.raises(ServiceUnavailable):
        provider.claim_unsettled()
    assert [one[3].lease_id for one in provider.chain.claimed] == LEASES[1:]


def test_first_error_of_many_is_told_after_all_were_tried():
    tried = []

    def work(number):
        tried.append(number)
        if number % 2:
            raise ServiceUnavailable(f"number {number}")

    with pytest.raises(ServiceUnavailable, match="number 1"):
        each(range(5), work)
    assert tried == [0, 1, 2, 3, 4]


def test_two_jobs_that_leave_the_same_bytes_at_once_both_keep_them(tmp_path):
    outputs, failures = Outputs(tmp_path / "outputs"), []

    def keep():
        try:
            for _ in range(50):
                outputs.keep("0xab", b"same" * 1000)
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == ["0xab"]


def test_oracle_abstains_from_an_end_that_does_not_exist_and_judges_on(market, terms, tmp_path):
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms, exit_kind=200))
    judge(oracle)
    assert market.verdicts == []
    oracle = make_oracle(market, tmp_path)
    claim(market, oracle, terms, honest(terms))
    judge(oracle)
    assert [verdict.outcome for verdict in market.verdicts] == [Outcome.PAID]
