"""What the services need from the chain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from marketplace.domain.chain import (
    Balance,
    BlockRef,
    ChainEvent,
    ClaimView,
    Committee,
    ProviderAccount,
    RenterAccount,
    ReputationRecord,
    StakeState,
)
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Ask, Bid, Cancel, Receipt, Verdict
from marketplace.protocol.packing import ClaimedLease, LeaseGroup

Chosen = tuple[LeaseGroup, tuple[int, ...]]
"""A group and the places of those of its leases that a call is about."""


@dataclass(frozen=True, slots=True)
class Match:
    """A bid and an ask, both signed, at a price: what `Escrow.open` takes."""

    bid: Bid
    bid_signature: str
    ask: Ask
    ask_signature: str
    price: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A transaction as it was signed: enough to find it again after a crash and to send it once more."""

    tx_hash: str
    nonce: int
    raw: str


@dataclass(frozen=True, slots=True)
class TxResult:
    """A mined transaction."""

    tx_hash: str
    block_number: int
    succeeded: bool
    gas_used: int


class Chain(Protocol):
    """The contracts and the chain under them. Reads raise ChainUnavailable when the node does not answer."""

    @property
    def domain(self) -> Domain: ...
    @property
    def deployed_at_block(self) -> int: ...
    def head(self) -> BlockRef: ...
    def block(self, number: int) -> BlockRef | None: ...
    def events(self, first: int, last: int) -> list[ChainEvent]:
        """All events of the contracts in blocks first..last inclusive, in chain order.

        Raises ChainUnavailable also where the node that answers has not got `last` yet: one address may have several.
        """
        ...

    def fee_bps(self) -> int: ...
    def fees(self) -> int:
        """What the treasury has not fetched yet, of all epochs of the committee."""
        ...

    def committee(self) -> Committee: ...
    def balance(self, account: str) -> Balance: ...
    def token_balance(self, account: str) -> int: ...
    def renter_account(self, renter: str) -> RenterAccount: ...
    def provider_account(self, provider: str) -> ProviderAccount: ...
    def is_void(self, renter: str, salt: int) -> bool:
        """Whether a bid of `renter` with this salt cannot be opened (any more)."""
        ...

    def is_agent(self, provider: str, agent: str) -> bool:
        """Whether `agent` may sign asks and claims for `provider`."""
        ...

    def stake(self, provider: str) -> StakeState: ...
    def reputation(self, provider: str) -> ReputationRecord: ...
    def is_open(self, group: LeaseGroup, place: int) -> bool:
        """Whether the escrow holds exactly this group, and the lease at `place` is open in it."""
        ...

    def claim(self, lease_id: str) -> ClaimView: ...
    def find_group(self, lease_id: str) -> tuple[LeaseGroup, int] | None:
        """The group and place of a lease, from the chain's logs alone; None where there is no such lease."""
        ...

    def has_code(self, account: str) -> bool:
        """Whether `account` is a contract."""
        ...

    def is_valid_contract_signature(self, account: str, digest: str, signature: str) -> bool:
        """Whether the ERC-1271 account accepts `signature` over the 32-byte `digest`."""
        ...

    def simulate_open(self, matches: Sequence[Match], round_digest: str, sender: str) -> None:
        """eth_call of `open`. Raises Reverted (`NothingOpened` has the reason of the first), ChainUnavailable."""
        ...


class Sender(Protocol):
    """Signs and sends transactions of one account, nonces in order. Does not wait.

    `prepare_*` signs without sending, so that the outbox can commit the raw transaction before it leaves.
    All raise Reverted (from gas estimation) or ChainUnavailable.
    """

    @property
    def address(self) -> str: ...
    def prepare_open(self, matches: Sequence[Match], round_digest: str) -> Sent:
        """`open` with the matches in this order, to which the indexes of MatchSkipped refer."""
        ...

    def prepare_settle(
        self,
        market: str,
        groups: Sequence[Chosen],
        verdicts: Sequence[Verdict],
        committee: Committee,
        signatures: Mapping[str, str],
    ) -> Sent:
        """`settle` with the verdicts in the order of the groups and of their places; signatures by member."""
        ...

    def prepare_settle_claims(
        self,
        claimed: Sequence[ClaimedLease],
        verdicts: Sequence[Verdict],
        committee: Committee,
        signatures: Mapping[str, str],
    ) -> Sent:
        """`settleClaims`, one verdict a lease."""
        ...

    def prepare_accept(self, group: LeaseGroup, place: int, receipt: Receipt, signature: str) -> Sent: ...
    def prepare_refund(self, groups: Sequence[Chosen]) -> Sent:
        """`refund` of leases of one market."""
        ...

    def prepare_release(self, lease: ClaimedLease) -> Sent: ...
    def prepare_expire_dispute(self, lease: ClaimedLease) -> Sent: ...
    def prepare_cancel_for(self, cancel: Cancel, signature: str) -> Sent: ...
    def reprice(self, sent: Sent) -> Sent | None:
        """The same call with the same nonce for today's fee; None where what it offers still does."""
        ...

    def broadcast(self, sent: Sent) -> None:
        """Send, or send again; a transaction the node knows already is not an error."""
        ...

    def result(self, tx_hash: str) -> TxResult | None:
        """The receipt, or None while it is not mined."""
        ...

    def is_nonce_used(self, nonce: int) -> bool:
        """Whether some transaction with this nonce was mined."""
        ...

    def waiting_nonces(self) -> Sequence[int]:
        """Of this account's transactions that the node has and that are not mined, whoever sent them."""
        ...
