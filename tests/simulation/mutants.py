"""Programs broken on purpose: a net that catches none of these is no net.

Each is the bug that one rule of the services is there against (DESIGN: intent first, history may change, all or
nothing). `apply` puts it in place for as long as the context lasts that it gives.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from marketplace.domain.outbox import OutboxState
from marketplace.errors import ChainUnavailable
from marketplace.protocol.metering import compute_split
from marketplace.services import apply_event, follow_chain, outbox
from marketplace.services.market import Market
from tests.fakes.escrow import Leases
from tests.simulation import network, processes
from tests.simulation.faults import DiskFull
from tests.simulation.play import Report, play


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug. `says` is in what is found; `rates` are those of the faults that bring it out, where they are rare."""

    name: str
    says: str
    apply: Callable[[], Any]
    rates: Mapping[str, float] = field(default_factory=dict)

    def play(self, seed: int) -> Report:
        """A seed with this bug in the programs."""
        with self.apply():
            return play(seed, alter=lambda world: world.faults.rates.update(self.rates))


def _follower_never_looks_back() -> Any:
    return patch.object(follow_chain, "_is_on_chain", lambda market, last, head: True)


def _sent_is_done() -> Any:
    original = outbox._send

    def send(market: Market, item: Any) -> bool:
        sent = original(market, item)
        with market.store.write() as tx:
            if tx.outbox.get(item.id).state is OutboxState.SENT:
                tx.outbox.update(item.id, state=OutboxState.DONE, block=0)
        return sent

    return patch.object(outbox, "_send", send)


def _timeout_is_refusal() -> Any:
    original = outbox._send

    def send(market: Market, item: Any) -> bool:
        try:
            return original(market, item)
        except ChainUnavailable:
            with market.store.write() as tx:
                tx.outbox.update(item.id, state=OutboxState.FAILED, error="no answer")
            return True

    return patch.object(outbox, "_send", send)


def _accepted_before_stored() -> Any:
    original = network._submit

    def submit(market: Market, path: str, sent: Any) -> Any:
        try:
            return original(market, path, sent)
        except DiskFull:
            return {"jobId": network.JobBody.model_validate(sent).bid.struct_hash()}

    routes = tuple((method, path, submit if one is original else one) for method, path, one in network.ROUTES)
    return patch.object(network, "ROUTES", routes)


def _cursor_before_events() -> Any:
    original = follow_chain.follow_chain

    def follow(market: Market) -> bool:
        """Notes how far it has read in one transaction, and what it has read in the next."""
        applied: list[tuple[Any, ...]] = []
        with patch.object(follow_chain, "apply_event", lambda *given: applied.append(given)):
            more = original(market)
        for _, _, event, at in applied:
            with market.store.write() as tx:
                apply_event.apply_event(market, tx, event, at)
        return more

    return patch.dict(processes.WORKERS, follower=follow)


def _nothing_is_refunded() -> Any:
    return patch.dict(processes.WORKERS, refunds=lambda market: 0)


def _fee_rounded_up() -> Any:
    def split(price: int, pay: int, fee_bps: int) -> Any:
        return compute_split(price, pay, fee_bps + 1)

    return patch.object(apply_event, "compute_split", split)


def _escrow_pays_again() -> Any:
    return patch.object(Leases, "_take", lambda self, group, place: None)


MUTANTS = (
    Mutant("the follower never looks back", "", _follower_never_looks_back, {"reorganised": 2.0}),
    Mutant("what was sent counts as mined", "does not come to rest", _sent_is_done),
    Mutant("a timeout counts as a refusal", "does not come to rest", _timeout_is_refusal, {"rpc": 0.05}),
    Mutant(
        "an order is accepted before it is stored", "nowhere to be found", _accepted_before_stored, {"disk full": 0.05}
    ),
    Mutant("the cursor is committed before its events", "", _cursor_before_events, {"crash": 0.03}),
    Mutant("nothing is refunded after its deadline", "does not come to rest", _nothing_is_refunded),
    Mutant("the market reckons another fee than the contract", "not what the chain says", _fee_rounded_up),
    Mutant("the escrow closes a lease and keeps it open", "", _escrow_pays_again),
)
