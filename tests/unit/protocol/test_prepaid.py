"""Settlement without a lock, as Python has it: names of finished work, sums over jobs, proofs that a job is in them."""

from dataclasses import replace

import pytest
from eth_utils import keccak, to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.messages import Bid
from marketplace.protocol.prepaid import NettedJob, PrepaidDomain, job_proof, net, pack_sum, verify_job, work_lease_id
from tests.unit.protocol.test_messages import messages_of

MARKET, RENTER, OTHER, PROVIDER = (to_checksum_address(bytes([number]) * 20) for number in (5, 1, 2, 3))
DATA = "0x" + "da" * 32
DOMAIN = PrepaidDomain(8453, to_checksum_address(bytes([9]) * 20))
JOB = NettedJob("0x" + "b1" * 32, RENTER, PROVIDER, 1_000, 50, "0x" + "ab" * 32)
jobs = st.builds(
    NettedJob,
    bid_hash=st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
    renter=st.sampled_from([RENTER, OTHER]),
    provider=st.sampled_from([PROVIDER, OTHER]),
    pay=st.integers(0, 2**40),
    fee=st.just(0),
    result_digest=st.just(DATA),
)


@given(messages_of(Bid))
def test_finished_work_is_named_by_the_bid_as_signed_and_its_provider(bid):
    provider, digest = bytes(12) + bytes([3]) * 20, bytes.fromhex(bid.digest(DOMAIN)[2:])
    assert work_lease_id(bid, PROVIDER, DOMAIN) == "0x" + keccak(provider + digest).hex()


@given(messages_of(Bid))
def test_the_same_work_has_another_name_on_another_chain_and_at_another_contract(bid):
    domains = (DOMAIN, replace(DOMAIN, chain_id=1), replace(DOMAIN, escrow=MARKET))
    assert len({work_lease_id(bid, PROVIDER, domain) for domain in domains}) == 3


def test_a_leaf_has_every_field_of_a_job_at_its_place():
    leaf = JOB.leaf()
    assert len(leaf) == 32 + 20 + 20 + 8 + 8 + 32
    assert leaf == b"\xb1" * 32 + b"\x01" * 20 + b"\x03" * 20 + (1_000).to_bytes(8) + (50).to_bytes(8) + b"\xab" * 32


def test_a_batch_has_the_sums_of_its_jobs():
    batch = net(MARKET, 7, [JOB, replace(JOB, pay=500, fee=25), replace(JOB, renter=OTHER)], DATA, 500)
    assert batch.debits == (pack_sum(RENTER, 1_500, 2), pack_sum(OTHER, 1_000, 1))
    assert batch.credits == (pack_sum(PROVIDER, 2_375, 3),)
    assert (batch.market, batch.number, batch.data_digest) == (MARKET, 7, DATA)


@given(st.lists(jobs, min_size=1, max_size=9))
def test_debits_and_credits_count_the_same_money_and_the_same_jobs(batch_jobs):
    batch = net(MARKET, 1, batch_jobs, DATA)
    total = sum(job.pay for job in batch_jobs) | len(batch_jobs) << 64
    assert sum(word >> 160 for word in batch.debits) == sum(word >> 160 for word in batch.credits) == total


def test_a_fee_that_is_not_the_rate_is_refused():
    with pytest.raises(ValueError, match="is 51, not 500 bps of 1000"):
        net(MARKET, 1, [replace(JOB, fee=51)], DATA, 500)


@given(st.lists(jobs, min_size=1, max_size=9, unique_by=lambda job: job.bid_hash), st.data())
def test_a_proof_shows_a_job_under_the_root_and_no_other(batch_jobs, data):
    index = data.draw(st.integers(0, len(batch_jobs) - 1))
    root, proof = net(MARKET, 1, batch_jobs, DATA).jobs_root, job_proof(batch_jobs, index)
    job, count = batch_jobs[index], len(batch_jobs)
    assert verify_job(job, index, count, proof, root)
    assert not verify_job(replace(job, pay=job.pay + 1), index, count, proof, root)
    assert not verify_job(job, index + 1, count, proof, root) and not verify_job(job, index, count, proof, DATA)
