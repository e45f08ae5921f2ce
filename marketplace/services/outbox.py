"""The outbox at work: each step is one network call and one commit, so that a kill between any two loses nothing.

One transaction is in flight at a time: its nonce is the lowest that is not mined, and everything behind it waits.
"""

from collections.abc import Sequence
from contextlib import suppress

from marketplace.domain.leases import MatchRecord, MatchState
from marketplace.domain.outbox import OutboxItem, OutboxKind, OutboxState
from marketplace.errors import Reverted
from marketplace.ports import Sent
from marketplace.protocol.audit_log import LogKind
from marketplace.protocol.messages import Cancel
from marketplace.services.calls import choose_groups, load_group, load_match
from marketplace.services.market import Market
from marketplace.services.outbox_refused import NothingLeft, refuse
from marketplace.services.storage import Transaction
from marketplace.services.timeline import refresh_jobs
from marketplace.telemetry.market_metrics import REPLACED


def process_outbox(market: Market) -> bool:
    """Take the next transaction one step further; False where there is nothing to do now.

    Raises ChainUnavailable; nothing is lost by it.
    """
    with market.store.read() as tx:
        items = tx.outbox.unfinished()
    if not items:
        return False
    if items[0].state is OutboxState.SIGNED:
        return _send(market, items[0])
    if items[0].state is OutboxState.SENT:
        return _confirm(market, items[0])
    now = market.clock.now()
    due = sorted(
        (item for item in items if item.next_try_at <= now), key=lambda item: (not item.kind.is_urgent, item.id)
    )
    return bool(due) and _sign(market, due[0])


def _sign(market: Market, item: OutboxItem) -> bool:
    with market.store.read() as tx:
        planned = tx.matches.of_outbox(item.id)
    try:
        sent = _prepare(market, item, _reserved(planned))
    except Reverted as error:
        return refuse(market, item, error)
    except NothingLeft:
        sent = None
    with market.store.write() as tx:
        if tx.matches.of_outbox(item.id) != planned or tx.outbox.get(item.id).state is not OutboxState.INTENT:
            return True  # cancelled meanwhile: what was signed was never sent, so it does not exist
        if sent is None:
            tx.outbox.update(item.id, state=OutboxState.FAILED, error="nothing was left of it")
            return True
        tx.outbox.update(
            item.id,
            state=OutboxState.SIGNED,
            tx_hash=sent.tx_hash,
            nonce=sent.nonce,
            raw=sent.raw,
            replaced=(),
            # A MatchSkipped names its match by where it stood in the call.
            payload=item.payload | {"order": [match.id for match in _reserved(planned)]},
        )
        _enter(market, tx, item, sent)
        told = {match.bid_hash: {"transaction": sent.tx_hash} for match in _reserved(planned)}
        refresh_jobs(tx, told, market.clock.now(), details=told)
    return True


def _send(market: Market, item: OutboxItem) -> bool:
    sent = Sent(item.tx_hash, item.nonce, item.raw)
    dearer = market.sender.reprice(sent)
    if dearer is not None:
        market.instruments.meter.count(REPLACED, reason="fee")
        state, tx_hash, raw = OutboxState.SIGNED, dearer.tx_hash, dearer.raw
        with market.store.write() as tx:
            tx.outbox.update(item.id, state=state, tx_hash=tx_hash, raw=raw, replaced=item.hashes)
            _enter(market, tx, item, dearer)
        return True
    with suppress(Reverted):  # some nodes mine at once and answer with the revert: the receipt decides
        market.sender.broadcast(sent)
    _update(market, item, state=OutboxState.SENT, sent_at=float(market.clock.now()))
    return True


def _confirm(market: Market, item: OutboxItem) -> bool:
    with market.store.read() as tx:
        followed = tx.blocks.last()
    # The nonce first: asked the other way round, a transaction mined in between would look lost.
    nonce_used = market.sender.is_nonce_used(item.nonce)
    results = [market.sender.result(one) for one in item.hashes]
    result = next((one for one in results if one is not None), None)
    if result is not None and result.succeeded:
        with market.store.write() as tx:
            # Where the follower moved meanwhile, the result may be of a history that it has just given up: ask again.
            if tx.blocks.last() == followed:
                others = tuple(one for one in item.hashes if one != result.tx_hash)
                state, block = OutboxState.DONE, result.block_number
                tx.outbox.update(item.id, state=state, block=block, tx_hash=result.tx_hash, replaced=others)
        return True
    if result is not None:
        return refuse(market, item, Reverted("MinedAndFailed", {"transaction": result.tx_hash}))
    if nonce_used:  # another transaction of this account took it: these bytes can never be mined
        return _sign_anew(market, item, "its nonce was used by another transaction")
    if market.clock.now() - item.sent_at < market.rules.resend_seconds:
        return False
    if _is_beyond_a_gap(market, item):
        return _sign_anew(market, item, "a transaction before it was lost, and no node mines beyond that")
    return _send(market, item)


