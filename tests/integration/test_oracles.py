"""Oracles on a real market: verdicts that nobody reads too early, their record on chain, bonds put up and taken out.

One oracle of three runs by itself; the second is gone, and the third is this test, with the third's key.
"""

import time

import pytest

from agent.earnings import compute_worth
from marketplace.cli.localmarket import LocalMarket
from marketplace.client import MarketClient
from marketplace.client.waiting import wait_until
from marketplace.domain.oracle_record import compute_records
from marketplace.errors import ConflictError, NotFound, Reverted
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Attestation, Verdict, VerdictBatch, VerdictReveal, VerdictSeal
from tests.integration.local import (
    ORACLES,
    RENTER,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan,
    submit,
)

RUNNING, GONE, OWN = ORACLES
SECRET = "0x" + "5e" * 32
pytestmark = pytest.mark.timeout(280)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with LocalMarket(plan(), tmp_path_factory.mktemp("market")) as market:
        market.start()
        for oracle in (GONE, OWN):
            market.process(oracle).kill()
        yield market


def attested_lease(market, client: MarketClient, job_id: str) -> str:
    """The job's lease, as soon as its provider has attested."""

    def leases():
        return client.job(job_id)["leases"]

    wait_until(lambda: bool(leases()) and leases()[0]["resultDigest"], timeout=120, what="The attestation")
    return leases()[0]["leaseId"]


def honest_verdict(client: MarketClient, lease_id: str) -> Verdict:
    """What the attested run comes to: this provider is honest."""
    terms = client.lease_terms(lease_id)
    attestation = Attestation.parse(client.attestation(lease_id)["attestation"])
    pay = compute_worth(terms, attestation)
    return Verdict(lease_id=lease_id, outcome=Outcome.PAID, pay=pay, result_digest=attestation.result_digest)


def shown_verdicts(market, client: MarketClient, lease_id: str) -> list:
    """Every verdict that any address of the market tells to anybody, whoever they say they are."""
    found = list(client.lease(lease_id)["verdicts"])
    found += [one["reveal"] for one in client.seals(lease_id)["seals"] if one["reveal"] is not None]
    job_id = client.lease(lease_id)["jobId"]
    found += [one for one in client.job_events(job_id) if one["event"] == "verdict"]
    for oracle in ORACLES:
        found += [one for one in client.reveals(market.addresses[oracle]) if "reveal" in str(one["seals"])]
        found += client.batches(market.addresses[oracle])
    return found


def test_who_looks_for_others_verdicts_before_sealing_finds_none_and_reveals_only_its_own(market, tmp_path):
    own, key, domain = market.addresses[OWN], market.keys[OWN], market.reader().domain
    job_id = submit(market, tmp_path, "print(sum(range(1000)))")
    with market.client() as client:
        lease_id = attested_lease(market, client, job_id)
        # Whatever the running oracle does meanwhile, it alone is not enough for its seal to be opened.
        waited = time.monotonic() + 8
        while time.monotonic() < waited:
            assert shown_verdicts(market, client, lease_id) == []
            assert client.reveals(market.addresses[RUNNING]) == []
        assert client.lease(lease_id)["sealedBy"] == [market.addresses[RUNNING]]

        reveal = VerdictReveal.of(honest_verdict(client, lease_id), SECRET)
        with pytest.raises(ConflictError, match="sealed no verdict"):
            client.post_reveal(reveal, own, reveal.sign(domain, key))
        seal = reveal.seal(own)
        client.post_seal(seal, own, seal.sign(domain, key))
        wait_until(lambda: client.reveals(own), timeout=60, what="The opening")
        (asked,) = client.reveals(own)
        signers = {VerdictSeal.parse(one["seal"]).recover(domain, one["sealSignature"]) for one in asked["seals"]}
        assert signers == {own, market.addresses[RUNNING]}
        assert shown_verdicts(market, client, lease_id) == [], "the other has revealed, and nobody is told"

        other = reveal.model_copy(update={"secret": "0x" + "00" * 32})
        with pytest.raises(ConflictError, match="does not open"):
            client.post_reveal(other, own, other.sign(domain, key))
        assert [(one["oracle"], one["kind"]) for one in client.oracle_faults()] == [(own, "mismatched")]
        client.post_reveal(reveal, own, reveal.sign(domain, key))
        wait_until(lambda: client.batches(own), timeout=60, what="The batch")
        (batch,) = client.batches(own)
        verdicts = [Verdict.parse(one) for one in batch["verdicts"]]
        assert verdicts == [reveal.verdict]
        client.sign_batch(batch["digest"], own, VerdictBatch.of(verdicts).sign(domain, key))
        assert finish(market, job_id)["state"] == "paid"
        assert len([one for one in client.seals(lease_id)["seals"] if one["reveal"] is not None]) == 2


def test_the_chain_alone_tells_who_signed_and_what_it_earned(market):
    reader = market.reader()
    events = reader.events(reader.deployed_at_block, reader.head().number)
    records = {one.oracle: one for one in compute_records(reader.committees(), events)}
    signed = {
        name: (records[market.addresses[name]].signed, records[market.addresses[name]].absent) for name in ORACLES
    }
    assert signed == {RUNNING: (1, 0), GONE: (0, 1), OWN: (1, 0)}
    for oracle in (RUNNING, OWN):
        assert records[market.addresses[oracle]].earned == reader.oracle_credits()[market.addresses[oracle]] > 0
    market.account(OWN).credit_oracle_fees()
    events = reader.events(reader.deployed_at_block, reader.head().number)
    (own,) = (one for one in compute_records(reader.committees(), events) if one.oracle == market.addresses[OWN])
    assert own.credited == own.earned and reader.oracle_credits()[own.oracle] == 0


def test_a_market_that_is_asked_about_no_lease_tells_nothing(market):
    with market.client() as client, pytest.raises(NotFound):
        client.seals("0x" + "00" * 32)


def test_a_bond_is_put_up_and_taken_out_but_for_what_a_member_keeps(market):
    account, reader = market.account(RENTER), market.reader()
    assert reader.oracle_bond(account.address).active == 0
    account.bond_oracle(account.address, 3 * USDC)
    account.unbond_oracle(USDC)
    bond = reader.oracle_bond(account.address)
    assert (bond.active, bond.unbonding, bond.kept, bond.available) == (2 * USDC, USDC, 0, 2 * USDC)
    with pytest.raises(Reverted) as refused:
        account.withdraw_bond()
    assert refused.value.name == "BondStillLocked"
    member, minimum = market.account(OWN), reader.oracle_bond(market.addresses[OWN]).kept
    assert minimum > 0
    with pytest.raises(Reverted) as refused:
        member.unbond_oracle(reader.oracle_bond(member.address).available + 1)
    assert refused.value.name == "BondInsufficient"
    member.resign_committee()
    assert reader.oracle_bond(member.address).kept == 0
    member.unbond_oracle(reader.oracle_bond(member.address).available)
    market.devnet.advance_time(bond.withdrawable_at - reader.head().timestamp + 1)
    before = reader.token_balance(account.address)
    account.withdraw_bond()
    assert reader.token_balance(account.address) == before + USDC
    assert reader.oracle_bond(account.address).unbonding == 0
    assert_every_micro_usdc_is_accounted_for(market)
