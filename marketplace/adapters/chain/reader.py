"""`ports.Chain` over web3: views, events, simulation."""

import time
from collections.abc import Iterator, Sequence

from eth_abi.exceptions import DecodingError
from web3.exceptions import BadFunctionCallOutput, BlockNotFound
from web3.types import LogReceipt

from marketplace.adapters.chain.calls import groups_needed, open_arguments
from marketplace.adapters.chain.contracts import Contracts
from marketplace.adapters.chain.errors import translated
from marketplace.adapters.chain.events import TOPICS, decode_log, group_of, topic_of
from marketplace.domain.chain import (
    Balance,
    BlockRef,
    ChainEvent,
    ClaimView,
    Committee,
    EventOrigin,
    OracleBond,
    ProviderAccount,
    RenterAccount,
    ReputationRecord,
    StakeState,
)
from marketplace.errors import ChainUnavailable, Reverted
from marketplace.ports import Match
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ClaimState
from marketplace.protocol.packing import GROUP_SIZE, LeaseGroup

LOG_RANGE = 2_000
"""Blocks of one log query; public nodes refuse much larger ones."""
COMMITTEE_SECONDS = 5.0
"""How long the committee is remembered: every oracle's every poll asks for it, and it changes behind a timelock."""
OPEN_GAS = 1_000_000
"""Of one match, at most: account contracts check their signatures in it, and whoever sends it pays."""
SIGNATURE_GAS = 200_000
"""Of an account contract's check, at most; `SignatureLib.sol` allows a little more, so the escrow accepts it too."""
WORDS_AT_ONCE = 32
"""Groups that one batch of requests asks about."""
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


