"""settleNetted(…): the quorum moves sums over many jobs, within allowances, all or nothing."""

from dataclasses import replace

import brownie
import pytest

from marketplace.protocol.prepaid import PrepaidDomain, pack_sum
from tests.contracts.batch import compact_words
from tests.contracts.Prepaid.paid import DATA, DELAY, PAID_IN, PAY, PAY_FEE
from tests.contracts.world import (
    HOUR,
    UINT64_MAX,
    USDC,
    ZERO_ADDRESS,
    event_of,
    now,
    reverts_with,
    statuses_at,
)


@pytest.fixture
def allowed(paid):
    """Every renter lets the quorum debit it."""
    for renter in paid.renters:
        paid.allow(paid.allowance(renter))
    return paid


def with_sums(batch, **changes):
    """The batch with other debits or credits; the quorum has not signed that yet."""
    return batch.model_copy(update=changes)


# --- what is moved -----------------------------------------------------------------------------------------------


def test_a_job_is_debited_and_credited_net_of_the_fee(allowed, world):
    batch = allowed.netted(allowed.netted_job())
    tx = allowed.settle_netted(batch)
    assert allowed.balance() == PAID_IN - PAY
    account = allowed.provider()
    assert (account["balance"], account["volume"], account["settled"]) == (PAY - PAY_FEE, PAY - PAY_FEE, 1)
    assert allowed.contract.allowanceOf(world.renter)["spent"] == PAY
    assert event_of(tx, "NettedSettled") == {
        "market": world.operator,
        "number": 1,
        "epoch": 1,
        "signers": 7,
        "jobsRoot": batch.jobs_root,
        "dataDigest": DATA,
        "debits": batch.debits,
        "credits": batch.credits,
    }
    assert allowed.is_sound()


def test_sums_over_many_jobs_are_moved_at_once(allowed, world):
    jobs = [allowed.netted_job(renter, provider) for renter in allowed.renters for provider in world.providers] * 4
    allowed.settle_netted(allowed.netted(*jobs))
    for renter in allowed.renters:
        assert allowed.balance(renter) == PAID_IN - 12 * PAY
    for provider in world.providers:
        assert allowed.provider(provider)["balance"] == 12 * (PAY - PAY_FEE)
        assert allowed.provider(provider)["settled"] == 12
    assert allowed.contract.fees(1) + sum(allowed.purses()) == 36 * PAY_FEE
    assert allowed.is_sound()


def test_a_fifth_of_the_fee_goes_to_the_oracles_that_signed(allowed, world):
    allowed.settle_netted(allowed.netted(allowed.netted_job()), oracles=world.oracles[2:])
    each = PAY_FEE // 5 // 3
    assert allowed.purses() == [0, 0, each, each, each]
    assert allowed.contract.fees(1) == PAY_FEE - 3 * each


def test_a_batch_without_any_fee_is_fine(allowed):
    allowed.settle_netted(allowed.netted(allowed.netted_job(fee=0)))
    assert allowed.provider()["balance"] == PAY
    assert allowed.is_sound()


def test_jobs_that_came_to_nothing_are_counted(allowed):
    allowed.settle_netted(allowed.netted(allowed.netted_job(pay=0)))
    assert allowed.provider()["settled"] == 1
    assert allowed.balance() == PAID_IN


def test_an_account_that_stands_twice_is_debited_and_credited_twice(allowed, world):
    batch = allowed.netted(allowed.netted_job(), allowed.netted_job())
    debit, credit = pack_sum(world.renter.address, PAY, 1), pack_sum(world.provider.address, PAY - PAY_FEE, 1)
    allowed.settle_netted(with_sums(batch, debits=(debit, debit), credits=(credit, credit)))
    assert allowed.balance() == PAID_IN - 2 * PAY
    assert allowed.provider()["balance"] == 2 * (PAY - PAY_FEE)


def test_an_account_can_be_debited_and_credited(allowed, world):
    allowed.settle_netted(allowed.netted(allowed.netted_job(provider=world.renter)))
    assert (allowed.balance(), allowed.provider(world.renter)["balance"]) == (PAID_IN - PAY, PAY - PAY_FEE)


def test_volume_and_counters_stay_at_their_greatest_and_block_nothing(allowed, world):
    batch = allowed.netted(allowed.netted_job())
    counts = [2**32 - 1, 1]
    debits = tuple(pack_sum(world.renter.address, PAY, count) for count in counts)
    credits = tuple(pack_sum(world.provider.address, PAY - PAY_FEE, count) for count in counts)
    allowed.settle_netted(with_sums(batch, debits=debits, credits=credits))
    assert allowed.provider()["settled"] == 2**32 - 1
    assert allowed.provider()["balance"] == 2 * (PAY - PAY_FEE)


