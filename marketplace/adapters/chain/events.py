"""Logs of the contracts as the domain's event values."""

from collections.abc import Callable
from typing import Any

from eth_utils import keccak
from web3.types import EventData, LogReceipt

from marketplace.adapters.chain.contracts import Contracts, load_abi
from marketplace.domain import chain as domain
from marketplace.protocol.enums import Outcome


def _hex(value: bytes) -> str:
    return "0x" + bytes(value).hex()


def _lease_opened(origin: domain.EventOrigin, args: dict[str, Any]) -> domain.LeaseOpened:
    return domain.LeaseOpened(
        origin=origin,
        lease_id=_hex(args["leaseId"]),
        renter=args["renter"],
        provider=args["provider"],
        market=args["market"],
        agent=args["agent"],
        bid_hash=_hex(args["bidHash"]),
        ask_hash=_hex(args["askHash"]),
        job_digest=_hex(args["jobDigest"]),
        price=args["price"],
        penalty=args["penalty"],
        fee_bps=args["feeBps"],
        deadline=args["deadline"],
        round_digest=_hex(args["roundDigest"]),
    )


def _lease_closed(origin: domain.EventOrigin, args: dict[str, Any]) -> domain.LeaseClosed:
    return domain.LeaseClosed(
        origin=origin,
        lease_id=_hex(args["leaseId"]),
        outcome=Outcome(args["outcome"]),
        paid=args["paid"],
        fee=args["fee"],
        refund=args["refund"],
        result_digest=_hex(args["resultDigest"]),
        reason=domain.CloseReason(args["reason"]),
    )


_BUILDERS: dict[str, Callable[[domain.EventOrigin, dict[str, Any]], domain.ChainEvent]] = {
    "Deposited": lambda origin, args: domain.Deposited(origin, args["account"], args["amount"]),
    "Withdrawn": lambda origin, args: domain.Withdrawn(origin, args["account"], args["amount"]),
    "RoundOpened": lambda origin, args: domain.RoundOpened(
        origin, args["market"], _hex(args["roundDigest"]), args["count"]
    ),
    "LeaseOpened": _lease_opened,
    "LeaseClosed": _lease_closed,
    "OrderCancelled": lambda origin, args: domain.OrderCancelled(origin, args["signer"], args["salt"]),
    "OrdersCancelledBefore": lambda origin, args: domain.OrdersCancelledBefore(origin, args["signer"], args["salt"]),
    "Slashed": lambda origin, args: domain.Slashed(origin, args["provider"], args["amount"], _hex(args["leaseId"])),
}


def _topics() -> dict[str, str]:
    """Event name by topic 0."""
    found = {}
    for contract in ("Escrow", "ProviderStake"):
        for item in load_abi(contract):
            if item["type"] == "event" and item["name"] in _BUILDERS:
                signature = f"{item['name']}({','.join(arg['type'] for arg in item['inputs'])})"
                found[_hex(keccak(text=signature))] = item["name"]
    return found


TOPICS = _topics()


def decode_log(contracts: Contracts, log: LogReceipt) -> domain.ChainEvent:
    """The event in a log whose topic 0 is one of TOPICS."""
    name = TOPICS[_hex(log["topics"][0])]
    contract = contracts.stake if log["address"] == contracts.stake.address else contracts.escrow
    decoded: EventData = contract.events[name]().process_log(log)
    origin = domain.EventOrigin(
        block_number=log["blockNumber"],
        block_hash=_hex(log["blockHash"]),
        tx_hash=_hex(log["transactionHash"]),
        log_index=log["logIndex"],
    )
    return _BUILDERS[name](origin, dict(decoded["args"]))
