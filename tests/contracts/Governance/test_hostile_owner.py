"""An owner that means harm: whatever it calls, in whatever order and time, nobody can take out less, all can leave."""

from collections import Counter
from contextlib import suppress
from random import Random
from typing import Any

import brownie
import pytest
from brownie.exceptions import VirtualMachineError
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.protocol.enums import Outcome
from tests.contracts.Governance.calls import calldata, functions
from tests.contracts.Governance.stage import Stage, expected_takings, pool_of
from tests.contracts.world import DAY, ORACLE_BOND, PRICE, USDC, ZERO_ADDRESS, undone

GOVERNANCE = ["fee", "treasury", "pause", "committee", "ownership", "renounce", "delay"]


class HostileOwner:
    """The governor of the timelock, and an accomplice that takes the ownership over when it is given away."""

    def __init__(self, stage: Stage, rnd: Any):
        self.stage, self.world, self.rnd = stage, stage.world, rnd
        self.accomplice = self.world.candidates[0]
        self.pool = pool_of(stage, [self.accomplice])
        self.judged = False
        self.succeeded: Counter[str] = Counter()
        self.world.committee.bondFor(self.accomplice, ORACLE_BOND, {"from": self.accomplice})

    def act(self, kind: str) -> None:
        """One thing that an owner can do; what is refused is refused."""
        self.kind = kind
        if kind == "wait":
            brownie.chain.sleep(self.rnd.choice([60, 3_700, DAY, 40 * DAY]))
        elif kind == "anything":
            name, entry = self.rnd.choice(list(functions(self.world.contracts, views=False)))
            self.send(self.world.contracts[name], calldata(entry, self.choose).hex())
        elif kind == "token":
            self.send(self.world.token, self.token_call()[2:])
        elif kind == "verdict":
            self.judge()
        else:
            self.govern(kind)

    def govern(self, kind: str) -> None:
        """A call that only an owner can make."""
        escrow, committee = self.world.escrow, self.world.committee
        if kind == "ownership":
            return self.give_away(escrow, committee)
        owned = self.rnd.choice([escrow, committee])
        target, call = {
            "fee": lambda: (escrow, escrow.setFee.encode_input(self.rnd.choice([0, 1_000, 1_001, 65_535]))),
            "treasury": lambda: (escrow, escrow.setTreasury.encode_input(self.choose("address"))),
            "pause": lambda: (escrow, escrow.setOpeningPaused.encode_input(self.rnd.choice([True, False]))),
            "committee": lambda: (committee, committee.setCommittee.encode_input([self.accomplice], 1)),
            "renounce": lambda: (owned, owned.renounceOwnership.encode_input()),
            "delay": lambda: (self.world.timelock, self.world.timelock.updateDelay.encode_input(0)),
        }[kind]()
        self.send(target, call[2:])

    def give_away(self, *contracts: Any) -> None:
        """From then on the accomplice needs no delay."""
        for owned in contracts:
            self.send(owned, owned.transferOwnership.encode_input(self.accomplice)[2:])
            with suppress(VirtualMachineError):
                owned.acceptOwnership({"from": self.accomplice})

    def send(self, target: Any, call: str) -> None:
        """As the timelock, after its delay; and as the accomplice, who may be the owner by now."""
        with suppress(VirtualMachineError):
            self.world.govern(target, "0x" + call)
            self.succeeded[self.kind] += 1
        with suppress(VirtualMachineError):
            self.accomplice.transfer(target, 0, data="0x" + call, gas_limit=3_000_000)

    def judge(self) -> None:
        """If the committee is its own, it has the open lease called a fraud, or paid."""
        lease, world = self.stage.open, self.world
        if list(world.committee.members()) != [self.accomplice] or not world.is_open(lease):
            return
        outcome = self.rnd.choice([(Outcome.FRAUD, 0), (Outcome.PAID, PRICE)])
        world.settle(world.verdict(lease, *outcome))
        self.judged = True

    def token_call(self) -> str:
        """What would move tokens if the timelock held any, or had an allowance."""
        token, victim = self.world.token, self.choose("address")
        return self.rnd.choice(
            [
                token.transferFrom.encode_input(victim, self.accomplice, USDC),
                token.transfer.encode_input(self.accomplice, USDC),
                token.approve.encode_input(self.accomplice, USDC),
            ]
        )

    def choose(self, kind: str) -> Any:
        """A value for an argument."""
        if kind.startswith("uint") or kind.startswith("int"):
            bits = int(kind.lstrip("uint")) - kind.startswith("int")
            return min(self.rnd.choice([0, 1, PRICE, USDC, 2**255]), 2**bits - 1)
        if kind in self.pool:
            return self.rnd.choice(self.pool[kind])
        return b"" if kind == "bytes" else bytes(int(kind.removeprefix("bytes")))


@pytest.fixture
def stage(world):
    """A market in the middle of everything."""
    return Stage(world)


ACTIONS = st.permutations([*GOVERNANCE, "anything", "anything", "token", "verdict", "wait", "wait"]).map(
    lambda kinds: kinds[:8]
)


def test_whatever_the_owner_does_nobody_can_take_out_less_and_everybody_can_leave(stage):
    succeeded: Counter[str] = Counter()

    @settings(max_examples=8)
    @given(actions=ACTIONS, rnd=st.randoms(use_true_random=False))
    def harm(actions, rnd):
        with undone():
            owner = HostileOwner(stage, rnd)
            least = before = stage.withdrawable()
            for action in actions:
                owner.act(action)
                now = stage.withdrawable()
                assert all(now[place] >= amount for place, amount in least.items()), action
                least = now
            assert_everybody_leaves(stage, before, owner)
            succeeded.update(owner.succeeded)

    harm()
    assert succeeded.keys() >= {"fee", "treasury", "pause", "committee", "ownership", "delay"}  # it did what it can


def test_an_owner_that_does_all_of_it_keeps_nobody_from_leaving(stage):
    world, owner = stage.world, HostileOwner(stage, Random(1))
    before = stage.withdrawable()
    for kind in ["fee", "pause", "treasury", "committee", "verdict", "token", "ownership", "fee", "anything", "delay"]:
        owner.act(kind)
    assert owner.judged
    assert world.escrow.owner() == world.committee.owner() == owner.accomplice
    owner.act("renounce")
    assert ZERO_ADDRESS in (world.escrow.owner(), world.committee.owner())
    assert_everybody_leaves(stage, before, owner)


def assert_everybody_leaves(stage, before, owner):
    """To the micro-USDC. What a verdict of its own committee gave to either side of the open lease comes on top."""
    expected = expected_takings(stage, before, judged=owner.judged)
    got = stage.leave()
    if not owner.judged:
        assert got == expected
    else:
        assert sum(got.values()) >= sum(expected.values())
        assert all(got[party] >= amount for party, amount in expected.items())
