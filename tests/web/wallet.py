"""A wallet for the browser that a test plays: it holds the keys, decides, and notes each question that it was asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct, encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils import to_checksum_address
from web3 import HTTPProvider, Web3

SCRIPT = Path(__file__).with_name("wallet.js")
ICON = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><path d='M0 0h1v1z'/></svg>"
RPC_SECONDS = 20
DECLINED, UNKNOWN_CHAIN, UNSUPPORTED = 4001, 4902, 4200


class Refusal(Exception):
    """What a wallet answers with (EIP-1193)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Wallet:
    """One account on one chain. `decide` is asked before anything that a person would be; False declines."""

    account: LocalAccount
    chain_id: int
    id: str = "test.wallet"
    name: str = "Test wallet"
    knows: set[int] = field(default_factory=set)
    """Chains that it can go to; others it has to be told of."""
    decide: Callable[[str, list[Any]], bool] = lambda method, params: True
    rpc_url: str = ""
    """The chain's node, for a wallet that sends."""
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)
    """Questions that opened its window."""
    is_connected: bool = False

    def answer(self, method: str, params: list[Any]) -> Any:
        """As a wallet does. Raises Refusal."""
        if method == "eth_accounts":
            return [self.account.address] if self.is_connected else []
        if method == "eth_chainId":
            return hex(self.chain_id)
        handle = {
            "eth_requestAccounts": self._connect,
            "wallet_switchEthereumChain": self._switch,
            "wallet_addEthereumChain": self._add,
            "eth_signTypedData_v4": self._sign,
            "personal_sign": self._sign_text,
            "eth_sendTransaction": self._send,
        }.get(method)
        if handle is None:
            raise Refusal(UNSUPPORTED, f"{method} is not known here")
        self.asked.append((method, params))
        if not self.decide(method, params):
            raise Refusal(DECLINED, "User rejected the request.")
        return handle(params)

    def _connect(self, _: list[Any]) -> list[str]:
        self.is_connected = True
        return [self.account.address]

    def _switch(self, params: list[Any]) -> None:
        wanted = int(params[0]["chainId"], 16)
        if wanted not in self.knows:
            raise Refusal(UNKNOWN_CHAIN, "Unrecognized chain ID.")
        self.chain_id = wanted

    def _add(self, params: list[Any]) -> None:
        self.chain_id = int(params[0]["chainId"], 16)

    def _sign(self, params: list[Any]) -> str:
        message = encode_typed_data(full_message=json.loads(params[1]))
        return Account.sign_message(message, self.account.key).signature.to_0x_hex()

    def _sign_text(self, params: list[Any]) -> str:
        return Account.sign_message(encode_defunct(hexstr=params[0]), self.account.key).signature.to_0x_hex()

    def _send(self, params: list[Any]) -> str:
        """Signed with this wallet's key, at its own nonce and fee, as wallets do."""
        web3 = Web3(HTTPProvider(self.rpc_url, request_kwargs={"timeout": RPC_SECONDS}))
        call = {"from": self.account.address, "to": params[0]["to"], "data": params[0]["data"]}
        filled = {
            **call,
            "gas": web3.eth.estimate_gas(call) * 12 // 10,
            "gasPrice": web3.eth.gas_price,
            "nonce": web3.eth.get_transaction_count(self.account.address, "pending"),
            "chainId": self.chain_id,
        }
        signed = self.account.sign_transaction({**filled, "to": to_checksum_address(filled["to"])})
        return web3.eth.send_raw_transaction(signed.raw_transaction).to_0x_hex()

    def messages(self) -> list[dict[str, Any]]:
        """What it was asked to sign (EIP-712), the oldest first."""
        return [json.loads(params[1]) for method, params in self.asked if method == "eth_signTypedData_v4"]

    def texts(self) -> list[str]:
        """What it was asked to sign as text (EIP-191), the oldest first."""
        return [bytes.fromhex(params[0][2:]).decode() for method, params in self.asked if method == "personal_sign"]


def install(context: Any, wallets: list[Wallet]) -> None:
    """Have every page of a browser's context find these wallets."""
    by_id = {wallet.id: wallet for wallet in wallets}

    def ask(question: str) -> str:
        asked = json.loads(question)
        try:
            return json.dumps({"result": by_id[asked["id"]].answer(asked["method"], asked["params"])})
        except Refusal as refusal:
            return json.dumps({"error": {"code": refusal.code, "message": str(refusal)}})

    context.expose_function("__wallet", ask)
    announced = json.dumps([{"id": one.id, "name": one.name, "icon": ICON} for one in wallets])
    context.add_init_script(f"({SCRIPT.read_text()})({announced})")
