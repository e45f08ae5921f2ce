"""Tokens that misbehave, against every contract that holds money and every way in or out."""

import brownie
import pytest
from eth_utils import keccak

from tests.contracts.OracleCommittee.test_contradictions import FAILED, PAID, signed
from tests.contracts.PaymentChannels.channels import Channels
from tests.contracts.world import (
    BOND_DELAY,
    DAY,
    ORACLE_BOND,
    PRICE,
    UINT256_MAX,
    UNBONDING_DELAY,
    USDC,
    create_hostile_world,
    reverts_with,
)

REENTERED = "0x" + keccak(text="ReentrancyGuardReentrantCall()")[:4].hex()
ANSWERS_FALSE, CALLS_BACK, KEEPS_A_PART = "TokenReturningFalse", "TokenReentering", "TokenTakingFee"


class Money:
    """A market on a hostile token with money in every contract, ready to leave; `out` and `into` are all the ways."""

    def __init__(self, world, token_name, *, filled=True):
        self.world = hostile = create_hostile_world(world, token_name)
        self.token, self.stranger = hostile.token, hostile.stranger
        self.oracle = hostile.oracles[0]
        self.channels = Channels(hostile)
        self.channel = self.channels.config()
        if filled:
            self.fill()

    def fill(self):
        """Put money everywhere and wait until all of it may leave."""
        hostile, channels = self.world, self.channels
        hostile.escrow.deposit(10 * USDC, {"from": hostile.renter})
        hostile.stake.stake(10 * USDC, {"from": hostile.provider})
        hostile.accept(hostile.open(), PRICE)
        for oracle in hostile.oracles[:2]:
            hostile.committee.bondFor(oracle, ORACLE_BOND, {"from": oracle})
        self.report(hostile.oracles[1])
        channels.open(self.channel)
        channels.redeem(channels.claim(self.channel, USDC))
        hostile.stake.unbond(USDC, {"from": hostile.provider})
        hostile.committee.unbond(USDC, {"from": self.oracle})
        channels.contract.startClose(self.channel.as_tuple(), {"from": channels.payer})
        brownie.chain.sleep(max(UNBONDING_DELAY, BOND_DELAY, DAY) + 1)

    def report(self, oracle):
        """Show that an oracle contradicted itself."""
        batches = signed(self.world, oracle, [PAID]), 0, signed(self.world, oracle, [FAILED]), 0
        return self.world.committee.reportContradiction(oracle, *batches, {"from": self.stranger})

    def out(self):
        """Every way out."""
        hostile, channels = self.world, self.channels
        terms = self.channel.as_tuple()
        return {
            "withdraw": lambda: hostile.escrow.withdraw(USDC, {"from": hostile.renter}),
            "withdraw earned": lambda: hostile.escrow.withdraw(1, {"from": hostile.provider}),
            "withdrawFees": lambda: hostile.escrow.withdrawFees(0, {"from": self.stranger}),
            "stake.withdraw": lambda: hostile.stake.withdraw({"from": hostile.provider}),
            "withdrawBond": lambda: hostile.committee.withdrawBond({"from": self.oracle}),
            "reportContradiction": lambda: self.report(self.oracle),
            "sendSlashed": lambda: hostile.committee.sendSlashed({"from": self.stranger}),
            "channels.withdraw": lambda: channels.contract.withdraw(channels.payee, {"from": self.stranger}),
            "channels.refund": lambda: channels.contract.refund(terms, 1, {"from": channels.payee}),
            "finishClose": lambda: channels.contract.finishClose(terms, {"from": channels.payer}),
        }

    def into(self):
        """Every way in by approval."""
        hostile, channels = self.world, self.channels
        return {
            "deposit": lambda: hostile.escrow.deposit(USDC, {"from": hostile.renter}),
            "depositFor": lambda: hostile.escrow.depositFor(self.oracle, USDC, {"from": hostile.renter}),
            "stake": lambda: hostile.stake.stake(USDC, {"from": hostile.provider}),
            "bondFor": lambda: hostile.committee.bondFor(self.oracle, USDC, {"from": self.oracle}),
            "channels.deposit": lambda: channels.open(self.channel),
        }

    def holders(self):
        """The contracts that hold money."""
        return [self.world.escrow, self.world.stake, self.world.committee, self.channels.contract]

    def held(self):
        """What each contract holds."""
        return [self.token.balanceOf(holder) for holder in self.holders()]

    def books(self):
        """What the contracts say they owe to whom."""
        hostile, contract = self.world, self.channels.contract
        return [
            [hostile.free(party) for party in (hostile.renter, hostile.provider, self.oracle)],
            hostile.bond(hostile.provider),
            hostile.committee.bondOf(self.oracle).dict(),
            (hostile.committee.slashed(), hostile.escrow.fees(0)),
            (self.channels.state(self.channel), contract.earnings(self.channels.payee)),
        ]