# --- numbers: none missing, none twice -----------------------------------------------------------------------------


def test_a_batch_is_settled_once(allowed):
    batch = allowed.netted(allowed.netted_job())
    allowed.settle_netted(batch)
    with reverts_with("WrongBatchNumber", 2, 1):
        allowed.settle_netted(batch)


def test_of_two_batches_with_one_number_one_is_settled(allowed):
    first, other = allowed.netted(allowed.netted_job()), allowed.netted(allowed.netted_job(), allowed.netted_job())
    allowed.settle_netted(other)
    with reverts_with("WrongBatchNumber", 2, 1):
        allowed.settle_netted(first)


@pytest.mark.parametrize("number", [0, 2, 2**256 - 1])
def test_no_number_is_left_out(allowed, number):
    with reverts_with("WrongBatchNumber", 1, number):
        allowed.settle_netted(allowed.netted(allowed.netted_job(), number=number))


def test_every_market_counts_for_itself(allowed, world):
    allowed.settle_netted(allowed.netted(allowed.netted_job()))
    other = with_sums(allowed.netted(allowed.netted_job()), market=world.stranger.address)
    allowed.settle_netted(other)
    counts = [allowed.contract.nettedBatches(market) for market in (world.operator, world.stranger, world.renter)]
    assert counts == [1, 1, 0]


# --- allowances --------------------------------------------------------------------------------------------------


def test_without_an_allowance_nobody_is_debited(paid, world):
    with reverts_with("AllowanceExceeded", world.renter, 0, PAY):
        paid.settle_netted(paid.netted(paid.netted_job()))


def test_the_cap_counts_from_the_first_debit_ever(paid, world):
    paid.allow(paid.allowance(cap=2 * PAY))
    paid.settle_netted(paid.netted(paid.netted_job()))
    with reverts_with("AllowanceExceeded", world.renter, 2 * PAY, 2 * PAY + 1):
        paid.settle_netted(paid.netted(paid.netted_job(pay=PAY + 1), number=2))
    paid.settle_netted(paid.netted(paid.netted_job(), number=2))
    assert paid.balance() == PAID_IN - 2 * PAY


def test_an_allowance_is_good_until_its_last_second(paid, world):
    end = now() + HOUR
    paid.allow(paid.allowance(valid_until=end))
    batch = paid.netted(paid.netted_job())
    call = paid.contract.settleNetted.encode_input(batch.as_tuple(), *paid.signed(batch))
    assert statuses_at([end, end + 1], paid.contract, call, world.stranger) == [1, 0]


def test_no_allowance_is_good_for_more_than_the_balance(paid, world):
    paid.allow(paid.allowance(cap=UINT64_MAX))
    with reverts_with("InsufficientBalance", world.renter, PAID_IN, PAID_IN + 1):
        paid.settle_netted(paid.netted(paid.netted_job(pay=PAID_IN + 1)))
    paid.settle_netted(paid.netted(paid.netted_job(pay=PAID_IN)))
    assert paid.balance() == 0


def test_one_who_cannot_pay_stops_the_batch_and_the_next_goes_without_it(allowed, world):
    allowed.contract.requestWithdrawal(PAID_IN, {"from": world.renter})
    brownie.chain.sleep(DELAY + 1)
    allowed.contract.withdraw({"from": world.renter})
    jobs = [allowed.netted_job(renter) for renter in world.renters]
    with reverts_with("InsufficientBalance", world.renter, 0, PAY):
        allowed.settle_netted(allowed.netted(*jobs))
    allowed.settle_netted(allowed.netted(*jobs[1:]))
    assert allowed.provider()["settled"] == 2


# --- sums --------------------------------------------------------------------------------------------------------


def test_an_empty_batch_reverts(allowed):
    with reverts_with("EmptyBatch"):
        allowed.settle_netted(allowed.netted())


@pytest.mark.parametrize("fee, fits", [(PAY_FEE, True), (PAY_FEE + 1, False)])
def test_what_is_kept_is_at_most_the_fee(allowed, fee, fits):
    batch = allowed.netted(allowed.netted_job(fee=fee))
    if fits:
        allowed.settle_netted(batch)
        return
    with reverts_with("SumsDiffer", PAY, PAY - fee, PAY_FEE):
        allowed.settle_netted(batch)


