"""The only place where web3's errors become ours: custom errors by name, everything else as an unavailable chain."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import requests
from eth_abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils import keccak
from web3.exceptions import Web3Exception

from marketplace.adapters.chain.contracts import load_abi
from marketplace.errors import ChainUnavailable, Reverted

_CONTRACTS = ("Escrow", "ProviderStake", "Reputation", "OracleCommittee", "Timelock", "ModuleRegistry")
_CONTRACTS += ("PaymentChannels", "Prepaid", "USDC")
_BUILT_IN = {
    "08c379a0": {"name": "Error", "inputs": [{"name": "message", "type": "string"}]},
    "4e487b71": {"name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
}
_CALL_FAILED = ("revert", "vm exception", "out of gas", "outofgas", "gas required exceeds", "exceeds block gas limit")
_CALL_FAILED += ("invalid opcode", "invalid jump", "stack underflow", "stack limit reached", "write protection")
"""What nodes say where the call itself fails: it fails for everybody and for ever, unlike a node that is away."""


@cache
def custom_errors() -> dict[str, dict[str, Any]]:
    """Every custom error of every contract, by selector (8 hex digits)."""
    found = {}
    for contract in _CONTRACTS:
        for item in load_abi(contract):
            if item["type"] == "error":
                signature = f"{item['name']}({','.join(arg['type'] for arg in item['inputs'])})"
                found[keccak(text=signature)[:4].hex()] = item
    return found


def decode_revert(data: str) -> Reverted:
    """The error in a revert's data: a custom error, `Error(string)`, `Panic(uint256)`, or none that we know."""
    raw = data.removeprefix("0x")
    selector, body = raw[:8], bytes.fromhex(raw[8:])
    item = _BUILT_IN.get(selector) or custom_errors().get(selector)
    if item is None:
        return Reverted("UnknownError", {"data": data})
    try:
        values = decode([arg["type"] for arg in item["inputs"]], body)
    except (DecodingError, OverflowError, ValueError):
        return Reverted(item["name"], {"data": data})
    named = zip((arg["name"] for arg in item["inputs"]), map(_jsonable, values), strict=True)
    return Reverted(item["name"], dict(named))


def _jsonable(value: Any) -> Any:
    return "0x" + value.hex() if isinstance(value, bytes) else value


def _revert_data(error: BaseException) -> str | None:
    """Revert data wherever this node put it: ganache nests it, geth and anvil do not."""
    waiting: list[Any] = [getattr(error, "data", None), getattr(error, "rpc_response", None)]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, str) and item.startswith("0x") and len(item) >= 10:
            return item
        if isinstance(item, dict):
            waiting += [item.get(key) for key in ("error", "data", "result", "return") if key in item]
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raises Reverted for what a contract refused, ChainUnavailable for what the node did not answer."""
    try:
        yield
    except Web3Exception as error:
        data = _revert_data(error)
        if data is not None:
            raise decode_revert(data) from error
        if any(text in str(error).lower() for text in _CALL_FAILED):
            raise Reverted("UnknownError", {"message": str(error)}) from error
        raise ChainUnavailable(f"The chain's node refused: {error}") from error
    except requests.RequestException as error:
        raise ChainUnavailable(
            "The chain's node does not answer.", hint="Check that it runs and that the RPC address is right."
        ) from error