IN = ["deposit", "depositFor", "stake", "bondFor", "channels.deposit"]
OUT = [
    "withdraw", "withdraw earned", "withdrawFees", "stake.withdraw", "withdrawBond", "reportContradiction",
    "sendSlashed", "channels.withdraw", "channels.refund", "finishClose",
]  # fmt: skip


@pytest.mark.parametrize("way", IN)
def test_a_token_that_keeps_a_part_is_refused_wherever_money_comes_in(world, way):
    money = Money(world, KEEPS_A_PART, filled=False)
    error = {"deposit": "Transfer", "depositFor": "Transfer", "stake": "StakeTransfer", "bondFor": "BondTransfer"}
    with reverts_with(f"{error.get(way, 'Deposit')}Mismatch"):
        money.into()[way]()
    assert money.held() == [0] * 4


@pytest.mark.parametrize("way", IN)
def test_a_token_that_answers_false_is_refused_wherever_money_comes_in(world, way):
    money = Money(world, ANSWERS_FALSE, filled=False)
    money.token.setFailing(True, {"from": money.stranger})
    before = money.books()
    with reverts_with("SafeERC20FailedOperation", money.token):
        money.into()[way]()
    assert (money.books(), money.held()) == (before, [0] * 4)


@pytest.mark.parametrize("way", OUT)
def test_where_a_token_answers_false_nothing_left_and_nothing_is_forgotten(world, way):
    money = Money(world, ANSWERS_FALSE)
    money.token.setFailing(True, {"from": money.stranger})
    before = money.books(), money.held()
    with reverts_with("SafeERC20FailedOperation", money.token):
        money.out()[way]()
    assert (money.books(), money.held()) == before
    money.token.setFailing(False, {"from": money.stranger})
    money.out()[way]()


@pytest.mark.parametrize("way", OUT)
def test_a_token_that_calls_back_gets_out_of_each_contract_once(world, way):
    """It enters the same function of the same contract again, as itself: the guard refuses, whoever it is."""
    money = Money(world, CALLS_BACK)
    hostile, terms = money.world, money.channel.as_tuple()
    nothing = (money.oracle, ([], [], [], bytes(32), bytes(32)), 0, ([], [], [], bytes(32), bytes(32)), 0)
    target, call = {
        "withdraw": (hostile.escrow, hostile.escrow.withdraw.encode_input(1)),
        "withdraw earned": (hostile.escrow, hostile.escrow.withdraw.encode_input(1)),
        "withdrawFees": (hostile.escrow, hostile.escrow.withdrawFees.encode_input(0)),
        "stake.withdraw": (hostile.stake, hostile.stake.withdraw.encode_input()),
        "withdrawBond": (hostile.committee, hostile.committee.withdrawBond.encode_input()),
        "reportContradiction": (hostile.committee, hostile.committee.reportContradiction.encode_input(*nothing)),
        "sendSlashed": (hostile.committee, hostile.committee.sendSlashed.encode_input()),
        "channels.withdraw": (money.channels.contract, money.channels.contract.withdraw.encode_input(hostile.stranger)),
        "channels.refund": (
            money.channels.contract,
            money.channels.contract.refund.encode_input(terms, UINT256_MAX >> 128),
        ),
        "finishClose": (money.channels.contract, money.channels.contract.finishClose.encode_input(terms)),
    }[way]
    money.token.arm(target, call, {"from": money.stranger})
    money.out()[way]()
    assert money.token.attempted()
    assert str(money.token.lastError()) == REENTERED
