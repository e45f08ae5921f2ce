"""What a wallet does with the contracts by itself, market or no market. Each call waits for its receipt."""

from typing import Any

from marketplace.adapters.chain.contracts import Contracts
from marketplace.adapters.chain.reader import ChainReader
from marketplace.adapters.chain.sender import ChainSender
from marketplace.errors import InsufficientFunds
from marketplace.ports import TxResult
from marketplace.protocol.messages import Receipt
from marketplace.protocol.units import format_usdc


class ChainAccount:
    """One key and the contracts. All methods raise Reverted and ChainUnavailable."""

    def __init__(self, contracts: Contracts, private_key: Any) -> None:
        self._contracts = contracts
        self._sender = ChainSender(contracts, private_key)
        self.reader = ChainReader(contracts)

    @property
    def address(self) -> str:
        return self._sender.address

    def deposit(self, amount: int) -> TxResult:
        """Approve exactly `amount` micro-USDC and move it into the escrow. Raises InsufficientFunds."""
        self._approve(self._contracts.escrow.address, amount)
        return self._sender.send_and_wait(self._contracts.escrow.functions.deposit(amount))

    def withdraw(self, amount: int) -> TxResult:
        """Move free balance back to the wallet."""
        return self._sender.send_and_wait(self._contracts.escrow.functions.withdraw(amount))

    def stake(self, amount: int) -> TxResult:
        """Approve exactly `amount` micro-USDC and add it to the own stake. Raises InsufficientFunds."""
        self._approve(self._contracts.stake.address, amount)
        return self._sender.send_and_wait(self._contracts.stake.functions.stake(amount))

    def unbond(self, amount: int) -> TxResult:
        """Start taking stake out."""
        return self._sender.send_and_wait(self._contracts.stake.functions.unbond(amount))

    def withdraw_stake(self) -> TxResult:
        """Take out what has finished unbonding."""
        return self._sender.send_and_wait(self._contracts.stake.functions.withdraw())

    def cancel(self, salt: int) -> TxResult:
        """Void one own order on chain."""
        return self._sender.send_and_wait(self._contracts.escrow.functions.cancel(salt))

    def cancel_before(self, salt: int) -> TxResult:
        """Void all own orders with a smaller salt on chain."""
        return self._sender.send_and_wait(self._contracts.escrow.functions.cancelBefore(salt))

    def accept(self, receipt: Receipt, signature: str) -> TxResult:
        """Settle a lease by its renter's receipt."""
        return self._sender.send_and_wait(self._contracts.escrow.functions.accept(receipt.as_tuple(), signature))

    def refund(self, lease_ids: list[str]) -> TxResult:
        """Refund leases past their deadline, anybody's."""
        return self._sender.send_and_wait(self._contracts.escrow.functions.refund(lease_ids))

    def withdraw_fees(self) -> TxResult:
        """Push the collected fees to the treasury."""
        return self._sender.send_and_wait(self._contracts.escrow.functions.withdrawFees())

    def _approve(self, spender: str, amount: int) -> None:
        held = self.reader.token_balance(self.address)
        if held < amount:
            raise InsufficientFunds(
                f"{self.address} holds {format_usdc(held)} USDC; {format_usdc(amount)} USDC are needed.",
                hint="Send USDC to that address first.",
                held=held,
                needed=amount,
            )
        self._sender.send_and_wait(self._contracts.token.functions.approve(spender, amount))
