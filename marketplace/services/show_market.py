"""What the market tells about itself: health, configuration, nodes, rounds, accounts."""

from typing import Any

from eth_utils import is_hex_address, to_checksum_address

from marketplace.domain.orders import AskRecord, next_salt
from marketplace.domain.rounds import RoundRecord
from marketplace.errors import ChainUnavailable, MalformedMessage, NotFound
from marketplace.protocol.units import format_usdc
from marketplace.services.market import Market
from marketplace.services.unit_counts import count_leased


def show_health(market: Market) -> dict[str, Any]:
    """Alive, and how far behind the chain. Answers also while the chain is away, and says so."""
    with market.store.read() as tx:
        followed = tx.blocks.last()
    try:
        head = market.chain.head().number
    except ChainUnavailable:
        head = None
    return {
        "status": "ok" if head is not None else "chain_unavailable",
        "chainId": market.chain.domain.chain_id,
        "escrow": market.chain.domain.escrow,
        "head": head,
        "followed": followed.number if followed else None,
    }


def show_config(market: Market, rpc_url: str, contracts: dict[str, str]) -> dict[str, Any]:
    """All that a client needs to sign for this market. Raises ChainUnavailable."""
    rules = market.rules
    committee = market.chain.committee()
    with market.store.look() as tx:
        asks = tx.asks.live()
    return {
        "chainId": market.chain.domain.chain_id,
        "rpcUrl": rpc_url,
        "contracts": contracts,
        "deployedAtBlock": market.chain.deployed_at_block,
        "market": market.address,
        "feeBps": market.chain.fee_bps(),
        "domain": market.chain.domain.as_json(),
        "oracles": {
            "epoch": committee.epoch,
            "members": list(committee.members),
            "threshold": committee.threshold,
        },
        "runtimes": _runtimes(asks),
        "roundSeconds": rules.round_seconds,
        "limits": {
            "maxBlobBytes": rules.max_blob_bytes,
            "maxJobSeconds": rules.max_job_seconds,
            "maxJobMemoryMb": rules.max_job_memory_mb,
            "maxReplicas": rules.max_replicas,
            "maxOrderSeconds": rules.max_order_seconds,
            "nodeSilenceSeconds": rules.node_silence_seconds,
        },
    }


def _runtimes(asks: list[AskRecord]) -> dict[str, str]:
    """Ready-made runtimes by name; where nodes differ, the digest that most of them carry."""
    votes: dict[str, dict[str, int]] = {}
    for record in asks:
        for name, digest in record.profile.runtimes.items():
            counts = votes.setdefault(name, {})
            counts[digest] = counts.get(digest, 0) + 1
    return {name: max(sorted(counts), key=lambda digest: counts[digest]) for name, counts in sorted(votes.items())}


def show_cluster(market: Market) -> dict[str, Any]:
    """The market at a glance."""
    return market.answer("cluster", lambda: _cluster(market))


def _cluster(market: Market) -> dict[str, Any]:
    with market.store.look() as tx:
        asks, reserved, rounds = tx.asks.live(), tx.matches.reserved(), tx.rounds.next_number() - 1
        jobs, leases, units = (
            tx.bids.count_by_state(),
            tx.leases.count_by_stage(),
            count_leased(tx),
        )
        waiting = len(tx.outbox.unfinished())
    alive = [record for record in asks if _is_alive(market, record)]
    return {
        "nodes": {"total": len(asks), "alive": len(alive)},
        "units": {
            "total": sum(record.ask.units for record in alive),
            "leased": sum(units.get(record.ask.agent, 0) for record in alive),
        },
        "jobs": jobs,
        "leases": leases,
        "reserved": len(reserved),
        "outbox": waiting,
        "rounds": rounds,
    }


def list_nodes(market: Market) -> dict[str, Any]:
    """Every node that offers capacity, and those that have just stopped to and are leaving."""
    since = market.clock.now() - market.rules.node_silence_seconds
    with market.store.look() as tx:
        units, live = count_leased(tx), tx.asks.live()
        offering = {record.ask.agent for record in live}
        leaving = [record for record in tx.asks.draining(since) if record.ask.agent not in offering]
    return {"nodes": [_node(market, record, units) for record in [*live, *leaving]]}


