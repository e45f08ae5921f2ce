"""`ports.Chain` and `ports.Sender` in memory: blocks, a mempool, reorganisations, and a node that can go away."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from eth_account import Account

from marketplace.domain.chain import (
    Balance,
    BlockRef,
    ChainEvent,
    ClaimView,
    Committee,
    EventOrigin,
    ProviderAccount,
    RenterAccount,
    ReputationRecord,
    StakeState,
)
from marketplace.errors import ChainUnavailable, Reverted
from marketplace.ports import Sent, TxResult
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.packing import LeaseGroup
from tests.fakes.claims import EscrowState


@dataclass
class Transaction:
    """A signed call."""

    sent: Sent
    sender: str
    call: Callable[[EscrowState, int], list]
    fee: int = 1


@dataclass
class Block:
    """A mined block with the state after it."""

    ref: BlockRef
    state: EscrowState
    nonces: dict[str, int]
    events: list[ChainEvent] = field(default_factory=list)
    logs: int = 0
    results: dict[str, TxResult] = field(default_factory=dict)


class FakeChain:
    """One chain with one deployment.

    `away` makes every call raise ChainUnavailable; without `mining` what is sent stays in the mempool.
    """

    deployed_at_block = 1

    def __init__(self, domain: Domain, oracles: tuple[str, ...] = (), threshold: int = 2, now: int = 1_800_000_000):
        self.domain = domain
        self.away = False
        self.mining = True
        self.mempool: list[Transaction] = []
        self.broadcasts = 0
        self.fork = 0
        self.base_fee = 1
        """What is sent for less waits in the mempool."""
        self.signed: dict[str, Transaction] = {}
        """Raw transactions by their bytes: the bytes say it all, also to a sender of another process."""
        self._all: dict[str, Transaction] = {}
        members = tuple(sorted(oracles, key=lambda one: int(one, 16)))
        state = EscrowState(domain, Committee(1, threshold, members))
        self.blocks = [Block(BlockRef(0, _hash("genesis"), now), state, {})]
        self.mine()

    # --- the chain's own life -------------------------------------------------------------------------------------

    @property
    def state(self) -> EscrowState:
        """The state after the last block; tests change it to fund accounts."""
        return self.blocks[-1].state

    @property
    def time(self) -> int:
        return self.blocks[-1].ref.timestamp

    def mine(self, seconds: int = 1) -> None:
        """One block with everything in the mempool, `seconds` after the last."""
        last = self.blocks[-1]
        number = last.ref.number + 1
        block = Block(
            BlockRef(number, _hash(f"{last.ref.hash}/{self.fork}"), last.ref.timestamp + seconds),
            last.state.copy(),
            dict(last.nonces),
        )
        for transaction in sorted(self.mempool, key=lambda one: one.sent.nonce):
            if transaction.fee >= self.base_fee:
                self._execute(block, transaction)
        # What is cheap waits; what has a nonce too high waits for those before it, as at a real node.
        self.mempool = [one for one in self.mempool if one.sent.nonce >= block.nonces.get(one.sender, 0)]
        self.blocks.append(block)

    def reorganise(self, depth: int, *, keep_transactions: bool) -> None:
        """Replace the last `depth` blocks by other ones; their transactions are mined again or are lost."""
        removed, self.blocks = self.blocks[-depth:], self.blocks[:-depth]
        self.fork += 1
        if keep_transactions:
            self.mempool = [self._all[tx_hash] for block in removed for tx_hash in block.results]
        for _ in range(depth + 1):
            self.mine()

    def _execute(self, block: Block, transaction: Transaction) -> None:
        sender, sent = transaction.sender, transaction.sent
        if block.nonces.get(sender, 0) != sent.nonce:
            return
        block.nonces[sender] = sent.nonce + 1
        before = block.state.copy()
        try:
            builders = transaction.call(block.state, block.ref.timestamp)
        except Reverted:
            block.state = before
            block.results[sent.tx_hash] = TxResult(sent.tx_hash, block.ref.number, False, 1)
            return
        for build in builders:
            told = build(EventOrigin(block.ref.number, block.ref.hash, sent.tx_hash, block.logs))
            block.events += told if isinstance(told, list) else [told]
            block.logs += 1
        block.results[sent.tx_hash] = TxResult(sent.tx_hash, block.ref.number, True, 1)

    def accept(self, transaction: Transaction) -> None:
        """What `eth_sendRawTransaction` does."""
        self._online()
        self._all[transaction.sent.tx_hash] = transaction
        self.broadcasts += 1
        known = any(transaction.sent.tx_hash in block.results for block in self.blocks) or transaction in self.mempool
        self.mempool += [] if known else [transaction]
        if self.mining:
            self.mine()

    def _online(self) -> None:
        if self.away:
            raise ChainUnavailable("The chain's node does not answer.")

    # --- ports.Chain ----------------------------------------------------------------------------------------------

    def head(self) -> BlockRef:
        self._online()
        return self.blocks[-1].ref

    def block(self, number: int) -> BlockRef | None:
        self._online()
        return self.blocks[number].ref if 0 <= number < len(self.blocks) else None

    def events(self, first: int, last: int) -> list[ChainEvent]:
        self._online()
        if last >= len(self.blocks):
            raise ChainUnavailable(f"The chain's node has not got block {last} yet.")
        return [event for block in self.blocks[first : last + 1] for event in block.events]

    def fee_bps(self) -> int:
        return self._read().fee_bps

    def fees(self) -> int:
        return sum(self._read().fees.treasury.values())

    def committee(self) -> Committee:
        return self._read().committee

    def balance(self, account: str) -> Balance:
        return Balance(self._read().withdrawable(account))

    def token_balance(self, account: str) -> int:
        self._online()
        return 0

    def renter_account(self, renter: str) -> RenterAccount:
        return self._read().renters[renter]

    def provider_account(self, provider: str) -> ProviderAccount:
        return self._read().providers[provider]

    def is_void(self, renter: str, salt: int) -> bool:
        return self._read().renters[renter].is_void(salt)

    def is_agent(self, provider: str, agent: str) -> bool:
        return (provider, agent) in self._read().agents

    def stake(self, provider: str) -> StakeState:
        account = self._read().providers[provider]
        return StakeState(account.cover, account.covered, 0, 0)

    def reputation(self, provider: str) -> ReputationRecord:
        one = self._read().providers[provider]
        return ReputationRecord(one.settled, one.failed, one.expired, one.frauds, one.earned, 0)

    def is_open(self, group: LeaseGroup, place: int) -> bool:
        return self._read().is_open(group, place)

    def claim(self, lease_id: str) -> ClaimView:
        return self._read().claim_of(lease_id)

    def find_group(self, lease_id: str) -> tuple[LeaseGroup, int] | None:
        return self._read().leases.get(lease_id)

    def has_code(self, account: str) -> bool:
        return account in self._read().smart_accounts

    def is_valid_contract_signature(self, account: str, digest: str, signature: str) -> bool:
        owner = self._read().smart_accounts[account]
        raw = bytes.fromhex(signature[2:])
        return len(raw) == 65 and Account._recover_hash(bytes.fromhex(digest[2:]), signature=raw) == owner

    def simulate_open(self, matches, round_digest: str, sender: str) -> None:
        state = self._read().copy()
        state.open(sender, self.time, state.free_groups(sender, -(-len(matches) // 32)), matches, round_digest)

    def _read(self) -> EscrowState:
        self._online()
        return self.state


class FakeSender:
    """`ports.Sender` for one account of a FakeChain."""

    def __init__(self, chain: FakeChain, address: str) -> None:
        self._chain = chain
        self.address = address

    def prepare_open(self, matches, round_digest):
        matches = tuple(matches)
        first = self._chain._read().free_groups(self.address, -(-len(matches) // 32))
        return self.prepare("open", first, matches, round_digest)

    def prepare_settle(self, market, groups, verdicts, committee, signatures):
        groups, verdicts, signatures = tuple(groups), tuple(verdicts), dict(signatures)
        return self.prepare("settle", market, groups, verdicts, committee, signatures)

    def prepare_settle_claims(self, claimed, verdicts, committee, signatures):
        return self.prepare("settle_claims", tuple(claimed), tuple(verdicts), committee, dict(signatures))

    def prepare_accept(self, group, place, receipt, signature):
        return self.prepare("accept", group, place, receipt, signature)

    def prepare_refund(self, groups):
        return self.prepare("refund", tuple(groups))

    def prepare_release(self, lease):
        return self.prepare("release", lease)

    def prepare_expire_dispute(self, lease):
        return self.prepare("expire_dispute", lease)

    def prepare_cancel_for(self, cancel, signature):
        return self.prepare("cancel", cancel, signature)

    def prepare(self, name: str, *args: object) -> Sent:
        """Any call of the escrow, by its name in EscrowState: what other people do, too."""
        return self._prepare(name, lambda state, now: getattr(state, name)(self.address, now, *args))

    def call(self, name: str, *args: object) -> Sent:
        """Prepare and send."""
        sent = self.prepare(name, *args)
        self.broadcast(sent)
        return sent

    def _prepare(self, name, call) -> Sent:
        self._chain._online()
        call(self._chain.state.copy(), self._chain.time + 1)  # gas estimation: raises Reverted
        nonce = self._chain.blocks[-1].nonces.get(self.address, 0)
        while nonce in self.waiting_nonces():
            nonce += 1
        return self._sign(name, nonce, call)

    def _sign(self, name, nonce, call) -> Sent:
        raw = f"{self.address}/{name}/{nonce}/{len(self._chain.signed)}"
        sent = Sent(_hash(raw), nonce, raw)
        self._chain.signed[raw] = Transaction(sent, self.address, call, fee=self._chain.base_fee)
        return sent

    def reprice(self, sent: Sent) -> Sent | None:
        self._chain._online()
        old = self._chain.signed[sent.raw]
        return None if old.fee >= self._chain.base_fee else self._sign("repriced", sent.nonce, old.call)

    def broadcast(self, sent: Sent) -> None:
        self._chain.accept(self._chain.signed[sent.raw])

    def result(self, tx_hash: str) -> TxResult | None:
        self._chain._online()
        return next((block.results[tx_hash] for block in self._chain.blocks if tx_hash in block.results), None)

    def is_nonce_used(self, nonce: int) -> bool:
        self._chain._online()
        return self._chain.blocks[-1].nonces.get(self.address, 0) > nonce

    def waiting_nonces(self) -> list[int]:
        return sorted({one.sent.nonce for one in self._chain.mempool if one.sender == self.address})


def _hash(text: str) -> str:
    return "0x" + hashlib.sha256(text.encode()).hexdigest()