class ChainReader:
    """Reads of one deployment. Safe to share between threads. Every method raises ChainUnavailable."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._eth = contracts.web3.eth
        self._committee: tuple[float, Committee | None] = (0.0, None)

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
        logs = self._logs(self._contracts.escrow.address, list(TOPICS), first, last)
        logs = sorted(logs, key=_place)
        return [event for log in logs for event in decode_log(self._contracts, log)]

    def _logs(
        self, address: str, topics: list[str], first: int, last: int, *, indexed: Sequence[str] = ()
    ) -> Iterator[LogReceipt]:
        """The logs of blocks first..last, the last blocks' first; `indexed` are their next topics."""
        for end in range(last, first - 1, -LOG_RANGE):
            start = max(first, end - LOG_RANGE + 1)
            wanted = {"fromBlock": start, "toBlock": end, "address": address, "topics": [topics, *indexed]}
            with translated(), self._contracts.web3.batch_requests() as batch:
                # In one request, so that one node answers both: of blocks that it has not got it would tell no logs.
                batch.add(self._eth.get_block_number())
                batch.add(self._eth.get_logs(wanted))
                head, logs = batch.execute()
            if head < end:
                raise ChainUnavailable(f"The chain's node is at block {head}, and not at {end} yet.")
            yield from logs

    def fee_bps(self) -> int:
        with translated():
            return self._contracts.escrow.functions.feeBps().call()

    def fees(self) -> int:
        return sum(self.fees_by_epoch().values())

    def fees_by_epoch(self) -> dict[int, int]:
        """The treasury's fees not fetched yet; epoch 0 has those of leases that no oracle judged."""
        functions = self._contracts.escrow.functions
        with translated():
            last = self._contracts.committee.functions.epoch().call()
            return {epoch: functions.fees(epoch).call() for epoch in range(last + 1)}

    def oracle_credits(self) -> dict[str, int]:
        """What each member of any committee has not fetched yet of its share of the fees."""
        found: dict[str, int] = {}
        for committee in self.committees():
            for index, member in enumerate(committee.members):
                found[member] = found.get(member, 0) + self.oracle_credit(committee.epoch, index)
        return found

    def oracle_credit(self, epoch: int, index: int) -> int:
        """What the `index`-th member of an epoch's committee has not fetched yet."""
        with translated():
            return self._contracts.escrow.functions.oracleCredit(epoch, index).call()

    def oracle_bond(self, member: str) -> OracleBond:
        """An oracle's bond, and what of it a member must keep."""
        functions = self._contracts.committee.functions
        with translated():
            active, unbonding, withdrawable_at = functions.bondOf(member).call()
            kept = functions.minimumBond().call() if functions.isMember(member).call() else 0
        return OracleBond(active, unbonding, withdrawable_at, kept)

    def committee(self) -> Committee:
        asked_at, committee = self._committee
        if committee is not None and time.monotonic() - asked_at < COMMITTEE_SECONDS:
            return committee
        functions = self._contracts.committee.functions
        with translated():
            # One block for the three: the escrow hashes them together.
            at = self._eth.block_number
            epoch = functions.epoch().call(block_identifier=at)
            threshold = functions.threshold().call(block_identifier=at)
            members = functions.members().call(block_identifier=at)
        committee = Committee(epoch, threshold, tuple(members))
        self._committee = time.monotonic(), committee
        return committee

    def committees(self) -> list[Committee]:
        """Every committee there has been, from the logs."""
        contract = self._contracts.committee
        topic = topic_of("OracleCommittee", "CommitteeChanged")
        found = []
        for log in self._logs(contract.address, [topic], self.deployed_at_block, self.head().number):
            args = contract.events.CommitteeChanged().process_log(log)["args"]
            found.append(Committee(args["epoch"], args["threshold"], tuple(args["members"])))
        return sorted(found, key=lambda one: one.epoch)

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

    def renter_account(self, renter: str) -> RenterAccount:
        with translated():
            return RenterAccount(*self._contracts.escrow.functions.renterAccount(renter).call())

    def provider_account(self, provider: str) -> ProviderAccount:
        with translated():
            return ProviderAccount(*self._contracts.escrow.functions.providerAccount(provider).call())

    def is_void(self, renter: str, salt: int) -> bool:
        with translated():
            return self._contracts.escrow.functions.isVoid(renter, salt).call()

    def is_agent(self, provider: str, agent: str) -> bool:
        with translated():
            return self._contracts.escrow.functions.isAgent(provider, agent).call()

    def was_agent(self, provider: str, agent: str, at: EventOrigin) -> bool:
        """What `is_agent` said when the event at `at` was emitted, of logs alone: most nodes forget old states."""
        is_agent_now = self.is_agent(provider, agent)
        since = self._agent_logs(provider, agent, at.block_number, self.head().number)
        if all(_place(log) < (at.block_number, at.log_index) for log in since):
            return is_agent_now
        for log in self._agent_logs(provider, agent, self.deployed_at_block, at.block_number):
            if _place(log) < (at.block_number, at.log_index):
                return self._contracts.escrow.events.AgentSet().process_log(log)["args"]["allowed"]
        return False

    def _agent_logs(self, provider: str, agent: str, first: int, last: int) -> Iterator[LogReceipt]:
        """Every `AgentSet` of the two in blocks first..last, the last one first."""
        indexed = ["0x" + account[2:].lower().rjust(64, "0") for account in (provider, agent)]
        topics = [topic_of("Escrow", "AgentSet")]
        for end in range(last, first - 1, -LOG_RANGE):
            start = max(first, end - LOG_RANGE + 1)
            found = self._logs(self._contracts.escrow.address, topics, start, end, indexed=indexed)
            yield from sorted(found, key=_place, reverse=True)

    def stake(self, provider: str) -> StakeState:
        with translated():
            active, locked, unbonding, at, _ = self._contracts.stake.functions.bond(provider).call()
        return StakeState(active=active, locked=locked, unbonding=unbonding, withdrawable_at=at)

    def reputation(self, provider: str) -> ReputationRecord:
        with translated():
            return ReputationRecord(*self._contracts.reputation.functions.recordOf(provider).call())

    def is_open(self, group: LeaseGroup, place: int) -> bool:
        with translated():
            word = self._contracts.escrow.functions.groupWord(group.market, group.number).call()
        kept = int.from_bytes(group.commitment()) & 2 ** (256 - GROUP_SIZE) - 1
        return word >> GROUP_SIZE == kept and word >> place & 1 == 1

    def claim(self, lease_id: str) -> ClaimView:
        with translated():
            state, pay, until, bond, _ = self._contracts.escrow.functions.claimOf(lease_id).call()
        return ClaimView(ClaimState(state), pay, until, bond)

    def find_group(self, lease_id: str) -> tuple[LeaseGroup, int] | None:
        topic = topic_of("Escrow", "LeasesOpened")
        escrow = self._contracts.escrow
        for log in self._logs(escrow.address, [topic], self.deployed_at_block, self.head().number):
            group = group_of(escrow.events.LeasesOpened().process_log(log)["args"])
            ids = group.lease_ids()
            if lease_id.lower() in ids:
                return group, ids.index(lease_id.lower())
        return None

    def free_groups(self, market: str, count: int) -> int:
        """The lowest number with which `count` groups in a row begin that have no open lease."""
        first = number = 0
        while True:
            with translated(), self._contracts.web3.batch_requests() as batch:
                for each in range(number, number + WORDS_AT_ONCE):
                    batch.add(self._contracts.escrow.functions.groupWord(market, each))
                words = batch.execute()
            for word in words:
                number += 1
                if word % 2**GROUP_SIZE:
                    first = number
                elif number - first == count:
                    return first

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
        first = self.free_groups(sender, groups_needed(len(matches)))
        call = self._contracts.escrow.functions.open(*open_arguments(matches, round_digest, first, self.domain))
        with translated():
            limit = self._eth.get_block("latest")["gasLimit"]
            call.call({"from": sender, "gas": min(limit, OPEN_GAS * len(matches))})


def _place(log: LogReceipt) -> tuple[int, int]:
    """Where a log stands among all."""
    return log["blockNumber"], log["logIndex"]
