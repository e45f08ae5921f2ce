"""Every function of every contract, encoded from its ABI, and what a caller would be answered."""

from collections.abc import Callable, Iterator
from typing import Any

import brownie
from eth_abi import encode
from eth_utils import keccak

NOT_OURS = {"USDC"}
"""The token is its issuer's."""
MUCH_GAS = 8_000_000


def functions(contracts: dict[str, Any], *, views: bool = True) -> Iterator[tuple[str, dict]]:
    """Contract and ABI entry of each function, in a fixed order; without `views` only those that change something."""
    for name in sorted(contracts.keys() - NOT_OURS):
        for entry in sorted(contracts[name].abi, key=lambda each: each.get("name", "")):
            if entry["type"] == "function" and (views or entry["stateMutability"] not in ("view", "pure")):
                yield name, entry


def calldata(entry: dict, choose: Callable[[str], Any]) -> bytes:
    """A call of this function; `choose` gives a value for each elementary type, and `length` of each array."""
    types = [_type_of(each) for each in entry["inputs"]]
    values = [_value_of(each["type"], each, choose) for each in entry["inputs"]]
    return keccak(text=f"{entry['name']}({','.join(types)})")[:4] + encode(types, values)


def plain(number: int) -> Callable[[str], Any]:
    """Every number, address and byte is this; arrays have as many elements."""

    def choose(kind: str) -> Any:
        if kind == "length":
            return number
        if kind == "bool":
            return bool(number)
        if kind == "string":
            return "a" * number
        if kind == "address":
            return "0x" + number.to_bytes(20).hex()
        if kind.startswith("bytes"):
            return bytes([number]) * (int(kind[5:]) if kind[5:] else number)
        return number

    return choose


def answer(contract: Any, data: bytes, sender: str) -> str:
    """What a call would return, or the selector of the error it would revert with."""
    call = {"from": sender, "to": contract.address, "data": "0x" + data.hex(), "gas": hex(MUCH_GAS)}
    given = brownie.web3.provider.make_request("eth_call", [call, "latest"])
    return f"returned {given['result']}" if "result" in given else f"reverted {str(given['error'].get('data'))[:10]}"


def _type_of(entry: dict) -> str:
    if not entry["type"].startswith("tuple"):
        return entry["type"]
    return f"({','.join(_type_of(each) for each in entry['components'])}){entry['type'][5:]}"


def _value_of(kind: str, entry: dict, choose: Callable[[str], Any]) -> Any:
    if kind.endswith("]"):
        element, _, length = kind.rpartition("[")
        count = int(length[:-1]) if length != "]" else choose("length")
        return [_value_of(element, entry, choose) for _ in range(count)]
    if kind == "tuple":
        return tuple(_value_of(each["type"], each, choose) for each in entry["components"])
    return choose(kind)
