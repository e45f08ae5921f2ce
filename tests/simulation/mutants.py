"""Services and agents broken on purpose: a net that catches none of these is no net.

Each is the bug that one rule of theirs is there against (DESIGN: intent first, history may change, all or nothing).
`apply` puts it in place for as long as the context lasts that it gives; contracts are broken in `broken_escrows.py`.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from agent import follow as agent_follow
from marketplace.adapters.store import bids, leases
from marketplace.domain.bill import Bill
from marketplace.domain.outbox import OutboxState
from marketplace.domain.paging import Page
from marketplace.errors import ChainUnavailable, DuplicateOrder
from marketplace.protocol.metering import compute_split
from marketplace.services import apply_event, follow_chain, outbox, place_order
from marketplace.services.market import Market
from tests.fakes.chain import FakeSender
from tests.simulation import network, processes
from tests.simulation.broken_escrows import ESCROWS
from tests.simulation.disk import FaultyStore, copy_database, restore_database
from tests.simulation.faults import DiskFull
from tests.simulation.play import Report, play


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug. `says` is in what is found; `rates` are those of the faults that bring it out, where they are rare.

    `first`: a seed that finds it, so that a test need not play those before.
    """

    name: str
    says: str
    apply: Callable[[], Any]
    rates: Mapping[str, float] = field(default_factory=dict)
    first: int = 0

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


def _committed_before_it_is_on_the_disk() -> Any:
    """What `synchronous = OFF` is on a machine that loses its power: who starts anew lacks the last commit."""
    start, write = processes.MarketProcess.start, FaultyStore.write

    def start_from_old(self: processes.MarketProcess) -> None:
        old = self.path.with_name("before.db")
        if old.exists():
            self.stop()
            restore_database(old, self.path)
            old.unlink()
        start(self)

    @contextmanager
    def write_later(self: FaultyStore) -> Iterator[Any]:
        path = Path(self._inner._engine.url.database)
        copy_database(path, path.with_name("before.db"))
        with write(self) as tx:
            yield tx

    return _together(
        patch.object(processes.MarketProcess, "start", start_from_old), patch.object(FaultyStore, "write", write_later)
    )


def _placed_again_is_another() -> Any:
    placed = place_order.Placed

    def place(order_hash: str, is_new: bool) -> Any:
        if not is_new:
            raise DuplicateOrder("This salt was used.")
        return placed(order_hash, is_new)

    return patch.object(place_order, "Placed", place)


def _nonce_is_used_again() -> Any:
    """Signs before what was sent is mined, with the nonce that follows the last block; does not look whose it is."""
    original = outbox.process_outbox

    def process(market: Market) -> bool:
        with market.store.read() as tx:
            waiting = [item for item in tx.outbox.unfinished() if item.state is OutboxState.INTENT]
        return outbox._sign(market, waiting[0]) if waiting else original(market)

    return _together(
        patch.dict(processes.WORKERS, outbox=process),
        patch.object(FakeSender, "waiting_nonces", lambda self: []),
        patch.object(FakeSender, "is_nonce_used", lambda self, nonce: False),
    )


def _leases_are_not_rolled_back() -> Any:
    return patch.object(leases.Leases, "roll_back", lambda self, block: [])


def _agent_never_looks_back() -> Any:
    return patch.object(agent_follow, "_is_same", lambda found, block_hash: True)


def _bill_forgets_the_refund() -> Any:
    original = Bill.to_json
    return patch.object(Bill, "to_json", lambda self: original(self) | {"refund": "0"})


def _pages_skip() -> Any:
    original = bids.load_page

    def load(*given: Any) -> Page[Any]:
        page = original(*given)
        return replace(page, items=page.items[:-1]) if page.next_cursor else page

    return patch.object(bids, "load_page", load)


def _network_within_a_transaction() -> Any:
    def update(market: Market, item: Any, **changes: Any) -> None:
        with market.store.write() as tx:
            market.chain.head()
            tx.outbox.update(item.id, **changes)

    return patch.object(outbox, "_update", update)


def _together(*patches: Any) -> ExitStack:
    stack = ExitStack()
    for one in patches:
        stack.enter_context(one)
    return stack


def _cursor_before_events() -> Any:
    original = follow_chain.follow_chain

    def follow(market: Market) -> bool:
        """Notes how far it has read in one transaction, and what it has read in the next."""
        applied: list[tuple[Any, ...]] = []
        with patch.object(follow_chain, "apply_events", lambda *given: applied.append(given)):
            more = original(market)
        for _, _, events, at in applied:
            with market.store.write() as tx:
                apply_event.apply_events(market, tx, events, at)
        return more

    return patch.dict(processes.WORKERS, follower=follow)


def _nothing_is_refunded() -> Any:
    return patch.dict(processes.WORKERS, refunds=lambda market: 0)


def _fee_rounded_up() -> Any:
    def split(price: int, pay: int, fee_bps: int) -> Any:
        return compute_split(price, pay, fee_bps + 1)

    return patch.object(apply_event, "compute_split", split)


MUTANTS = (
    Mutant(
        "the follower never looks back", "not what the chain says", _follower_never_looks_back, {"reorganised": 8.0}
    ),
    Mutant("what was sent counts as mined", "does not come to rest", _sent_is_done, first=2),
    Mutant("a timeout counts as a refusal", "does not come to rest", _timeout_is_refusal, {"rpc": 0.05}, 1),
    Mutant(
        "an order is accepted before it is stored",
        "nowhere to be found",
        _accepted_before_stored,
        {"disk full": 0.05},
        1,
    ),
    Mutant(
        "a commit is not on the disk when it returns",
        "nowhere to be found",
        _committed_before_it_is_on_the_disk,
        {"crash": 0.02},
    ),
    Mutant(
        "the same order again counts as another one",
        "refused and are in the book",
        _placed_again_is_another,
        {"answer lost": 0.2},
    ),
    Mutant(
        "the cursor is committed before its events",
        "not what the chain says",
        _cursor_before_events,
        {"crash": 0.03},
        4,
    ),
    Mutant("two transactions get one nonce", "does not come to rest", _nonce_is_used_again),
    Mutant("nothing is refunded after its deadline", "does not come to rest", _nothing_is_refunded, first=1),
    Mutant(
        "leases are not rolled back",
        "not what the chain says",
        _leases_are_not_rolled_back,
        {"reorganised": 8.0},
        3,
    ),
    Mutant("an agent never looks back", "the journal of", _agent_never_looks_back, {"reorganised": 8.0}),
    Mutant("the market reckons another fee than the contract", "not what the chain says", _fee_rounded_up, first=1),
    Mutant("a bill forgets what went back", "the bill of", _bill_forgets_the_refund),
    Mutant("the last of a page is left out", "are not among their renter's", _pages_skip),
    Mutant(
        "the chain is asked in the middle of a transaction",
        "in the middle of a transaction",
        _network_within_a_transaction,
    ),
    *(Mutant(*one) for one in ESCROWS),
)
