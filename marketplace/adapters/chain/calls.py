"""Arguments of the escrow's calls, packed from what the services know."""

from collections.abc import Mapping, Sequence
from typing import Any

from eth_utils import to_checksum_address

from marketplace.domain.chain import Committee
from marketplace.errors import InvalidSignature
from marketplace.ports import Chosen, Match
from marketplace.protocol.eip712 import Domain, TypedMessage
from marketplace.protocol.messages import Verdict, pack_outcomes
from marketplace.protocol.packing import GROUP_SIZE, ClaimedLease, compact, pack_ask, pack_bid


def open_arguments(matches: Sequence[Match], round_digest: str, first_group: int, domain: Domain) -> tuple[Any, ...]:
    """What `open` takes for these matches, in their order; an ask or a renter that recurs stands in its table once."""
    renters: dict[str, int] = {}
    asks: dict[tuple[str, str], int] = {}
    packed_asks, packed_bids = [], []
    contract_signatures: list[bytes] = []
    for match in matches:
        bid, ask = match.bid, match.ask
        renter = renters.setdefault(bid.renter, len(renters))
        key = ask.struct_hash(), match.ask_signature
        if key not in asks:
            asks[key] = len(packed_asks)
            # An agent's key may stand in for the provider's.
            by_key = _is_by_key(ask, match.ask_signature, domain, ask.provider, ask.agent)
            packed_asks.append(
                pack_ask(ask, match.ask_signature, by_key=by_key, contract_signatures=contract_signatures)
            )
        packed_bids.append(
            pack_bid(
                bid,
                match.bid_signature,
                price=match.price,
                renter=renter,
                ask=asks[key],
                by_key=_is_by_key(bid, match.bid_signature, domain, bid.renter),
                contract_signatures=contract_signatures,
            )
        )
    return round_digest, first_group, list(renters), packed_asks, packed_bids, contract_signatures


def groups_needed(matches: int) -> int:
    """How many group numbers an `open` of so many matches takes at most."""
    return -(-matches // GROUP_SIZE)


def quorum_arguments(committee: Committee, signatures: Mapping[str, str]) -> tuple[tuple[Any, ...], list[bytes]]:
    """The `Quorum` of those members who signed, and their signatures as `settle` takes them."""
    by_member = {to_checksum_address(account): signature for account, signature in signatures.items()}
    signers, words = 0, []
    for index, member in enumerate(committee.members):
        if member in by_member:
            signers |= 1 << index
            words += compact(by_member[member])
    return (committee.epoch, committee.threshold, list(committee.members), signers), words


def settle_arguments(
    market: str,
    groups: Sequence[Chosen],
    verdicts: Sequence[Verdict],
    committee: Committee,
    signatures: Mapping[str, str],
) -> tuple[Any, ...]:
    """What `settle` takes."""
    return market, groups_argument(groups), *_batch_arguments(verdicts, committee, signatures)


def settle_claims_arguments(
    claimed: Sequence[ClaimedLease],
    verdicts: Sequence[Verdict],
    committee: Committee,
    signatures: Mapping[str, str],
) -> tuple[Any, ...]:
    """What `settleClaims` takes."""
    return [claimed_argument(lease) for lease in claimed], *_batch_arguments(verdicts, committee, signatures)


def groups_argument(groups: Sequence[Chosen]) -> list[tuple[int, int, bytes, list[int]]]:
    """`GroupTerms` of each group and the places meant."""
    return [group.chosen(places) for group, places in groups]


def claimed_argument(lease: ClaimedLease) -> tuple[bytes, int, int]:
    """A `ClaimedLease`."""
    return bytes.fromhex(lease.lease_id[2:]), lease.first, lease.second


def market_of(groups: Sequence[Chosen]) -> str:
    """The one market that all these groups are of."""
    (market,) = {group.market for group, _ in groups}
    return market


def _batch_arguments(
    verdicts: Sequence[Verdict], committee: Committee, signatures: Mapping[str, str]
) -> tuple[Any, ...]:
    results = [bytes.fromhex(one.result_digest[2:]) for one in verdicts]
    return list(pack_outcomes(verdicts)), results, *quorum_arguments(committee, signatures)


def _is_by_key(message: TypedMessage, signature: str, domain: Domain, *signers: str) -> bool:
    try:
        return message.recover(domain, signature) in signers
    except InvalidSignature:
        return False
