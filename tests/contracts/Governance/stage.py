"""A market in the middle of everything: what each party could take out now, and how it gets the rest."""

from typing import Any

import brownie

from tests.contracts.PaymentChannels.channels import Channels
from tests.contracts.world import BOND_DELAY, DAY, FEE, ORACLE_BOND, PRICE, UNBONDING_DELAY, USDC, World, address_of

EARNED, CLAIMED_OF_CHANNEL = PRICE - FEE, 3 * USDC
BOND = PRICE // 10
"""Of the dispute."""


class Stage:
    """Leases in every state, bonds, oracles' fees and a channel, each with somebody's money in it."""

    def __init__(self, world: World):
        self.world = world
        paid, self.open, self.claimed, self.disputed = world.open_all(*(world.match() for _ in range(4)))
        world.settle(world.verdict(paid, pay=PRICE))
        world.escrow.creditOracle(world.current_committee().quorum([]), 0, {"from": world.stranger})
        world.claim(self.claimed)
        world.claim(self.disputed)
        world.dispute(self.disputed)
        world.stake.unbond(USDC, {"from": world.providers[1]})
        self.former = world.candidates[3]
        world.committee.bondFor(self.former, ORACLE_BOND, {"from": self.former})
        self.channels = Channels(world)
        self.channel = self.channels.open()
        self.channels.redeem(self.channels.claim(self.channel, CLAIMED_OF_CHANNEL))
        self.parties = [*world.renters, *world.providers, *world.oracles, self.former]

    def withdrawable(self) -> dict[tuple[str, str], int]:
        """What each party can take out of each contract without anybody's consent, micro-USDC."""
        world, contract = self.world, self.channels.contract
        found = {("escrow", address_of(party)): world.free(party) for party in self.parties}
        for provider in world.providers:
            bond = world.bond(provider)
            found["stake", provider.address] = bond["active"] - bond["locked"] + bond["unbonding"]
        bond = world.committee.bondOf(self.former).dict()
        found["committee", self.former.address] = bond["active"] + bond["unbonding"]
        state = self.channels.state(self.channel)
        found["channels", self.channels.payer.address] = state["balance"] - state["claimed"]
        found["channels", self.channels.payee.address] = contract.earnings(self.channels.payee)
        return found

    def leave(self) -> dict[str, int]:
        """Everybody ends what is going on and takes everything out; what each has got, micro-USDC."""
        world, token = self.world, self.world.token
        before = {address_of(party): token.balanceOf(party) for party in self.parties}
        brownie.chain.sleep(2 * DAY)
        if world.is_open(self.open):
            world.refund(self.open)
        world.release(self.claimed)
        world.expire_dispute(self.disputed)
        for party in self.parties:
            if world.free(party):
                world.escrow.withdraw(world.free(party), {"from": party})
        self._leave_bonds()
        self._leave_channel()
        return {party: token.balanceOf(party) - held for party, held in before.items()}

    def _leave_bonds(self) -> None:
        world = self.world
        for provider in world.providers:
            if active := world.bond(provider)["active"]:
                world.stake.unbond(active, {"from": provider})
        world.committee.unbond(ORACLE_BOND, {"from": self.former})
        brownie.chain.sleep(max(UNBONDING_DELAY, BOND_DELAY) + 1)
        for provider in world.providers:
            world.stake.withdraw({"from": provider})
        world.committee.withdrawBond({"from": self.former})

    def _leave_channel(self) -> None:
        contract, terms = self.channels.contract, self.channel.as_tuple()
        contract.withdraw(self.channels.payee, {"from": self.world.stranger})
        contract.startClose(terms, {"from": self.channels.payer})
        brownie.chain.sleep(self.channel.withdraw_delay + 1)
        contract.finishClose(terms, {"from": self.channels.payer})


def expected_takings(stage: Stage, before: dict[tuple[str, str], int], *, judged: bool) -> dict[str, int]:
    """What everybody has got after `leave`: what was withdrawable, what claims and disputes owe; unless a committee
    `judged` it, the open lease's lock and cover, too."""
    world, renter, provider = stage.world, stage.world.renter.address, stage.world.provider.address
    owed: dict[str, int] = {address_of(party): 0 for party in stage.parties}
    for (_, party), amount in before.items():
        owed[party] += amount
    owed[provider] += EARNED + 2 * PRICE  # the claim at the fee of its opening; the cover of both
    owed[renter] += PRICE + BOND
    if not judged:
        owed[renter] += PRICE
        owed[provider] += PRICE
    assert world.stake.bond(provider).dict()["locked"] in (2 * PRICE, 3 * PRICE)
    return owed


def pool_of(stage: Stage, extra: list[Any]) -> dict[str, list[Any]]:
    """Values for calls that could do harm here, by elementary type."""
    world = stage.world
    addresses = [address_of(each) for each in [*stage.parties, *world.contracts.values(), *extra]]
    words = [bytes(32), bytes.fromhex(stage.open.id[2:]), bytes(world.timelock.PROPOSER_ROLE())]
    return {"address": addresses, "bytes32": words, "bool": [True, False], "length": [0, 1, 3], "string": ["", "name"]}
