"""The contracts beside their model: one call to both, and everything that can be seen compared after it."""

from collections import Counter
from functools import cached_property

import brownie
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from marketplace.protocol.enums import Outcome
from tests.contracts.deployed import BOND_DELAY, CLAIM_WINDOW, DISPUTE_WINDOW, ORACLE_BOND, UNBONDING_DELAY
from tests.contracts.stateful.accounts import Times
from tests.contracts.stateful.chain import RawChain, Sent
from tests.contracts.stateful.model import Market
from tests.contracts.stateful.parties import Lease, Oracle, Provider, Renter
from tests.contracts.stateful.refused import Refused
from tests.contracts.world import FREE, HOUR, PENDING_TOKENS, QUOTE, STAKED, TIMELOCK_DELAY, USDC, World

three = st.integers(0, 2)
pick = st.integers(0, 10_000)
rarely = st.integers(0, 15).map(lambda drawn: drawn == 0)
amounts = st.sampled_from([0, 1, USDC, 7 * USDC, 30 * USDC, STAKED, FREE, PENDING_TOKENS + 1])
prices = st.sampled_from(["quote"] * 6 + ["middle"] * 6 + ["maximum"] * 6 + ["below", "above"])
maxima = st.sampled_from([QUOTE, 10**6, 10**6, 2 * 10**6, 30 * USDC, QUOTE - 1])
lifetimes = st.sampled_from([HOUR, 3 * HOUR, 60 * HOUR, 400 * HOUR, 900 * HOUR])
outcomes = st.sampled_from([Outcome.PAID] * 6 + [Outcome.FAILED] * 3 + [Outcome.FRAUD] * 4 + [Outcome.NONE, 4])
shares = st.sampled_from([0, 1, 10, 33, 50, 77, 90, 99, 100, 100, 100, 101])
signings = st.sampled_from(["enough"] * 6 + ["all", "few", "forged", "former"])

called: Counter[str] = Counter()
"""How often each call succeeded, over all sequences: a search that never succeeds proves nothing."""


class Machine(RuleBasedStateMachine):
    """The chain, the model, and how both are asked the same."""

    world: World
    chain: RawChain

    def __init__(self):
        super().__init__()
        brownie.chain.revert()
        world = self.world
        world.forget()
        self.renters = [account.address for account in world.renters]
        self.providers = [account.address for account in world.providers]
        self.oracles = [account.address for account in world.oracles + world.candidates[:3]]
        self.stranger = world.stranger.address
        self.model = self.new_model()
        self.bids, self.asks, self.operations = [], [], []
        self.calls = 0
        self.time = self.chain.time()

    def new_model(self) -> Market:
        """What `create_world` made."""
        world = self.world
        members = tuple(oracle.address for oracle in world.oracles)
        since = self.chain.read([("bond", provider) for provider in self.providers])
        held = {oracle: 10 * ORACLE_BOND - ORACLE_BOND * (oracle in members) for oracle in self.oracles}
        return Market(
            market=world.operator.address,
            treasury=world.treasury.address,
            times=Times(UNBONDING_DELAY, BOND_DELAY, CLAIM_WINDOW, DISPUTE_WINDOW, TIMELOCK_DELAY),
            minimum_bond=ORACLE_BOND,
            tokens=dict.fromkeys(self.renters + self.providers, PENDING_TOKENS)
            | held
            | {self.stranger: 0, world.treasury.address: 0},
            renters={renter: Renter(FREE) for renter in self.renters}
            | {other: Renter() for other in [*self.providers, *self.oracles, self.stranger]},
            providers={each: Provider(cover=STAKED, since=since["bond", each][4]) for each in self.providers},
            oracles={each: Oracle(ORACLE_BOND * (each in members)) for each in self.oracles},
            committees=[(world.committee.threshold(), members)],
        )

    # --- both at once --------------------------------------------------------------------------------------

    def both(self, call: str, arguments: tuple, sender, method, *values) -> Sent:
        """Make a call on the chain and in the model; they must agree on whether and why it is refused."""
        sent = self.chain.send(sender, method, *values)
        self.time = sent.timestamp
        self.answer = None
        try:
            self.answer = getattr(self.model, call)(sent.timestamp, *arguments)
            expected = None
        except Refused as refused:
            expected = refused.args[0]
        assert sent.error == expected, f"{call}: the chain says {sent.error}, the model {expected}"
        self.calls += 1
        called[call if expected is None else f"{call}: {expected}"] += 1
        if expected is None:  # what reverted changed nothing
            self.__dict__.pop("seen", None)
        return sent

    @cached_property
    def seen(self) -> dict[tuple, tuple[int, ...]]:
        """What the chain says now, read in one request after each call that changed something."""
        holders = [self.world.escrow, self.world.stake, self.world.committee]
        tokens = [("token", account) for account in [*self.model.tokens, *(each.address for each in holders)]]
        return self.chain.read([*self.model.views(), *tokens])

    def sleep(self, seconds: int) -> None:
        """Let time pass."""
        brownie.chain.sleep(seconds)
        brownie.chain.mine()
        self.time = self.chain.time()

    # --- choosing ------------------------------------------------------------------------------------------

    def leases_in(self, *states: str) -> list[Lease]:
        """Leases in one of these states."""
        return [lease for lease in self.model.leases.values() if lease.state in states]

    def some_leases(self, picks: list[int], *states: str) -> list[Lease]:
        """Leases; in one of these states, and none of them twice, seven times of eight."""
        everything = list(self.model.leases.values())
        wanted = self.leases_in(*states) or everything
        chosen = [(wanted if each % 8 else everything) for each in picks]
        leases = [pool[each // 8 % len(pool)] for pool, each in zip(chosen, picks, strict=True)]
        return leases if picks[0] % 8 == 0 else list({lease.id: lease for lease in leases}.values())
