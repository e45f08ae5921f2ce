"""Values at which a rule begins or ends, and the first block: what no example of the rule itself comes near."""

import pytest

from marketplace.protocol.enums import CancelKind, Outcome
from tests.contracts.BadInput.test_full_words import TREASURY, fees_word, fill
from tests.contracts.deployed import furnished
from tests.contracts.Escrow.test_full_words import EARNED
from tests.contracts.Escrow.test_full_words import fill as fill_provider
from tests.contracts.world import FEE, HOUR, PRICE, reverts_with

MOST = 2**63 - 1
LINES = ("gpu_hour_rate", "vcpu_hour_rate", "gb_hour_rate", "gfuel_rate", "egress_gb_rate")
LEAST = {"gpus": 1, "vcpus": 1, "memory_mb": 1, "duration_seconds": 1, "fuel": 1, "egress_mb": 1}


@pytest.fixture
def untouched(world):
    """A market in which nobody has done anything yet."""
    return furnished(world.token)


def test_the_fee_is_told_from_the_first_block(untouched):
    deployed = untouched.escrow.tx.events
    assert [dict(event) for event in deployed["FeeChanged"]] == [{"feeBps": 500}]
    assert untouched.escrow.feeBps() == 500


def test_an_empty_escrow_takes_all_that_accounts_can_hold_at_once(untouched):
    untouched.token.mint(untouched.stranger, MOST, {"from": untouched.deployer})
    untouched.token.approve(untouched.escrow, MOST, {"from": untouched.stranger})
    untouched.escrow.deposit(MOST, {"from": untouched.stranger})
    assert untouched.free(untouched.stranger) == MOST


@pytest.mark.parametrize("line", LINES)
def test_the_least_of_every_line_costs_one_micro_usdc(world, line):
    rates = {**dict.fromkeys(LINES, 0), line: 1, "minimum_charge": 0}
    with reverts_with("NothingOpened"):
        world.open(world.bid(**LEAST), world.ask(**rates), price=0)
    assert world.open(world.bid(**LEAST), world.ask(**rates), price=1)


@pytest.mark.parametrize("verification", range(4))
def test_every_verification_that_is_known_opens(world, verification):
    assert world.open(world.bid(verification=verification))


def test_the_greatest_salt_of_an_ask_spoils_no_counter(world):
    for _ in range(2):
        world.settle(world.verdict(world.open(), pay=PRICE))
    world.escrow.cancel(CancelKind.ASKS_BEFORE, 2**32 - 1, {"from": world.provider})
    account = world.provider_account()
    assert (account["askSalt"], account["settled"], account["openLeases"]) == (2**32 - 1, 2, 0)


def test_a_failure_counts_beside_what_expired(world, chain):
    overdue = world.open()
    chain.sleep(3 * HOUR)
    world.refund(overdue)
    world.settle(world.verdict(world.open(), Outcome.FAILED))
    assert world.record() == {"failed": 1, "expired": 1}


def test_fees_without_an_oracle_add_up_from_the_first_micro_usdc_on(world):
    for pay, held in [(20, 1), (20, 2), (PRICE, 2 + FEE)]:
        lease = world.open()
        world.claim(lease, pay)
        world.release(lease, sender=world.renter)
        assert world.escrow.fees(0) == held


def test_a_provider_can_earn_to_the_last_micro_usdc_that_its_word_holds(world):
    lease = world.open()
    fill_provider(world, world.provider, EARNED - (2**19 - 1))
    world.settle(world.verdict(lease, pay=PRICE))
    room = EARNED - world.provider_account()["earned"]
    pay = next(pay for pay in range(PRICE + 1) if pay - pay * 500 // 10_000 == room)
    world.settle(world.verdict(world.open(), pay=pay))
    assert world.provider_account()["earned"] == EARNED
    assert world.renter_account(world.provider)["free"] == 0


def test_a_treasury_can_be_filled_to_the_last_micro_usdc(world):
    world.settle(world.verdict(world.open(), pay=40))
    fill(world, fees_word(1), 2, 54)
    assert world.escrow.fees(1) == TREASURY - 1
    world.settle(world.verdict(world.open(), pay=20))
    assert world.escrow.fees(1) == TREASURY
    with reverts_with("AmountTooLarge"):
        world.settle(world.verdict(world.open(), pay=20))


def test_what_members_of_two_words_earned_adds_up(world):
    committee = world.rotate(world.oracles + world.candidates, 3)
    signers = (0, 6, 8)
    for _ in range(2):
        world.settle(world.verdict(world.open(), pay=PRICE), oracles=[committee.members[index] for index in signers])
    each = FEE // 5 // 3
    found = [world.escrow.oracleCredit(committee.epoch, index) for index in range(9)]
    assert found == [2 * each if index in signers else 0 for index in range(9)]
