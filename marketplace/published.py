"""What others build on, behind one door: ABIs, addresses, signed messages, how leases stand in events and calls.

The npm package `@computehive/contracts` is built from this module (`make npm`), so both say the same.
"""

from pathlib import Path

from marketplace.adapters.chain.contracts import AddressBook, Contracts, load_abi
from marketplace.adapters.chain.events import group_of, settled_of
from marketplace.adapters.chain.followed import BidFollower, FollowedLease, follow_bid
from marketplace.domain.chain import CloseReason
from marketplace.protocol.eip712 import Domain, TypedMessage
from marketplace.protocol.enums import (
    CancelKind,
    ClaimState,
    ExitKind,
    FigureOrigin,
    Outcome,
    Settlement,
    SkipReason,
    Verification,
)
from marketplace.protocol.messages import SIGNED_MESSAGES, Ask, Attestation, Bid, Cancel, Receipt
from marketplace.protocol.packing import GROUP_SIZE, ClaimedLease, LeaseGroup, LeaseTerms
from marketplace.protocol.prepaid import NETTED_MESSAGES, NettedAllowance, NettedBatch, PrepaidDomain, WorkRefusal
from marketplace.protocol.vouchers import CHANNEL_MESSAGES, ChannelConfig, ChannelsDomain, Voucher

_DEPLOYMENTS = Path(__file__).with_name("deployments")


def load_deployments(folder: Path = _DEPLOYMENTS) -> dict[str, AddressBook]:
    """The published deployments by network. Raises SettingsError for a file that is no address book."""
    books = (AddressBook.load(path) for path in sorted(folder.glob("*.json")))
    return {book.network: book for book in books}


__all__ = [
    "CHANNEL_MESSAGES",
    "GROUP_SIZE",
    "NETTED_MESSAGES",
    "SIGNED_MESSAGES",
    "AddressBook",
    "Ask",
    "Attestation",
    "Bid",
    "BidFollower",
    "Cancel",
    "CancelKind",
    "ChannelConfig",
    "ChannelsDomain",
    "ClaimState",
    "ClaimedLease",
    "CloseReason",
    "Contracts",
    "Domain",
    "ExitKind",
    "FigureOrigin",
    "FollowedLease",
    "LeaseGroup",
    "LeaseTerms",
    "NettedAllowance",
    "NettedBatch",
    "Outcome",
    "PrepaidDomain",
    "Receipt",
    "Settlement",
    "SkipReason",
    "TypedMessage",
    "Verification",
    "Voucher",
    "WorkRefusal",
    "follow_bid",
    "group_of",
    "load_abi",
    "load_deployments",
    "settled_of",
]
