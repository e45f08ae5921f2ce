"""The keys of a local market's people behind the questions that a page asks a wallet (EIP-1193).

Only for chains that end with their process: it cannot be made for another.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_account import Account
from eth_account.messages import encode_defunct

from marketplace.errors import SettingsError

LOCAL_CHAINS = frozenset({1337, 31337})
"""What ganache and the other development chains call themselves; no public chain has these numbers."""
READS = frozenset(
    {
        "eth_blockNumber",
        "eth_call",
        "eth_chainId",
        "eth_estimateGas",
        "eth_gasPrice",
        "eth_getBalance",
        "eth_getBlockByNumber",
        "eth_getCode",
        "eth_getTransactionByHash",
        "eth_getTransactionCount",
        "eth_getTransactionReceipt",
    }
)
"""What changes nothing and is passed on to the node."""
INVALID, UNAUTHORIZED, UNSUPPORTED, WRONG_CHAIN = -32602, 4100, 4200, 4901
SPARE_GAS = 1.25
LONGEST = 2_000
"""Characters of one field that are shown."""

Fields = list[tuple[str, str]]


class Refusal(Exception):
    """What a wallet says no with: a code of EIP-1193 or EIP-1474, and words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class DevWallet:
    """`keys` by the name that a person chooses from, `node` makes a JSON-RPC call, `contracts` are web3's by name.

    Raises SettingsError on any chain but a local one, or where the node is on another chain than it is said to be.
    """

    chain_id: int
    keys: Mapping[str, bytes]
    node: Callable[..., Any]
    contracts: Mapping[str, Any]

    def __post_init__(self) -> None:
        found = int(self.node("eth_chainId"), 16)
        if self.chain_id not in LOCAL_CHAINS or found != self.chain_id:
            raise SettingsError(
                f"The test wallet is for local chains alone ({', '.join(map(str, sorted(LOCAL_CHAINS)))}), "
                f"not for chain {found}.",
                hint="Use a wallet of your own.",
            )

    @property
    def accounts(self) -> dict[str, str]:
        """Addresses by name."""
        return {name: Account.from_key(key).address for name, key in self.keys.items()}

    def answer(self, method: str, params: list[Any]) -> Any:
        """What the wallet answers once a person has accepted. Raises Refusal, and what the node raises."""
        if method in READS:
            return self.node(method, *params)
        match method, params:
            case "eth_signTypedData_v4", [str(account), str(text)]:
                message = self._typed(text)
                return _signed(Account.sign_typed_data(self._key(account), full_message=message))
            case "personal_sign", [str(text), str(account)]:
                return _signed(Account.sign_message(encode_defunct(hexstr=text), self._key(account)))
            case "eth_sendTransaction", [dict(wanted)]:
                return self._send(wanted)
        raise Refusal(UNSUPPORTED, f"The test wallet does not know {method} with these parameters.")

    def describe(self, method: str, params: list[Any]) -> Fields:
        """What a person reads before accepting, line by line. Raises Refusal."""
        match method, params:
            case "eth_signTypedData_v4", [str(), str(text)]:
                message = self._typed(text)
                return [
                    ("message", str(message.get("primaryType"))),
                    *flat(message["domain"], "domain"),
                    *flat(message.get("message")),
                ]
            case "personal_sign", [str(text), str()]:
                return [("text", _shown(bytes.fromhex(text.removeprefix("0x")).decode(errors="replace")))]
            case "eth_sendTransaction", [dict(wanted)]:
                return self._call(wanted)
        raise Refusal(UNSUPPORTED, f"The test wallet does not know {method} with these parameters.")

    def _key(self, account: str) -> bytes:
        for name, address in self.accounts.items():
            if address.lower() == account.lower():
                return self.keys[name]
        raise Refusal(UNAUTHORIZED, f"The test wallet has no account {account}.")

    def _typed(self, text: str) -> dict[str, Any]:
        try:
            message = json.loads(text)
            chain_id = int(message["domain"]["chainId"])
        except (ValueError, TypeError, KeyError) as error:
            raise Refusal(INVALID, "That is no typed message (EIP-712) that names a chain.") from error
        self._require_here(chain_id)
        return message

    def _require_here(self, chain_id: int) -> None:
        if chain_id != self.chain_id:
            raise Refusal(WRONG_CHAIN, f"The test wallet signs for chain {self.chain_id} alone, not for {chain_id}.")

    def _call(self, wanted: dict[str, Any]) -> Fields:
        to, data = str(wanted.get("to", "")), str(wanted.get("data", "0x"))
        for name, contract in self.contracts.items():
            if contract.address.lower() != to.lower():
                continue
            try:
                function, values = contract.decode_function_input(data)
            except (ValueError, DecodingError):
                break
            return [("contract", f"{name} {to}"), ("function", function.fn_name), *flat(values)]
        return [("to", to), ("data", _shown(data)), ("wei", str(wanted.get("value", "0x0")))]

    def _send(self, wanted: dict[str, Any]) -> str:
        key = self._key(str(wanted.get("from", "")))
        if "chainId" in wanted:
            self._require_here(int(str(wanted["chainId"]), 16))
        call = {name: wanted[name] for name in ("from", "to", "data", "value") if name in wanted}
        gas = int(self.node("eth_estimateGas", call), 16)
        transaction = {
            "to": wanted.get("to"),
            "data": wanted.get("data", "0x"),
            "value": int(str(wanted.get("value", "0x0")), 16),
            "nonce": int(self.node("eth_getTransactionCount", wanted["from"], "pending"), 16),
            "gas": int(gas * SPARE_GAS),
            "gasPrice": int(self.node("eth_gasPrice"), 16),
            "chainId": self.chain_id,
        }
        signed = Account.sign_transaction(transaction, key)
        return self.node("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())


def flat(value: Any, name: str = "") -> Fields:
    """Every leaf of a message with the way to it, as `job.limits.fuel`."""
    if isinstance(value, Mapping):
        return [line for key, inner in value.items() for line in flat(inner, f"{name}.{key}" if name else str(key))]
    if isinstance(value, list | tuple):
        return [line for number, inner in enumerate(value) for line in flat(inner, f"{name}[{number}]")]
    return [(name, _shown("0x" + value.hex() if isinstance(value, bytes) else str(value)))]


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _signed(signature: Any) -> str:
    return "0x" + bytes(signature.signature).hex()
