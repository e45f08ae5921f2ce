"""Taking signed orders into the book: every reason to refuse one, checked before it costs anybody anything."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

from marketplace.domain.chain import RenterAccount
from marketplace.domain.jobs import JobState
from marketplace.domain.orders import AskRecord, BidRecord, OrderState, next_salt
from marketplace.domain.signatures import require_ask_signature, require_signature
from marketplace.errors import (
    CancelledOrder,
    DuplicateOrder,
    ExpiredOrder,
    InsufficientFunds,
    InsufficientStake,
    MalformedMessage,
    MarketError,
    OrderError,
    WrongMarket,
)
from marketplace.ports import Chain
from marketplace.protocol.jobspec import JobSpec, Schedule
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.units import format_usdc
from marketplace.services.calendars import OPENING_SECONDS
from marketplace.services.clock import chain_time
from marketplace.services.market import Market
from marketplace.services.observed_orders import counted_ask, counted_bids
from marketplace.services.one_look import OneLook
from marketplace.services.order_limit import OrderLimit, Unlimited
from marketplace.services.storage import Transaction
from marketplace.services.validate_job import require_blobs, require_size, validate_job


@dataclass(frozen=True, slots=True)
class Placed:
    """An order in the book; `is_new` is False where this very order was there already."""

    order_hash: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class SignedBid:
    """A bid as it comes in."""

    bid: Bid
    signature: str
    job_spec: JobSpec


@dataclass(frozen=True, slots=True)
class _Checked:
    """A bid that stands by itself, and what its renter had then."""

    record: BidRecord
    account: RenterAccount


_Result = TypeVar("_Result")
_UNLIMITED = Unlimited()


def place_bid(market: Market, bid: Bid, signature: str, job_spec: JobSpec, limit: OrderLimit = _UNLIMITED) -> Placed:
    """Take a job into the book. Placing the same bid again changes nothing.

    Raises WrongMarket, InvalidJobSpec, MalformedMessage, TooLarge, InputError, ExpiredOrder, InvalidSignature,
    CancelledOrder, DuplicateOrder (another bid has its salt), InsufficientFunds, OrderError (too many live orders, or a
    salt too far ahead), TooManyRequests, ChainUnavailable.
    """
    (outcome,) = place_bids(market, [SignedBid(bid, signature, job_spec)], limit)
    if isinstance(outcome, MarketError):
        raise outcome
    return outcome


@counted_bids
def place_bids(
    market: Market, orders: Sequence[SignedBid], limit: OrderLimit = _UNLIMITED
) -> list[Placed | MarketError]:
    """What `place_bid` returns or raises for each, in order: one that is refused keeps no other out.

    The chain is asked once about each renter, its live bids are looked up once, and the database writes once.
    """
    if len(orders) > 1:
        market = replace(market, chain=cast(Chain, OneLook(market.chain)))
    outcomes = [_attempt(_check, market, order, limit) for order in orders]
    if not any(isinstance(one, _Checked) for one in outcomes):
        return outcomes
    live: dict[str, list[BidRecord]] = {}
    with market.store.write() as tx:
        return [
            _attempt(_enter, market, one, tx, live, limit) if isinstance(one, _Checked) else one for one in outcomes
        ]


def _attempt(step: Callable[..., _Result], market: Market, *given: object) -> _Result | MarketError:
    try:
        return step(market, *given)
    except MarketError as error:
        return error


def _check(market: Market, order: SignedBid, limit: OrderLimit) -> Placed | _Checked:
    """All that can be said of a bid without looking at others."""
    bid, job_spec, bid_hash = order.bid, order.job_spec, order.bid.struct_hash()
    require_signature(market.chain, market.chain.domain, bid, bid.renter, order.signature)
    _require_market(market, bid)
    with market.store.read() as tx:
        if tx.bids.get(bid_hash) is not None:
            return Placed(bid_hash, is_new=False)
    limit.require_order(bid.renter)
    now = chain_time(market)
    validate_job(market, bid, job_spec)
    _validate_times(market, bid.valid_until, now)
    _validate_deadline(market, bid, max(now, job_spec.schedule.not_before))
    _validate_schedule(bid, job_spec.schedule)
    require_blobs(market, job_spec)
    account = market.chain.renter_account(bid.renter)
    return _Checked(BidRecord(bid_hash, bid, order.signature, job_spec, placed_at=now), account)


def _enter(
    market: Market, checked: _Checked, tx: Transaction, live: dict[str, list[BidRecord]], limit: OrderLimit
) -> Placed:
    """Into the book, beside its renter's others, which are in `live` by renter once they were looked up.

    Whatever is raised is raised before anything is written.
    """
    record, account, bid = checked.record, checked.account, checked.record.bid
    if tx.bids.get(record.bid_hash) is not None:
        return Placed(record.bid_hash, is_new=False)
    _require_salt(market, tx, bid, account)
    if bid.renter not in live:
        live[bid.renter] = tx.bids.live_of(bid.renter)
    others = live[bid.renter]
    _require_room(market, bid.renter, len(others))
    _require_funds(record, account.free, sum(one.locked_at_most for one in others))
    limit.count_order(bid.renter)  # the last of the reasons: one that is refused for another does not count
    tx.bids.add(record)
    others.append(record)
    tx.timeline.add(record.bid_hash, record.placed_at, JobState.QUEUED.value)
    return Placed(record.bid_hash, is_new=True)


@counted_ask
def place_ask(market: Market, ask: Ask, signature: str, profile: NodeProfile, limit: OrderLimit = _UNLIMITED) -> Placed:
    """Take a node into the book; an older ask for the same provider and agent makes way.

    Raises WrongMarket, MalformedMessage, TooLarge, ExpiredOrder, InvalidSignature, CancelledOrder, InsufficientStake,
    OrderError (too many live orders), TooManyRequests, ChainUnavailable.
    """
    ask_hash = ask.struct_hash()
    require_ask_signature(market.chain, market.chain.domain, ask, signature, market.chain.is_agent)
    _require_market(market, ask)
    with market.store.read() as tx:
        if tx.asks.get(ask_hash) is not None:
            return Placed(ask_hash, is_new=False)
    limit.require_order(ask.provider)
    now = chain_time(market)
    if ask.units == 0:
        raise MalformedMessage("Ask.units", "an offer of no units offers nothing")
    require_size(market, "The node profile", profile.to_json())
    if profile.digest() != ask.profile_digest:
        raise MalformedMessage(
            "Ask.profileDigest",
            f"the profile sent along hashes to {profile.digest()}, the ask names {ask.profile_digest}",
        )
    _validate_times(market, ask.valid_until, now)
    account = market.chain.provider_account(ask.provider)
    with market.store.read() as tx:
        if ask.salt < account.ask_salt or tx.blocks.is_cancelled(ask):
            raise CancelledOrder(
                f"{ask.provider} has cancelled its asks with a salt of {ask.salt}.",
                hint="Sign a new ask with a greater salt.",
                signer=ask.provider,
                salt=ask.salt,
                least=account.ask_salt,
            )
    available = account.cover - account.covered
    if available <= 0:
        raise InsufficientStake(
            f"{ask.provider} has no free stake; each lease needs its price as a penalty in stake.",
            hint="Stake USDC first: `hive provider stake`.",
            provider=ask.provider,
            available=str(available),
        )
    with market.store.write() as tx:
        if tx.asks.get(ask_hash) is not None:
            return Placed(ask_hash, is_new=False)
        newer = [old for old in tx.asks.live_of_node(ask.provider, ask.agent) if old.ask.salt > ask.salt]
        for old in tx.asks.live_of_node(ask.provider, ask.agent):
            if old.ask.salt <= ask.salt:
                tx.asks.set_state(old.ask_hash, OrderState.SUPERSEDED, f"replaced by {ask_hash}")
        state = OrderState.SUPERSEDED if newer else OrderState.LIVE
        _require_room(market, ask.provider, tx.asks.count_live_of(ask.provider))
        limit.count_order(ask.provider)
        tx.asks.add(AskRecord(ask_hash, ask, signature, profile, placed_at=now, state=state))
        tx.asks.seen(ask.agent, market.clock.now())
    return Placed(ask_hash, is_new=True)


def _require_room(market: Market, account: str, live: int) -> None:
    if live >= market.rules.max_live_orders:
        raise OrderError(
            f"{account} has {live} live orders, and one account may have {market.rules.max_live_orders} of them here.",
            hint="Cancel some, or wait until they are matched.",
            live=live,
            limit=market.rules.max_live_orders,
        )


def _require_market(market: Market, order: Bid | Ask) -> None:
    if order.market != market.address:
        raise WrongMarket(
            f"The order names the market {order.market}; this one is {market.address}.",
            hint="Take the address from /api/v1/config.",
            named=order.market,
            market=market.address,
        )


def _validate_times(market: Market, valid_until: int, now: int) -> None:
    if valid_until <= now:
        raise ExpiredOrder(
            f"The order was valid until {valid_until}; it is {now}.",
            hint="Sign a new one.",
            validUntil=valid_until,
            now=now,
        )
    if valid_until > now + market.rules.max_order_seconds:
        raise MalformedMessage(
            "validUntil",
            f"{valid_until} is more than {market.rules.max_order_seconds} s ahead of {now}",
        )


def _validate_deadline(market: Market, bid: Bid, now: int) -> None:
    if bid.deadline < now + bid.duration_seconds:
        raise ExpiredOrder(
            f"The deadline {bid.deadline} leaves no time for {bid.duration_seconds} s of work from {now} on.",
            hint="Set a later deadline.",
            deadline=bid.deadline,
            now=now,
        )
    if bid.deadline > now + 2 * market.rules.max_order_seconds:
        raise MalformedMessage("Bid.deadline", f"{bid.deadline} is too far ahead of {now}")


def _validate_schedule(bid: Bid, schedule: Schedule) -> None:
    if schedule.is_preemptible and bid.replicas != 1:
        raise MalformedMessage(
            "Bid.replicas", f"a preemptible job has 1 replica, not {bid.replicas}: all would be lost"
        )
    if schedule.not_before and bid.valid_until < schedule.not_before + OPENING_SECONDS:
        raise MalformedMessage(
            "Bid.validUntil",
            f"{bid.valid_until} is less than {OPENING_SECONDS} s after {schedule.not_before}, before which the job must"
            " not begin: its lease could not be opened then",
        )


def _require_salt(market: Market, tx: Transaction, bid: Bid, account: RenterAccount) -> None:
    following = next_salt(account, tx.bids.highest_salt(bid.renter))
    told = {"hint": f"Sign it with the salt {following}.", "salt": bid.salt, "nextSalt": following}
    if account.is_void(bid.salt) or tx.blocks.is_cancelled(bid):
        raise CancelledOrder(f"{bid.renter} has used or cancelled the salt {bid.salt}.", **told)
    if any(one.state is OrderState.LIVE for one in tx.bids.with_salt(bid.renter, bid.salt)):
        raise DuplicateOrder(f"{bid.renter} has a live bid with the salt {bid.salt}; only one could open.", **told)
    if bid.salt > following + market.rules.max_salts_ahead:
        raise OrderError(
            f"The salt {bid.salt} is more than {market.rules.max_salts_ahead} above the next one of {bid.renter}, and"
            " opening the bid would void those below.",
            **told,
        )


def _require_funds(record: BidRecord, free: int, reserved: int) -> None:
    needed = record.locked_at_most
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