def test_nobody_is_credited_what_was_not_debited(allowed, world):
    batch = allowed.netted(allowed.netted_job())
    credits = (pack_sum(world.provider.address, PAY + 1, 1),)
    with reverts_with("SumsDiffer", PAY, PAY + 1, PAY_FEE):
        allowed.settle_netted(with_sums(batch, credits=credits))


def test_sums_of_all_bits_do_not_run_over(allowed, world):
    batch = allowed.netted(allowed.netted_job())
    credits = tuple(pack_sum(world.provider.address, UINT64_MAX, 0) for _ in range(3))
    credits += (pack_sum(world.provider.address, PAY, 1),)
    with reverts_with("SumsDiffer", PAY, 3 * UINT64_MAX + PAY, PAY_FEE):
        allowed.settle_netted(with_sums(batch, credits=credits))


def test_both_sides_count_as_many_jobs(allowed, world):
    batch = allowed.netted(allowed.netted_job())
    with reverts_with("JobsDiffer", 1, 2):
        allowed.settle_netted(with_sums(batch, credits=(pack_sum(world.provider.address, PAY, 2),)))


def test_a_lower_fee_since_the_signing_stops_the_batch(allowed, world):
    batch = allowed.netted(allowed.netted_job())
    world.govern(allowed.contract, allowed.contract.setFee.encode_input(499))
    with reverts_with("SumsDiffer", PAY, PAY - PAY_FEE, PAY * 499 // 10_000):
        allowed.settle_netted(batch)


def test_what_reverts_leaves_everything_as_it_was(allowed, world):
    batch = with_sums(allowed.netted(allowed.netted_job()), credits=(pack_sum(ZERO_ADDRESS, PAY + 1, 1),))
    with reverts_with("SumsDiffer"):
        allowed.settle_netted(batch)
    assert allowed.balance() == PAID_IN and allowed.contract.nettedBatches(world.operator) == 0
    assert allowed.contract.allowanceOf(world.renter).dict()["spent"] == 0
    assert allowed.contract.allowanceOf(world.renter).dict()["cap"] == 5 * USDC


# --- the quorum --------------------------------------------------------------------------------------------------


def test_two_oracles_are_too_few(allowed, world):
    with reverts_with("TooFewSignatures", 2, 3):
        allowed.settle_netted(allowed.netted(allowed.netted_job()), oracles=world.oracles[:2])


FIELDS = ["market", "jobs_root", "data_digest", "debits", "credits"]


@pytest.mark.parametrize("field", FIELDS)
def test_another_batch_is_not_what_the_oracles_signed(allowed, world, field):
    batch = allowed.netted(allowed.netted_job())
    renter, provider = world.renters[1].address, world.providers[1].address
    other = {
        "market": world.stranger.address,
        "jobs_root": DATA,
        "data_digest": batch.jobs_root,
        "debits": (pack_sum(renter, PAY, 1),),
        "credits": (pack_sum(provider, PAY - PAY_FEE, 1),),
    }
    altered = with_sums(batch, **{field: other[field]})
    with reverts_with("NotSigned", world.oracles[0]):
        allowed.contract.settleNetted(altered.as_tuple(), *allowed.signed(batch), {"from": world.stranger})


@pytest.mark.parametrize("place", ["another chain", "another contract", "the escrow"])
def test_a_batch_signed_for_elsewhere_moves_nothing_here(allowed, world, place):
    domain = {
        "another chain": PrepaidDomain(1, allowed.contract.address),
        "another contract": replace(allowed.domain, escrow=world.stranger.address),
        "the escrow": world.domain,
    }[place]
    batch = allowed.netted(allowed.netted_job())
    signatures = compact_words([world.sign(batch, oracle, domain) for oracle in world.oracles[:3]])
    quorum = world.current_committee().quorum([0, 1, 2])
    with reverts_with("NotSigned", world.oracles[0]):
        allowed.contract.settleNetted(batch.as_tuple(), quorum, signatures, {"from": world.stranger})


def test_a_retired_committee_moves_nothing(allowed, world):
    batch = allowed.netted(allowed.netted_job())
    signed = allowed.signed(batch)
    world.rotate(world.candidates, 3)
    with reverts_with("WrongCommittee"):
        allowed.contract.settleNetted(batch.as_tuple(), *signed, {"from": world.stranger})
    tx = allowed.settle_netted(batch)
    assert event_of(tx, "NettedSettled")["epoch"] == 2
