"""Checked bids into the book: many in one transaction, each taken or refused by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from marketplace.domain.chain import RenterAccount
from marketplace.domain.jobs import JobState
from marketplace.domain.orders import BidRecord, Standing, next_salt, voids_bid
from marketplace.errors import CancelledOrder, DuplicateOrder, InsufficientFunds, MarketError, OrderError
from marketplace.protocol.audit_log import LogKind
from marketplace.protocol.messages import Bid
from marketplace.protocol.units import format_usdc
from marketplace.services.market import Market
from marketplace.services.order_limit import OrderLimit
from marketplace.services.prune import require_none_forgotten
from marketplace.services.storage import Transaction


@dataclass(frozen=True, slots=True)
class Placed:
    """An order in the book; `is_new` is False where this very order was there already."""

    order_hash: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class CheckedBid:
    """A bid that stands by itself, what its renter had then, and who counts its orders."""

    record: BidRecord
    account: RenterAccount
    limit: OrderLimit


def enter_bids(market: Market, checked: Sequence[CheckedBid]) -> list[Placed | MarketError]:
    """Take them into the book with all who come at the same time; what became of each, once that is on the disk.

    Raises ServiceUnavailable.
    """
    if not checked:
        return []
    return list(market.entering.submit(checked, lambda all_of_them: _write(market, all_of_them)))


def _write(market: Market, checked: Sequence[CheckedBid]) -> list[Placed | MarketError]:
    with market.store.write() as tx:
        entry = _Entry(market, tx, checked)
        outcomes = [entry.attempt(one) for one in checked]
        tx.bids.add(entry.taken)
        tx.timeline.add_each([(one.bid_hash, one.placed_at) for one in entry.taken], JobState.QUEUED.value)
        for one in entry.taken:
            tx.log.add(LogKind.BID_ACCEPTED, one.placed_at, one.bid_hash, {"signer": one.bid.renter})
    return outcomes


class _Entry:
    """One transaction's: what stands in the book is looked up once a renter, and kept up with what is taken."""

    def __init__(self, market: Market, tx: Transaction, checked: Sequence[CheckedBid]) -> None:
        self.taken: list[BidRecord] = []
        self._market = market
        self._known = tx.bids.known([one.record.bid_hash for one in checked])
        salts: dict[str, list[int]] = {}
        for one in checked:
            salts.setdefault(one.record.bid.renter, []).append(one.record.bid.salt)
        self._standing = {renter: tx.bids.standing(renter) for renter in salts}
        self._live_salts = {renter: tx.bids.live_salts(renter, own) for renter, own in salts.items()}
        self._forgotten = _find_forgotten(tx, checked)
        self._cancels = {renter: tx.blocks.cancels_of(renter) for renter in salts}

    def attempt(self, checked: CheckedBid) -> Placed | MarketError:
        """What becomes of one; whatever is raised is raised before anything changes."""
        record = checked.record
        if record.bid_hash in self._known:
            return Placed(record.bid_hash, is_new=False)
        standing = self._standing[record.bid.renter]
        try:
            self._require_salt(record.bid, checked.account, standing)
            require_room(self._market, record.bid.renter, standing.live)
            _require_funds(record, checked.account.free, standing.set_aside)
            require_none_forgotten(self._forgotten, record.job_spec.blob_digests())
            checked.limit.count_order(record.bid.renter)  # the last: one that is refused for another does not count
        except MarketError as error:
            return error
        self._take(record, standing)
        return Placed(record.bid_hash, is_new=True)

    def _take(self, record: BidRecord, standing: Standing) -> None:
        renter, salt = record.bid.renter, record.bid.salt
        self.taken.append(record)
        self._market.uploads.release(record.job_spec.blob_digests())
        self._known.add(record.bid_hash)
        self._live_salts[renter].add(salt)
        self._standing[renter] = replace(
            standing,
            highest_salt=max(standing.highest_salt, salt),
            live=standing.live + 1,
            set_aside=standing.set_aside + record.set_aside,
        )

    def _require_salt(self, bid: Bid, account: RenterAccount, standing: Standing) -> None:
        following = next_salt(account, standing.highest_salt)
        told = {"hint": f"Sign it with the salt {following}.", "salt": bid.salt, "nextSalt": following}
        if account.is_void(bid.salt) or any(voids_bid(cancel, bid) for cancel in self._cancels[bid.renter]):
            raise CancelledOrder(f"{bid.renter} has used or cancelled the salt {bid.salt}.", **told)
        if bid.salt in self._live_salts[bid.renter]:
            raise DuplicateOrder(f"{bid.renter} has a live bid with the salt {bid.salt}; only one could open.", **told)
        if bid.salt > following + self._market.rules.max_salts_ahead:
            raise OrderError(
                f"The salt {bid.salt} is more than {self._market.rules.max_salts_ahead} above the next one of"
                f" {bid.renter}, and opening the bid would void those below.",
                **told,
            )


def _find_forgotten(tx: Transaction, checked: Sequence[CheckedBid]) -> dict[str, int | None]:
    named = {digest for one in checked for digest in one.record.job_spec.blob_digests()}
    return tx.forgetting.find(named) if named else {}


def require_room(market: Market, account: str, live: int) -> None:
    """Raises OrderError where an account has as many live orders as it may have."""
    if live >= market.rules.max_live_orders:
        raise OrderError(
            f"{account} has {live} live orders, and one account may have {market.rules.max_live_orders} of them here.",
            hint="Cancel some, or wait until they are matched.",
            live=live,
            limit=market.rules.max_live_orders,
        )


def _require_funds(record: BidRecord, free: int, reserved: int) -> None:
    needed = record.set_aside
    if free - reserved < needed:
        raise InsufficientFunds(
            f"The bid may lock {format_usdc(needed)} USDC; {record.bid.renter} has {format_usdc(free)} USDC deposited"
            f" in the escrow, of which {format_usdc(reserved)} are spoken for by other bids.",
            hint="Deposit more (`hive deposit`), bid less, or cancel another bid.",
            renter=record.bid.renter,
            needed=str(needed),
            free=str(free),
            reserved=str(reserved),
        )
