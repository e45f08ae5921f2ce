"""The simulated chain, and how each process sees it: through a node of its own that may be away or answer too late."""

from collections.abc import Callable
from copy import copy
from typing import Any, Self

from marketplace.domain.chain import EventOrigin
from marketplace.errors import Reverted
from marketplace.ports import Sent
from tests.fakes.chain import FakeChain, FakeSender
from tests.simulation.faults import Faults

_VALUES = ("domain", "deployed_at_block", "address")
_AT_ONCE = ("broadcast",)
"""Calls whose answer depends on no block."""


class SimulatedChain(FakeChain):
    """A chain that mines when the simulation says so."""

    def mine_at(self, now: int) -> None:
        """A block with the time of the world, or a second after the last one."""
        self.mine(max(1, now - self.time))

    def replace(self, depth: int, keeps: Callable[[], bool]) -> int:
        """Replace the last `depth` blocks: of their transactions those come back that `keeps` says; how many are lost.

        A transaction that is lost is not in the mempool either: its sender has to send it again.
        """
        removed = self.blocks[-depth:]
        self.blocks = self.blocks[:-depth]
        self.fork += 1
        mined = [tx_hash for block in removed for tx_hash in block.results]
        kept = [tx_hash for tx_hash in mined if keeps()]
        self.mempool = [self._all[tx_hash] for tx_hash in kept] + self.mempool
        for _ in range(depth + 1):
            self.mine()
        return len(mined) - len(kept)

    def behind(self, blocks: int) -> Self:
        """As a node sees it that has not heard of the last blocks; the mempool and what is sent are everybody's."""
        found = copy(self)
        found.blocks = self.blocks[: max(2, len(self.blocks) - blocks)]
        return found


class Node:
    """`ports.Chain`, `ports.Sender` or `agent.chain.Chain` of one process: every call may fail, before or after.

    `over` makes what is called over a chain: also over one that lags behind, from one call to the next, as behind an
    address that several nodes share. Without it (a person's hand) all is asked of the chain itself.
    """

    def __init__(
        self,
        chain: SimulatedChain,
        over: Callable[[SimulatedChain], object],
        process: str,
        faults: Faults,
        pause: Callable[[], None],
        *,
        lags: bool = True,
    ) -> None:
        self._chain, self._over, self._inner, self._lags = chain, over, over(chain), lags
        self._process, self._faults, self._pause = process, faults, pause

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name in _VALUES:
            return found

        def call(*args: Any, **options: Any) -> Any:
            self._pause()
            return self._faults.over_rpc(self._process, lambda: self._choose(name)(*args, **options))

        return call

    def _choose(self, name: str) -> Any:
        blocks = self._faults.blocks_behind() if self._lags and name not in _AT_ONCE else 0
        return getattr(self._over(self._chain.behind(blocks)) if blocks else self._inner, name)


class AgentView:
    """What agents ask of the chain beyond `ports.Chain`."""

    def __init__(self, chain: FakeChain) -> None:
        self._chain = chain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def was_agent(self, provider: str, agent: str, at: EventOrigin) -> bool:
        return self._chain.is_agent(provider, agent)

    def gas_balance(self, account: str) -> int:
        return 1


class Hand:
    """`agent.claims.Hand`: a person's own transactions, each mined at once, as the real one waits for it."""

    def __init__(self, chain: SimulatedChain, address: str, now: Callable[[], int]) -> None:
        self._chain, self._sender, self._now = chain, FakeSender(chain, address), now

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*args: object) -> None:
            self._mine(self._sender.prepare(name, *args))

        return call

    def _mine(self, sent: Sent) -> None:
        self._sender.broadcast(sent)
        self._chain.mine_at(self._now())
        result = self._sender.result(sent.tx_hash)
        if result is not None and not result.succeeded:
            raise Reverted("MinedAndFailed", {"transaction": sent.tx_hash})
