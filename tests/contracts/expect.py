"""What a test expects of the chain: a custom error with its values, a call's fate at an exact second."""

import ast
from contextlib import contextmanager
from typing import Any

import brownie
from brownie.exceptions import VirtualMachineError

MOST_GAS = 29_000_000
"""Below ganache's block; spares the estimate of a long batch."""


def address_of(party: Any) -> str:
    """The address of an account, a contract or an address."""
    return getattr(party, "address", party)


def now() -> int:
    """Timestamp of the last block, unix seconds."""
    return brownie.chain[-1].timestamp


def _comparable(value: Any) -> Any:
    """As Brownie writes it into a revert's message: addresses as hex literals, 32 bytes as bytes."""
    value = address_of(value)
    if isinstance(value, str) and value.startswith("0x"):
        return int(value, 16) if len(value) == 42 else bytes.fromhex(value[2:])
    return bytes(value) if isinstance(value, bytes) else value


@contextmanager
def reverts_with(name: str, *values: Any):
    """Expects the custom error `name`; with `values` also exactly those, `...` standing for any."""
    try:
        yield
    except VirtualMachineError as error:
        message = error.revert_msg or ""
    else:
        raise AssertionError(f"expected {name}, but nothing reverted")
    given_name, _, body = message.partition(": ")
    assert given_name == name, f"expected {name}, got {message!r}"
    if not values:
        return
    given = ast.literal_eval(f"({body},)")
    expected = tuple(each if each is ... else _comparable(each) for each in values)
    agree = [want is ... or want == got for want, got in zip(expected, given, strict=False)]
    assert len(given) == len(expected) and all(agree), f"expected {name}{values}, got {message!r}"


def events_of(transaction: Any, name: str) -> list[dict]:
    """All events of this name, in order, as plain values."""
    if name not in transaction.events:
        return []
    found = transaction.events[name]
    return [{key: _plain(value) for key, value in event.items()} for event in found]


def event_of(transaction: Any, name: str) -> dict:
    """The only event of this name."""
    (event,) = events_of(transaction, name)
    return event


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return tuple(_plain(item) for item in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return str(value) if isinstance(value, bytes) else value


@contextmanager
def reverts_anyhow():
    """Expects a revert without a custom error of ours: a panic, malformed calldata."""
    try:
        yield
    except VirtualMachineError:
        return
    raise AssertionError("expected a revert, but nothing reverted")


def status_at(timestamp: int, contract: Any, call: str, sender: Any) -> int:
    """Sends `call` in a block of exactly this `timestamp`; 1 if it succeeded, 0 if it reverted."""
    web3 = brownie.web3
    web3.provider.make_request("miner_stop", [])
    try:
        sent = web3.eth.send_transaction(
            {
                "from": address_of(sender),
                "to": contract.address,
                "data": call,
                "gas": 3_000_000,
                "gasPrice": web3.to_wei(20, "gwei"),
            }
        )
        web3.provider.make_request("evm_mine", [timestamp])
        return web3.eth.get_transaction_receipt(sent)["status"]
    finally:
        web3.provider.make_request("miner_start", [])


def statuses_at(timestamps: list[int], contract: Any, call: str, sender: Any) -> list[int]:
    """The same at each of several seconds, each from the state before the first."""
    found = []
    for timestamp in timestamps:
        with undone():
            found.append(status_at(timestamp, contract, call, sender))
    return found


@contextmanager
def undone():
    """What happens inside leaves no trace. (Brownie's public snapshot is taken: by the isolation of each test.)"""
    snapshot = brownie.chain._take_snapshot()
    try:
        yield
    finally:
        brownie.chain._revert(snapshot)