def list_asks(
    market: Market,
    *,
    provider: str | None = None,
    live_only: bool = True,
    cursor: str | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """A page of asks, newest first. Raises MalformedMessage for a cursor that is none."""
    with market.store.look() as tx:
        page = tx.asks.page(provider=provider, live_only=live_only, cursor=cursor, limit=limit)
    documents = [
        {
            "askHash": record.ask_hash,
            "ask": record.ask.to_json(),
            "signature": record.signature,
            "profile": record.profile.to_json(),
            "state": record.state.value,
            "reason": record.reason or None,
            "placedAt": record.placed_at,
        }
        for record in page.items
    ]
    return {"asks": documents, "nextCursor": page.next_cursor}


def list_rounds(market: Market, *, cursor: str | None = None, limit: int = 50) -> dict[str, Any]:
    """A page of rounds, newest first. Raises MalformedMessage for a cursor that is none."""
    with market.store.look() as tx:
        page = tx.rounds.page(cursor, limit)
    return {
        "rounds": [_round(record) for record in page.items],
        "nextCursor": page.next_cursor,
    }


def show_round(market: Market, number: int) -> dict[str, Any]:
    """One round with what became of its matches. Raises NotFound."""
    with market.store.look() as tx:
        record = tx.rounds.get(number)
        if record is None:
            raise NotFound("round", str(number))
        matches = tx.matches.of_round(number)
    return _round(record) | {
        "matches": [
            {
                "leaseId": match.lease_id or None,
                "provider": match.provider,
                "bidHash": match.bid_hash,
                "askHash": match.ask_hash,
                "price": str(match.price),
                "state": match.state.value,
                "reason": match.reason or None,
            }
            for match in matches
        ],
        "rents": record.transcript["rents"],
    }


def show_transcript(market: Market, number: int) -> dict[str, Any]:
    """All it takes to recompute a round. Raises NotFound."""
    with market.store.look() as tx:
        record = tx.rounds.get(number)
    if record is None:
        raise NotFound("round", str(number))
    return record.transcript


def show_account(market: Market, address: str) -> dict[str, Any]:
    """What the contracts say about an account, and the salt for its next bid here.

    `free` can be withdrawn, `bidFree` of it can be bid with. Raises MalformedMessage, ChainUnavailable.
    """
    if not is_hex_address(address):
        raise MalformedMessage("address", "expected 0x and 40 hex digits", given=address)
    account = to_checksum_address(address)
    stake, reputation = market.chain.stake(account), market.chain.reputation(account)
    free, wallet = (
        market.chain.balance(account).free,
        market.chain.token_balance(account),
    )
    renter = market.chain.renter_account(account)
    with market.store.read() as tx:
        following = next_salt(renter, tx.bids.highest_salt(account))
        locked = sum(lease.price for lease in tx.leases.open() if lease.renter == account)
    return {
        "address": account,
        "wallet": str(wallet),
        "free": str(free),
        "freeUsdc": format_usdc(free),
        "bidFree": str(renter.free),
        "nextSalt": following,
        "locked": str(locked),
        "stake": {
            "active": str(stake.active),
            "locked": str(stake.locked),
            "unbonding": str(stake.unbonding),
            "withdrawableAt": stake.withdrawable_at,
        },
        "reputation": {
            "settled": reputation.settled,
            "failed": reputation.failed,
            "expired": reputation.expired,
            "slashed": reputation.slashed,
            "volume": str(reputation.volume),
            "since": reputation.since,
        },
    }


def _round(record: RoundRecord) -> dict[str, Any]:
    shown = {key: value for key, value in record.summary.items() if key not in ("book", "matches")}
    return {
        "number": record.number,
        "digest": record.digest,
        "clearedAt": record.cleared_at,
        "matched": record.summary["matches"],
        **shown,
    }


def _is_alive(market: Market, record: AskRecord) -> bool:
    return record.last_seen >= market.clock.now() - market.rules.node_silence_seconds


def _status(market: Market, record: AskRecord) -> str:
    if not _is_alive(market, record):
        return "silent"
    return "draining" if record.drains_by else "alive"


def _node(market: Market, record: AskRecord, units: dict[str, int]) -> dict[str, Any]:
    profile, leased = record.profile, units.get(record.ask.agent, 0)
    return {
        "id": record.ask.agent,
        "provider": record.ask.provider,
        "askHash": record.ask_hash,
        "status": _status(market, record),
        "drainsBy": record.drains_by or None,
        "lastSeen": record.last_seen,
        "region": profile.region,
        "vcpus": profile.cpu.cores,
        "memoryMb": profile.memory_mb,
        "gpus": [gpu.model for gpu in profile.gpus],
        "units": record.ask.units,
        "freeUnits": 0 if record.drains_by else max(0, record.ask.units - leased),
        "validUntil": record.ask.valid_until,
        "ask": record.ask.to_json(),
        "profile": profile.to_json(),
    }
