"""`ports.Chain` over web3: views, events, simulation."""

import time
from collections.abc import Sequence

from eth_abi.exceptions import DecodingError
from web3.exceptions import BadFunctionCallOutput, BlockNotFound

from marketplace.adapters.chain.contracts import Contracts
from marketplace.adapters.chain.errors import translated
from marketplace.adapters.chain.events import TOPICS, decode_log
from marketplace.domain.chain import Balance, BlockRef, ChainEvent, LeaseView, ReputationRecord, StakeState
from marketplace.errors import Reverted
from marketplace.ports import Match
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import LeaseState

LOG_RANGE = 2_000
"""Blocks of one log query; public nodes refuse much larger ones."""
COMMITTEE_SECONDS = 5.0
"""How long the committee is remembered: every oracle's every poll asks for it, and it changes behind a timelock."""
OPEN_GAS = 1_000_000
"""Of one match, at most: account contracts check their signatures in it, and whoever sends it pays."""
SIGNATURE_GAS = 300_000
"""Of an account contract's check, at most: two of them and the rest of a match stay well below OPEN_GAS."""
_ERC1271_ABI = [
    {
        "type": "function",
        "name": "isValidSignature",
        "stateMutability": "view",
        "inputs": [{"name": "hash", "type": "bytes32"}, {"name": "signature", "type": "bytes"}],
        "outputs": [{"name": "", "type": "bytes4"}],
    }
]
_ERC1271_MAGIC = bytes.fromhex("1626ba7e")


def match_tuple(match: Match) -> tuple:
    """A match as `Escrow.open` takes it."""
    return (
        match.bid.as_tuple(),
        bytes.fromhex(match.bid_signature[2:]),
        match.ask.as_tuple(),
        bytes.fromhex(match.ask_signature[2:]),
        match.price,
    )


class ChainReader:
    """Reads of one deployment. Safe to share between threads. Every method raises ChainUnavailable."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._eth = contracts.web3.eth
        self._committee: tuple[float, tuple[tuple[str, ...], int] | None] = (0.0, None)

    @property
    def domain(self) -> Domain:
        return self._contracts.book.domain

    @property
    def deployed_at_block(self) -> int:
        return self._contracts.book.deployed_at_block

    def chain_id(self) -> int:
        with translated():
            return self._eth.chain_id

    def head(self) -> BlockRef:
        with translated():
            return self._ref(self._eth.get_block("latest"))

    def block(self, number: int) -> BlockRef | None:
        with translated():
            try:
                return self._ref(self._eth.get_block(number))
            except BlockNotFound:
                return None

    @staticmethod
    def _ref(block) -> BlockRef:
        return BlockRef(block["number"], "0x" + bytes(block["hash"]).hex(), block["timestamp"])

    def events(self, first: int, last: int) -> list[ChainEvent]:
        found: list[ChainEvent] = []
        addresses = [self._contracts.escrow.address, self._contracts.stake.address]
        for start in range(first, last + 1, LOG_RANGE):
            query = {
                "fromBlock": start,
                "toBlock": min(start + LOG_RANGE - 1, last),
                "address": addresses,
                "topics": [list(TOPICS)],
            }
            with translated():
                logs = self._eth.get_logs(query)
            found += [decode_log(self._contracts, log) for log in logs]
        return sorted(found, key=lambda event: (event.origin.block_number, event.origin.log_index))

    def fee_bps(self) -> int:
        with translated():
            return self._contracts.escrow.functions.feeBps().call()

    def fees(self) -> int:
        with translated():
            return self._contracts.escrow.functions.fees().call()

    def oracles(self) -> tuple[tuple[str, ...], int]:
        asked_at, committee = self._committee
        if committee is not None and time.monotonic() - asked_at < COMMITTEE_SECONDS:
            return committee
        functions = self._contracts.committee.functions
        with translated():
            committee = tuple(functions.members().call()), functions.threshold().call()
        self._committee = time.monotonic(), committee
        return committee

    def balance(self, account: str) -> Balance:
        with translated():
            return Balance(free=self._contracts.escrow.functions.free(account).call())

    def token_balance(self, account: str) -> int:
        with translated():
            return self._contracts.token.functions.balanceOf(account).call()

    def gas_balance(self, account: str) -> int:
        """Wei that `account` can spend on gas."""
        with translated():
            return self._eth.get_balance(account)

    def stake(self, provider: str) -> StakeState:
        with translated():
            active, locked, unbonding, at = self._contracts.stake.functions.bond(provider).call()
        return StakeState(active=active, locked=locked, unbonding=unbonding, withdrawable_at=at)

    def reputation(self, provider: str) -> ReputationRecord:
        with translated():
            return ReputationRecord(*self._contracts.reputation.functions.recordOf(provider).call())

    def lease(self, lease_id: str) -> LeaseView:
        with translated():
            renter, locked, fee_bps, state, provider, deadline, ask_hash = self._contracts.escrow.functions.lease(
                lease_id
            ).call()
        return LeaseView(
            state=LeaseState(state),
            renter=renter,
            provider=provider,
            locked=locked,
            penalty=locked,
            fee_bps=fee_bps,
            deadline=deadline,
            ask_hash="0x" + ask_hash.hex(),
        )

    def filled(self, bid_hash: str) -> int:
        with translated():
            return self._contracts.escrow.functions.filled(bid_hash).call()

    def open_units(self, ask_hash: str) -> int:
        with translated():
            return self._contracts.escrow.functions.openUnits(ask_hash).call()

    def is_cancelled(self, signer: str, salt: int) -> bool:
        with translated():
            return self._contracts.escrow.functions.isCancelled(signer, salt).call()

    def has_code(self, account: str) -> bool:
        """Whether `account` is a contract."""
        with translated():
            return len(self._eth.get_code(account)) > 0

    def is_valid_contract_signature(self, account: str, digest: str, signature: str) -> bool:
        """Whether the ERC-1271 account accepts `signature` over `digest` (32 bytes), within SIGNATURE_GAS."""
        contract = self._eth.contract(address=account, abi=_ERC1271_ABI)
        call = contract.functions.isValidSignature(digest, signature)
        try:
            with translated():
                try:
                    return call.call({"gas": SIGNATURE_GAS}) == _ERC1271_MAGIC
                except BadFunctionCallOutput:
                    return False
        except (Reverted, DecodingError, ValueError):
            return False

    def simulate_open(self, matches: Sequence[Match], round_digest: str, sender: str) -> None:
        call = self._contracts.escrow.functions.open([match_tuple(match) for match in matches], round_digest)
        with translated():
            limit = self._eth.get_block("latest")["gasLimit"]
            call.call({"from": sender, "gas": min(limit, OPEN_GAS * len(matches))})
