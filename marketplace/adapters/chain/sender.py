"""`ports.Sender` over web3: one key, nonces in order, transactions signed before they leave."""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes
from web3.contract.contract import ContractFunction
from web3.exceptions import TransactionNotFound, Web3RPCError

from marketplace.adapters.chain.calls import (
    claimed_argument,
    groups_argument,
    groups_needed,
    market_of,
    open_arguments,
    settle_arguments,
    settle_claims_arguments,
)
from marketplace.adapters.chain.contracts import Contracts
from marketplace.adapters.chain.errors import translated
from marketplace.adapters.chain.reader import OPEN_GAS, ChainReader
from marketplace.domain.chain import Committee
from marketplace.errors import ChainUnavailable, Reverted
from marketplace.ports import Chosen, Match, Sent, TxResult
from marketplace.protocol.messages import Cancel, Receipt, Verdict
from marketplace.protocol.packing import ClaimedLease, LeaseGroup

_LAST_TYPE = 0x7F
"""EIP-2718: what begins with a higher byte is a transaction from before there were types."""
GAS_MARGIN = 1.25
"""Gas limit over the estimate: state may move between estimation and inclusion."""
_KNOWN_ALREADY = ("already known", "nonce too low", "known transaction", "correct nonce", "already imported")


class ChainSender:
    """Transactions of one account. One instance an account and process: it hands out nonces."""

    def __init__(self, contracts: Contracts, private_key: Any) -> None:
        self._contracts = contracts
        self._web3 = contracts.web3
        self._reader = ChainReader(contracts)
        self._account = Account.from_key(private_key)
        self._lock = Lock()

    @property
    def address(self) -> str:
        return self._account.address

    def prepare_open(self, matches: Sequence[Match], round_digest: str) -> Sent:
        """`open` in the order given, in the lowest groups that are free: a number used before costs less gas."""
        first = self._reader.free_groups(self.address, groups_needed(len(matches)))
        arguments = open_arguments(matches, round_digest, first, self._contracts.book.domain)
        return self.prepare(self._contracts.escrow.functions.open(*arguments), at_most=OPEN_GAS * len(matches))

    def prepare_settle(
        self,
        market: str,
        groups: Sequence[Chosen],
        verdicts: Sequence[Verdict],
        committee: Committee,
        signatures: Mapping[str, str],
    ) -> Sent:
        arguments = settle_arguments(market, groups, verdicts, committee, signatures)
        return self.prepare(self._contracts.escrow.functions.settle(*arguments))

    def prepare_settle_claims(
        self,
        claimed: Sequence[ClaimedLease],
        verdicts: Sequence[Verdict],
        committee: Committee,
        signatures: Mapping[str, str],
    ) -> Sent:
        arguments = settle_claims_arguments(claimed, verdicts, committee, signatures)
        return self.prepare(self._contracts.escrow.functions.settleClaims(*arguments))

    def prepare_accept(self, group: LeaseGroup, place: int, receipt: Receipt, signature: str) -> Sent:
        call = self._contracts.escrow.functions.accept(
            group.market, group.chosen([place]), receipt.as_tuple(), signature
        )
        return self.prepare(call, at_most=OPEN_GAS)

    def prepare_refund(self, groups: Sequence[Chosen]) -> Sent:
        return self.prepare(self._contracts.escrow.functions.refund(market_of(groups), groups_argument(groups)))

    def prepare_release(self, lease: ClaimedLease) -> Sent:
        return self.prepare(self._contracts.escrow.functions.release(claimed_argument(lease)))

    def prepare_expire_dispute(self, lease: ClaimedLease) -> Sent:
        return self.prepare(self._contracts.escrow.functions.expireDispute(claimed_argument(lease)))

    def prepare_cancel_for(self, cancel: Cancel, signature: str) -> Sent:
        return self.prepare(self._contracts.escrow.functions.cancelFor(cancel.as_tuple(), signature), at_most=OPEN_GAS)

    def prepare(self, function: ContractFunction, *, at_most: int | None = None) -> Sent:
        """Estimate, price and sign a call.

        Raises Reverted (the call would fail, or take more gas than `at_most`) or ChainUnavailable.
        """
        with self._lock, translated():
            nonce = self._web3.eth.get_transaction_count(self.address, "pending")
            estimate = function.estimate_gas({"from": self.address})
            if at_most is not None and estimate > at_most:
                raise Reverted("TooMuchGas", {"estimate": estimate, "limit": at_most})
            latest = self._web3.eth.get_block("latest")
            transaction = function.build_transaction(
                {
                    "from": self.address,
                    "nonce": nonce,
                    "gas": min(int(estimate * GAS_MARGIN), latest["gasLimit"]),
                    "chainId": self._contracts.book.chain_id,
                    **self._fees(latest.get("baseFeePerGas")),
                }
            )
        return self._sign(transaction)

    def _fees(self, base: int | None) -> dict[str, int]:
        """EIP-1559 fees with room for six full blocks of rising base fee; legacy where a chain has none."""
        if base is None:
            return {"gasPrice": self._web3.eth.gas_price}
        tip = self._web3.eth.max_priority_fee
        return {"maxPriorityFeePerGas": tip, "maxFeePerGas": base * 2 + tip}

    def reprice(self, sent: Sent) -> Sent | None:
        """The same call with the same nonce for today's fee; None where the old one still does.

        A node takes it for the old one only where it offers an eighth more. Legacy transactions stay as they are.
        """
        raw = HexBytes(sent.raw)
        if raw[0] > _LAST_TYPE:
            return None
        call = {key: value for key, value in TypedTransaction.from_bytes(raw).as_dict().items() if key not in "vrs"}
        fee, tip = call["maxFeePerGas"], call["maxPriorityFeePerGas"]
        with translated():
            base = self._web3.eth.get_block("latest").get("baseFeePerGas")
            today = self._fees(base)
        if base is None or (fee >= base and 2 * tip >= today["maxPriorityFeePerGas"]):
            return None
        call["maxPriorityFeePerGas"] = max(today["maxPriorityFeePerGas"], tip + tip // 8 + 1)
        call["maxFeePerGas"] = max(2 * base + call["maxPriorityFeePerGas"], fee + fee // 8 + 1)
        return self._sign(call)

    def _sign(self, transaction: dict[str, Any]) -> Sent:
        signed = self._account.sign_transaction(transaction)
        return Sent("0x" + signed.hash.hex(), transaction["nonce"], "0x" + signed.raw_transaction.hex())

    def broadcast(self, sent: Sent) -> None:
        if self.result(sent.tx_hash) is not None:
            return  # mined already; ganache would run a first transaction (nonce 0) a second time
        with translated():
            try:
                self._web3.eth.send_raw_transaction(sent.raw)
            except Web3RPCError as error:
                if not any(text in str(error).lower() for text in _KNOWN_ALREADY):
                    raise

    def result(self, tx_hash: str) -> TxResult | None:
        with translated():
            try:
                receipt = self._web3.eth.get_transaction_receipt(tx_hash)
            except TransactionNotFound:
                return None
        if receipt is None:
            return None
        return TxResult(tx_hash, receipt["blockNumber"], receipt["status"] == 1, receipt["gasUsed"])

    def is_nonce_used(self, nonce: int) -> bool:
        with translated():
            return self._web3.eth.get_transaction_count(self.address, "latest") > nonce

    def waiting_nonces(self) -> range:
        with translated():
            mined = self._web3.eth.get_transaction_count(self.address, "latest")
            return range(mined, self._web3.eth.get_transaction_count(self.address, "pending"))

    def send_and_wait(self, function: ContractFunction, timeout: float = 60) -> TxResult:
        """Send one call and wait for its receipt. Raises Reverted, ChainUnavailable (also when time runs out)."""
        return self.broadcast_and_wait(self.prepare(function), timeout)

    def broadcast_and_wait(self, sent: Sent, timeout: float = 60) -> TxResult:
        """Send what was prepared and wait for its receipt. Raises as `send_and_wait`."""
        self.broadcast(sent)
        with translated():
            receipt = self._web3.eth.wait_for_transaction_receipt(sent.tx_hash, timeout=timeout, poll_latency=0.05)
        if receipt["status"] != 1:
            raise ChainUnavailable(f"Transaction {sent.tx_hash} was mined and failed.", hint="Try again.")
        return TxResult(sent.tx_hash, receipt["blockNumber"], True, receipt["gasUsed"])