def _sign_anew(market: Market, item: OutboxItem, reason: str) -> bool:
    market.instruments.meter.count(REPLACED, reason="nonce")
    _update(market, item, state=OutboxState.INTENT, error=reason)
    return True


def _is_beyond_a_gap(market: Market, item: OutboxItem) -> bool:
    """Whether the nonce before this one is nobody's: a reorganisation lost what had it, and it is not sent again.

    So it is with what had failed, and with what another program sent for this account. Nothing of ours that is still to
    be sent has a smaller nonce: the smallest comes first. Should these bytes be mined later after all, they change
    nothing: whatever they open, close or cancel already is.
    """
    before = item.nonce - 1
    return before >= 0 and not market.sender.is_nonce_used(before) and before not in market.sender.waiting_nonces()


def _prepare(market: Market, item: OutboxItem, reserved: Sequence[MatchRecord]) -> Sent:
    """Sign the call. Raises Reverted, ChainUnavailable, NothingLeft."""
    sender = market.sender
    if item.kind is OutboxKind.OPEN:
        with market.store.read() as tx:
            tx.bids.load([match.bid_hash for match in reserved])
            matches = [load_match(tx, match) for match in reserved]
        if not matches:
            raise NothingLeft
        return sender.prepare_open(matches, item.payload["roundDigest"])
    if item.kind is OutboxKind.SETTLE:
        return _prepare_settlement(market, item)
    if item.kind is OutboxKind.ACCEPT:
        with market.store.read() as tx:
            record, lease = tx.evidence.receipt(item.payload["leaseId"]), tx.leases.get(item.payload["leaseId"])
            if record is None or lease is None:
                raise NothingLeft
            group = load_group(tx, market.address, lease)
        return sender.prepare_accept(group, lease.place, record.receipt, record.signature)
    if item.kind is OutboxKind.REFUND:
        with market.store.read() as tx:
            leases = [lease for lease in map(tx.leases.get, item.payload["leaseIds"]) if lease is not None]
            groups = choose_groups(tx, market.address, leases)
        if not groups:
            raise NothingLeft
        return sender.prepare_refund(groups)
    if item.kind in (OutboxKind.RELEASE, OutboxKind.EXPIRE_DISPUTE):
        with market.store.read() as tx:
            lease = tx.leases.get(item.payload["leaseId"])
        if lease is None or lease.claim is None or lease.closing is not None:
            raise NothingLeft
        is_release = item.kind is OutboxKind.RELEASE
        return (sender.prepare_release if is_release else sender.prepare_expire_dispute)(lease.claimed)
    cancel = Cancel.parse(item.payload["cancel"])
    with market.store.read() as tx:
        if tx.blocks.is_on_chain(cancel):  # of a market that lived on after this one's backup, or by the signer itself
            raise NothingLeft
    return sender.prepare_cancel_for(cancel, item.payload["signature"])


def _prepare_settlement(market: Market, item: OutboxItem) -> Sent:
    """What the oracles signed, by the call that closes its leases where they stand now."""
    with market.store.read() as tx:
        batch = tx.batches.get(item.payload["batch"])
        leases = list(tx.leases.load([one.lease_id for one in batch.verdicts]).values())
        waiting = [lease for lease in leases if lease.closing is None]
        if not waiting or len(leases) < len(batch.verdicts):
            raise NothingLeft
        groups = choose_groups(tx, market.address, leases)
    committee = market.chain.committee()
    signatures = {member: batch.signatures[member] for member in committee.members if member in batch.signatures}
    if len(signatures) < committee.threshold:
        raise Reverted("TooFewSignatures", {"given": len(signatures), "threshold": committee.threshold})
    if all(lease.claim is not None for lease in waiting):
        claimed = [lease.claimed for lease in leases]
        return market.sender.prepare_settle_claims(claimed, batch.verdicts, committee, signatures)
    return market.sender.prepare_settle(market.address, groups, batch.verdicts, committee, signatures)


def _enter(market: Market, tx: Transaction, item: OutboxItem, sent: Sent) -> None:
    """Into the audit log, with the commit that goes before the sending: nothing is sent that it does not have."""
    detail = {"kind": item.kind.value, "outbox": item.id, "nonce": sent.nonce}
    tx.log.add(LogKind.TRANSACTION_SIGNED, market.clock.now(), sent.tx_hash, detail)


def _reserved(matches: Sequence[MatchRecord]) -> list[MatchRecord]:
    return [match for match in matches if match.state is MatchState.RESERVED]


def _update(market: Market, item: OutboxItem, **changes: object) -> None:
    with market.store.write() as tx:
        tx.outbox.update(item.id, **changes)
