"""Taking signed orders into the book: every reason to refuse one, checked before it costs anybody anything."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

from marketplace.domain.orders import AskRecord, BidRecord, OrderState
from marketplace.domain.signatures import require_ask_signature, require_signature
from marketplace.errors import (
    CancelledOrder,
    ExpiredOrder,
    InsufficientStake,
    MalformedMessage,
    MarketError,
    WrongMarket,
)
from marketplace.ports import Chain
from marketplace.protocol.audit_log import LogKind
from marketplace.protocol.jobspec import JobSpec, Schedule
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.profile import NodeProfile
from marketplace.services.admission import require_admission
from marketplace.services.calendars import OPENING_SECONDS
from marketplace.services.clock import chain_time
from marketplace.services.enter_bids import CheckedBid, Placed, enter_bids, require_room
from marketplace.services.market import Market
from marketplace.services.observed_orders import counted_ask, counted_bids
from marketplace.services.one_look import OneLook
from marketplace.services.order_limit import OrderLimit, Unlimited
from marketplace.services.validate_job import digest_within, require_blobs, validate_job


@dataclass(frozen=True, slots=True)
class SignedBid:
    """A bid as it comes in."""

    bid: Bid
    signature: str
    job_spec: JobSpec


_UNLIMITED = Unlimited()


def place_bid(market: Market, bid: Bid, signature: str, job_spec: JobSpec, limit: OrderLimit = _UNLIMITED) -> Placed:
    """Take a job into the book. Placing the same bid again changes nothing.

    Raises WrongMarket, InvalidJobSpec, MalformedMessage, TooLarge, InputError, ExpiredOrder, InvalidSignature,
    CancelledOrder, DuplicateOrder (another bid has its salt), InsufficientFunds, OrderError (too many live orders, or a
    salt too far ahead), PolicyRefused, ServiceUnavailable (the policy is silent), TooManyRequests, ChainUnavailable.
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

    The chain is asked once about each renter, its live bids are looked up once, and the database writes once, with
    what others place at the same time. Raises ServiceUnavailable.
    """
    if len(orders) > 1:
        market = replace(market, chain=cast(Chain, OneLook(market.chain)))
    outcomes = [_attempt(market, order, limit) for order in orders]
    entered = iter(enter_bids(market, [one for one in outcomes if isinstance(one, CheckedBid)]))
    return [next(entered) if isinstance(one, CheckedBid) else one for one in outcomes]


def _attempt(market: Market, order: SignedBid, limit: OrderLimit) -> CheckedBid | Placed | MarketError:
    bid_hash = order.bid.struct_hash()
    try:
        require_signature(market.chain, market.chain.domain, order.bid, order.bid.renter, order.signature)
    except MarketError as error:
        return error
    try:
        return _check(market, order, bid_hash, limit)
    except MarketError as error:
        return Placed(bid_hash, is_new=False) if _is_known(market, bid_hash) else error


def _is_known(market: Market, bid_hash: str) -> bool:
    """Asked of those alone that would be refused: the others are looked for where they are written."""
    with market.store.read() as tx:
        return bool(tx.bids.known([bid_hash]))


def _check(market: Market, order: SignedBid, bid_hash: str, limit: OrderLimit) -> CheckedBid:
    """All that can be said of a bid without looking at others."""
    bid, job_spec = order.bid, order.job_spec
    _require_market(market, bid)
    limit.require_order(bid.renter)
    now = chain_time(market)
    validate_job(market, bid, job_spec)
    _validate_times(market, bid.valid_until, now)
    _validate_deadline(market, bid, max(now, job_spec.schedule.not_before))
    _validate_schedule(bid, job_spec.schedule)
    require_blobs(market, job_spec)
    account = market.chain.renter_account(bid.renter)
    require_admission(market, bid, bid.renter, {"jobSpec": job_spec.to_json()}, limit, now)
    return CheckedBid(BidRecord(bid_hash, bid, order.signature, job_spec, placed_at=now), account, limit)


@counted_ask
def place_ask(market: Market, ask: Ask, signature: str, profile: NodeProfile, limit: OrderLimit = _UNLIMITED) -> Placed:
    """Take a node into the book; an older ask for the same provider and agent makes way.

    Raises WrongMarket, MalformedMessage, TooLarge, ExpiredOrder, InvalidSignature, CancelledOrder, InsufficientStake,
    OrderError (too many live orders), PolicyRefused, ServiceUnavailable, TooManyRequests, ChainUnavailable.
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
    digest = digest_within(market, "The node profile", profile.to_json())
    if digest != ask.profile_digest:
        raise MalformedMessage(
            "Ask.profileDigest", f"the profile sent along hashes to {digest}, the ask names {ask.profile_digest}"
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
    require_admission(market, ask, ask.provider, {"profile": profile.to_json()}, limit, now)
    with market.store.write() as tx:
        if tx.asks.get(ask_hash) is not None:
            return Placed(ask_hash, is_new=False)
        newer = [old for old in tx.asks.live_of_node(ask.provider, ask.agent) if old.ask.salt > ask.salt]
        for old in tx.asks.live_of_node(ask.provider, ask.agent):
            if old.ask.salt <= ask.salt:
                tx.asks.set_state(old.ask_hash, OrderState.SUPERSEDED, f"replaced by {ask_hash}")
        state = OrderState.SUPERSEDED if newer else OrderState.LIVE
        require_room(market, ask.provider, tx.asks.count_live_of(ask.provider))
        limit.count_order(ask.provider)
        tx.asks.add(AskRecord(ask_hash, ask, signature, profile, placed_at=now, state=state))
        tx.asks.seen(ask.agent, market.clock.now())
        tx.log.add(LogKind.ASK_ACCEPTED, now, ask_hash, {"signer": ask.provider})
    return Placed(ask_hash, is_new=True)


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
