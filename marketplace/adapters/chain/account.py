"""What a wallet does with the contracts by itself, market or no market. Each call waits for its receipt."""

from collections.abc import Sequence
from typing import Any

from marketplace.adapters.chain.calls import claimed_argument, quorum_arguments
from marketplace.adapters.chain.contracts import Contracts
from marketplace.adapters.chain.reader import ChainReader
from marketplace.adapters.chain.sender import ChainSender
from marketplace.errors import InsufficientFunds
from marketplace.ports import Chosen, TxResult
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Attestation, Receipt
from marketplace.protocol.packing import ClaimedLease, LeaseGroup
from marketplace.protocol.units import format_usdc


class ChainAccount:
    """One key and the contracts. All methods raise Reverted and ChainUnavailable."""

    def __init__(self, contracts: Contracts, private_key: Any) -> None:
        self._contracts = contracts
        self._escrow = contracts.escrow.functions
        self._sender = ChainSender(contracts, private_key)
        self.reader = ChainReader(contracts)

    @property
    def address(self) -> str:
        return self._sender.address

    def deposit(self, amount: int) -> TxResult:
        """Approve exactly `amount` micro-USDC and move it into the escrow. Raises InsufficientFunds."""
        self._approve(self._contracts.escrow.address, amount)
        return self._sender.send_and_wait(self._escrow.deposit(amount))

    def withdraw(self, amount: int) -> TxResult:
        """Move free balance back to the wallet."""
        return self._sender.send_and_wait(self._escrow.withdraw(amount))

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

    def set_agent(self, agent: str, allowed: bool) -> TxResult:
        """Let a key sign asks that name it, and claims, for this account; or no longer."""
        return self._sender.send_and_wait(self._escrow.setAgent(agent, allowed))

    def cancel(self, kind: CancelKind, salt: int) -> TxResult:
        """Void own orders on chain."""
        return self._sender.send_and_wait(self._escrow.cancel(kind, salt))

    def accept(self, group: LeaseGroup, place: int, receipt: Receipt, signature: str) -> TxResult:
        """Settle a lease by its renter's receipt."""
        return self._sender.broadcast_and_wait(self._sender.prepare_accept(group, place, receipt, signature))

    def refund(self, groups: Sequence[Chosen]) -> TxResult:
        """Refund leases of one market past their deadline, anybody's."""
        return self._sender.broadcast_and_wait(self._sender.prepare_refund(groups))

    def claim(
        self, group: LeaseGroup, place: int, pay: int, attestation: Attestation, agent: str, signature: str
    ) -> TxResult:
        """Claim `pay` for a lease: as its provider, or as an agent of it with the attestation that `agent` signed."""
        return self._sender.send_and_wait(
            self._escrow.claim(group.market, group.chosen([place]), pay, attestation.as_tuple(), agent, signature)
        )

    def release(self, lease: ClaimedLease) -> TxResult:
        """Have a claim paid whose window is over; its renter need not wait."""
        return self._sender.broadcast_and_wait(self._sender.prepare_release(lease))

    def dispute(self, lease: ClaimedLease) -> TxResult:
        """Contradict a claim on an own lease, with a bond from the free balance."""
        return self._sender.send_and_wait(self._escrow.dispute(claimed_argument(lease)))

    def expire_dispute(self, lease: ClaimedLease) -> TxResult:
        """End a dispute that the oracles did not decide in time."""
        return self._sender.broadcast_and_wait(self._sender.prepare_expire_dispute(lease))

    def withdraw_fees(self) -> list[TxResult]:
        """Push the collected fees to the treasury: one transaction for each epoch of the committee that has some."""
        epochs = [epoch for epoch, amount in self.reader.fees_by_epoch().items() if amount]
        return [self._sender.send_and_wait(self._escrow.withdrawFees(epoch)) for epoch in epochs]

    def credit_oracle_fees(self) -> list[TxResult]:
        """Move what this oracle earned into its free balance, from each committee that it was in."""
        results = []
        for committee in self.reader.committees():
            if self.address not in committee.members:
                continue
            index = committee.members.index(self.address)
            if self.reader.oracle_credit(committee.epoch, index):
                quorum, _ = quorum_arguments(committee, {})
                results.append(self._sender.send_and_wait(self._escrow.creditOracle(quorum, index)))
        return results

    def bond_oracle(self, member: str, amount: int) -> TxResult:
        """Approve exactly `amount` micro-USDC and add it to an oracle's bond. Raises InsufficientFunds."""
        self._approve(self._contracts.committee.address, amount)
        return self._sender.send_and_wait(self._contracts.committee.functions.bondFor(member, amount))

    def unbond_oracle(self, amount: int) -> TxResult:
        """Start taking out of the own bond what this oracle need not keep."""
        return self._sender.send_and_wait(self._contracts.committee.functions.unbond(amount))

    def withdraw_bond(self) -> TxResult:
        """Take out what of the bond has finished unbonding."""
        return self._sender.send_and_wait(self._contracts.committee.functions.withdrawBond())

    def resign_committee(self) -> TxResult:
        """Leave the committee at once: nothing of the bond must be kept from then on."""
        return self._sender.send_and_wait(self._contracts.committee.functions.resign())

    def start_committee(self) -> TxResult:
        """Let the first committee begin, once all its members have bonded."""
        return self._sender.send_and_wait(self._contracts.committee.functions.start())

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
