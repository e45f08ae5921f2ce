"""Networks to deploy on: profiles of real chains with their native USDC, and what is checked there before all else.

A profile is `scripts/profiles/<network>.json`; it says where its chain id and its token's address were taken from.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils import is_checksum_address

PROFILES = Path(__file__).resolve().parent / "profiles"
DECIMALS, SYMBOL, VERSION = "0x313ce567", "0x95d89b41", "0x54fd4d50"
"""Selectors of `decimals()`, `symbol()`, `version()`."""
_FIELDS = {
    "network": str, "title": str, "chainId": int, "chainSource": str, "nativeCurrency": str, "token": dict,
    "parameters": dict,
}  # fmt: skip
_TOKEN_FIELDS = {"address": str, "symbol": str, "decimals": int, "version": str, "source": str}
_PARAMETERS = ("timelockDelay", "unbondingDelay", "claimWindow", "disputeWindow", "minimumBond", "bondDelay")

Request = Callable[[str, list], Any]
"""One JSON-RPC request: method and parameters to result. Raises OSError or ValueError where there is none."""


class NetworkError(ValueError):
    """A profile that is not there or not whole, or a chain or token that is not the profile's."""


@dataclass(frozen=True)
class Token:
    """What the profile expects at the token's address; amounts are in units of 10^-`decimals`."""

    address: str
    symbol: str
    decimals: int
    version: str
    """Of its EIP-712 domain; "2" of Circle's FiatToken."""
    source: str


@dataclass(frozen=True)
class Profile:
    """A network to deploy on."""

    network: str
    title: str
    chain_id: int
    native_currency: str
    token: Token
    parameters: dict[str, int]
    """Delays and windows in seconds, the oracles' least bond in micro-USDC: what a deployment may say otherwise."""

    def deployment(self) -> dict[str, Any]:
        """The part of a deployment's parameters that this network decides or proposes."""
        return {"network": self.network, "token": self.token.address, **self.parameters}


def known_networks(folder: Path = PROFILES) -> list[str]:
    """The networks that have a profile."""
    return sorted(path.stem for path in folder.glob("*.json"))


def load_profile(name: str, folder: Path = PROFILES) -> Profile:
    """The profile of a network, or the one in a JSON file of one's own. Raises NetworkError naming what is wrong."""
    path = Path(name) if name.endswith(".json") else folder / f"{name}.json"
    if not path.is_file():
        raise NetworkError(f"{name!r} is no network that has a profile: there are {', '.join(known_networks(folder))}.")
    try:
        given = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise NetworkError(f"{path.name} is not JSON: {error}") from error
    _require(given, _FIELDS, path.name)
    _require(given["token"], _TOKEN_FIELDS, f"{path.name}, token")
    _require(given["parameters"], dict.fromkeys(_PARAMETERS, int), f"{path.name}, parameters")
    if not is_checksum_address(given["token"]["address"]):
        raise NetworkError(f"{path.name}: {given['token']['address']} is not an EIP-55 address.")
    if path.stem != given["network"]:
        raise NetworkError(f"{path.name}: its network is {given['network']!r}, another than its name says.")
    return Profile(
        given["network"],
        given["title"],
        given["chainId"],
        given["nativeCurrency"],
        Token(**given["token"]),
        given["parameters"],
    )


def check_network(profile: Profile, request: Request) -> None:
    """Raises NetworkError unless this is the profile's chain, and the profile's token is there."""
    chain_id = int(request("eth_chainId", []), 16)
    if chain_id != profile.chain_id:
        raise NetworkError(f"{profile.title} is chain {profile.chain_id}; this RPC serves chain {chain_id}.")
    token = profile.token
    if len(request("eth_getCode", [token.address, "latest"])) <= len("0x"):
        raise NetworkError(f"There is no contract at {token.address}, where {profile.title} should have its USDC.")
    expected = {"decimals": token.decimals, "symbol": token.symbol, "version": token.version}
    found = {
        "decimals": _number(_ask(request, token.address, DECIMALS)),
        "symbol": _text(_ask(request, token.address, SYMBOL)),
        "version": _text(_ask(request, token.address, VERSION)),
    }
    for what, value in expected.items():
        if found[what] != value:
            raise NetworkError(f"The token at {token.address} has {what} {found[what]!r}; USDC has {value!r}.")


def _require(given: Any, fields: dict[str, type], where: str) -> None:
    if not isinstance(given, dict) or given.keys() != fields.keys():
        raise NetworkError(f"{where}: it must have {', '.join(fields)}, and nothing else.")
    for name, kind in fields.items():
        if not isinstance(given[name], kind) or isinstance(given[name], bool):
            raise NetworkError(f"{where}: {name} must be a {kind.__name__}.")


def _ask(request: Request, address: str, selector: str) -> bytes:
    """The answer to a call without arguments; empty where the contract refuses it."""
    try:
        return bytes.fromhex(request("eth_call", [{"to": address, "data": selector}, "latest"])[2:])
    except ValueError:
        return b""


def _number(answer: bytes) -> int | None:
    return int.from_bytes(answer) if len(answer) == 32 else None


def _text(answer: bytes) -> str | None:
    """An ABI-encoded string; None if it is none."""
    if len(answer) < 64:
        return None
    length = int.from_bytes(answer[32:64])
    return answer[64 : 64 + length].decode(errors="replace")
