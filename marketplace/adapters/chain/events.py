"""Logs of the escrow as the domain's event values."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from eth_utils import keccak
from web3.types import EventData, LogReceipt

from marketplace.adapters.chain.contracts import Contracts, load_abi
from marketplace.domain import chain as domain
from marketplace.protocol.enums import CancelKind, Outcome, SkipReason
from marketplace.protocol.packing import GROUP_SIZE, LeaseGroup, LeaseTerms

_Args = dict[str, Any]


def _hex(value: bytes) -> str:
    return "0x" + bytes(value).hex()


def group_of(args: _Args) -> LeaseGroup:
    """The group in the arguments of a `LeasesOpened`."""
    words = args["terms"]
    leases = tuple(
        LeaseTerms.from_words(_hex(bid_hash), words[2 * place], words[2 * place + 1])
        for place, bid_hash in enumerate(args["bidHashes"])
    )
    return LeaseGroup(args["market"], args["group"], leases)


def _leases_opened(origin: domain.EventOrigin, args: _Args) -> list[domain.LeaseOpened]:
    group, round_digest = group_of(args), _hex(args["roundDigest"])
    return [
        domain.LeaseOpened(
            origin=origin,
            lease_id=lease_id,
            market=group.market,
            renter=terms.renter,
            provider=terms.provider,
            bid_hash=terms.bid_hash,
            price=terms.price,
            fee_bps=terms.fee_bps,
            deadline=terms.deadline,
            salt=terms.salt,
            group=group.number,
            place=place,
            round_digest=round_digest,
        )
        for place, (lease_id, terms) in enumerate(zip(group.lease_ids(), group.leases, strict=True))
    ]


def _leases_settled(origin: domain.EventOrigin, args: _Args) -> domain.LeasesSettled:
    return domain.LeasesSettled(origin, args["market"], args["epoch"], args["signers"], tuple(settled_of(args)))


def settled_of(args: _Args) -> Iterator[domain.SettledLease]:
    """The leases that a `LeasesSettled` closed: verdicts are in the order of groups and of places chosen in them."""
    verdict, outcomes = 0, args["outcomes"]
    for closed_word, chosen_word in zip(args["closed"], args["chosen"], strict=True):
        for place in range(GROUP_SIZE):
            if not chosen_word >> place & 1:
                continue
            word = outcomes[verdict // 3] >> 80 * (verdict % 3)
            if closed_word >> place & 1:
                yield domain.SettledLease(
                    group=closed_word >> GROUP_SIZE,
                    place=place,
                    outcome=Outcome(word >> 64 & 0xFF),
                    pay=word & 2**64 - 1,
                    result_digest=_hex(args["resultDigests"][verdict]),
                )
            verdict += 1


def _lease_closed(origin: domain.EventOrigin, args: _Args) -> domain.LeaseClosed:
    return domain.LeaseClosed(
        origin=origin,
        lease_id=_hex(args["leaseId"]),
        outcome=Outcome(args["outcome"]),
        paid=args["paid"],
        fee=args["fee"],
        refund=args["refund"],
        result_digest=_hex(args["resultDigest"]),
        reason=domain.CloseReason(args["reason"]),
    )


def _lease_claimed(origin: domain.EventOrigin, args: _Args) -> domain.LeaseClaimed:
    return domain.LeaseClaimed(
        origin=origin,
        lease_id=_hex(args["leaseId"]),
        renter=args["renter"],
        provider=args["provider"],
        pay=args["pay"],
        result_digest=_hex(args["resultDigest"]),
        until=args["until"],
        first=args["first"],
        second=args["second"],
    )


_Builder = Callable[[domain.EventOrigin, _Args], "domain.ChainEvent | Sequence[domain.ChainEvent]"]
_BUILDERS: dict[str, _Builder] = {
    "Deposited": lambda origin, args: domain.Deposited(origin, args["account"], args["from"], args["amount"]),
    "Withdrawn": lambda origin, args: domain.Withdrawn(origin, args["account"], args["fromFree"], args["fromEarned"]),
    "LeasesOpened": _leases_opened,
    "MatchSkipped": lambda origin, args: domain.MatchSkipped(origin, args["index"], SkipReason(args["reason"])),
    "LeasesSettled": _leases_settled,
    "LeaseClosed": _lease_closed,
    "LeaseClaimed": _lease_claimed,
    "LeaseDisputed": lambda origin, args: domain.LeaseDisputed(
        origin, _hex(args["leaseId"]), args["renter"], args["bond"], args["until"]
    ),
    "BondReturned": lambda origin, args: domain.BondReturned(origin, _hex(args["leaseId"]), args["to"], args["bond"]),
    "ClaimsSettled": lambda origin, args: domain.ClaimsSettled(origin, args["epoch"], args["signers"], args["fees"]),
    "OracleFeeCredited": lambda origin, args: domain.OracleFeeCredited(
        origin, args["member"], args["epoch"], args["amount"]
    ),
    "AgentSet": lambda origin, args: domain.AgentSet(origin, args["provider"], args["agent"], args["allowed"]),
    "OrdersCancelled": lambda origin, args: domain.OrdersCancelled(
        origin, args["signer"], CancelKind(args["kind"]), args["salt"]
    ),
    "Slashed": lambda origin, args: domain.Slashed(origin, args["provider"], args["amount"], _hex(args["leaseId"])),
}


_OWNER = "who owns a contract changes nothing that a party acts on: the timelock announces what the owner will do"
_VIEW = "read by its view whenever it matters"
_NAMES = "whoever resolves a name asks the registry; the market follows no names"
_CHANNELS = "whoever serves on vouchers follows its own channels; the market has none"
_TOKEN = "balances are read by their view; the token is not ours"
_GOVERNANCE = "of the timelock, for people: what is executed shows as an event of the contract that it changes"
IGNORED: dict[str, dict[str, str]] = {
    "Escrow": {
        "CoverChanged": f"the bond that covers a provider's leases is {_VIEW}: each round asks for it",
        "FeeChanged": f"a lease carries the fee that it was opened with; today's is {_VIEW}",
        "FeesWithdrawn": f"the treasury's; what is left is {_VIEW}",
        "TreasuryChanged": _OWNER,
        "OpeningPaused": "`open` reverts while it lasts, and the outbox tries again",
        "OwnershipTransferStarted": _OWNER,
        "OwnershipTransferred": _OWNER,
        "EIP712DomainChanged": "never emitted: the domain is fixed at deployment",
    },
    "ProviderStake": {name: _VIEW for name in ("Staked", "Unbonding", "StakeWithdrawn", "PenaltiesSent")},
    "OracleCommittee": {
        "CommitteeChanged": f"the committee is {_VIEW}; former ones are read from these events by `committees`",
        **{name: _VIEW for name in ("Bonded", "BondUnbonding", "BondWithdrawn")},
        "SlashedSent": f"the treasury's; what is left is {_VIEW}",
        "ContradictionReported": "the member leaves the committee, which is read by its view",
        "OwnershipTransferStarted": _OWNER,
        "OwnershipTransferred": _OWNER,
    },
    "Reputation": {},
    "Messages": {},
    "ModuleRegistry": dict.fromkeys(
        (
            "NameClaimed",
            "ReleasePublished",
            "ReleaseDeprecated",
            "NameDeprecated",
            "NameRestored",
            "NameOffered",
            "NameTransferred",
        ),
        _NAMES,
    ),
    "Prepaid": dict.fromkeys(
        (
            "PrepaidDeposited",
            "WithdrawalRequested",
            "PrepaidWithdrawn",
            "EarningsWithdrawn",
            "AsksCancelled",
            "WorkSettled",
            "WorkUnpaid",
            "WorkSkipped",
            "AllowanceSet",
            "NettedSettled",
            "FeeChanged",
            "FeesWithdrawn",
            "OracleFeeCredited",
            "OwnershipTransferStarted",
            "OwnershipTransferred",
            "EIP712DomainChanged",
        ),
        "settlement without a lock, which the market does not offer",
    ),
    "PaymentChannels": dict.fromkeys(
        (
            "ChannelOpened",
            "ChannelFunded",
            "Redeemed",
            "RedemptionSkipped",
            "Refunded",
            "CloseStarted",
            "CloseFinished",
            "EarningsWithdrawn",
            "EIP712DomainChanged",
        ),
        _CHANNELS,
    ),
    "Timelock": dict.fromkeys(
        (
            "CallScheduled",
            "CallExecuted",
            "CallSalt",
            "Cancelled",
            "MinDelayChange",
            "RoleAdminChanged",
            "RoleGranted",
            "RoleRevoked",
        ),
        _GOVERNANCE,
    ),
    "USDC": dict.fromkeys(
        (
            "Approval",
            "Transfer",
            "AuthorizationWasUsed",
            "AuthorizationCanceled",
            "OwnershipTransferred",
            "EIP712DomainChanged",
        ),
        _TOKEN,
    ),
}
"""Events that `decode_log` leaves out, by contract, and why; a test holds the ABIs to both."""


def topic_of(contract: str, event: str) -> str:
    """Topic 0 of an event."""
    (item,) = (one for one in load_abi(contract) if one["type"] == "event" and one["name"] == event)
    return _hex(keccak(text=f"{event}({','.join(arg['type'] for arg in item['inputs'])})"))


TOPICS = {topic_of("Escrow", name): name for name in _BUILDERS}
"""Event name by topic 0."""


def decode_log(contracts: Contracts, log: LogReceipt) -> list[domain.ChainEvent]:
    """The events that a log of the escrow tells of, whose topic 0 is one of TOPICS."""
    name = TOPICS[_hex(log["topics"][0])]
    decoded: EventData = contracts.escrow.events[name]().process_log(log)
    origin = domain.EventOrigin(
        block_number=log["blockNumber"],
        block_hash=_hex(log["blockHash"]),
        tx_hash=_hex(log["transactionHash"]),
        log_index=log["logIndex"],
    )
    told = _BUILDERS[name](origin, dict(decoded["args"]))
    return list(told) if isinstance(told, Sequence) else [told]
