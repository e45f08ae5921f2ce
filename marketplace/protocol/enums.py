"""Numbers that travel inside signed messages. They never change meaning; new ones are appended."""

from enum import IntEnum


class Verification(IntEnum):
    """How a bid wants its result checked (a `uint8` of `Bid`)."""

    REEXECUTE = 0
    """Oracles run the job again and compare digests and fuel; for deterministic sandboxes."""
    REPLICATE = 1
    """Replicas on distinct providers vote on the result digest."""
    ACCEPT = 2
    """The renter's own receipt settles; after the deadline anyone refunds."""
    ATTESTED = 3
    """Oracles check evidence of a trusted execution environment."""


class Settlement(IntEnum):
    """Which way of settling a bid allows (a `uint8` of `Bid`); see `docs/explanation/settlement.md`."""

    ESCROWED = 0
    """The price is locked when the lease opens, and paid or refunded when it is settled."""
    PREPAID = 1
    """Finished work is paid from a prepaid balance, in one step."""
    NETTED = 2
    """The oracles' quorum moves sums over many jobs, within an allowance."""


class CancelKind(IntEnum):
    """What a `Cancel` voids (a `uint8`)."""

    BID = 0
    """The bid with this salt."""
    BIDS_BEFORE = 1
    """Every bid with a smaller salt."""
    ASKS_BEFORE = 2
    """Every ask with a smaller salt."""


class Outcome(IntEnum):
    """What the oracles decided about a lease (a `uint8` of `Verdict`)."""

    NONE = 0
    PAID = 1
    """The program ran to its end and the result was reproduced: the provider is paid for the metered usage."""
    FAILED = 2
    """No result came to be (fuel, memory, trap, time): nobody is paid, nobody is blamed."""
    FRAUD = 3
    """The attested result is not what the job produces: refund, and the lease's penalty is slashed."""


class ExitKind(IntEnum):
    """How a sandboxed program ended (a `uint8` of `Attestation`)."""

    EXITED = 0
    OUT_OF_FUEL = 1
    MEMORY_LIMIT = 2
    TIMEOUT = 3
    TRAP = 4
    OUTPUT_LIMIT = 5
    SANDBOX_ERROR = 6
    EVICTED = 7
    """The machine stopped it: a better bid took a preemptible job's place, or the machine had to go."""
    PROCESS_LIMIT = 8
    """More processes and threads at once than its sandbox lets it have."""

    NETWORK_LIMIT = 9
    """It sent more than its egress leaves it, or was sent more than it lets itself be sent."""

    @property
    def is_reproducible(self) -> bool:
        """Whether another machine must see the same end (wall-clock and host trouble need not repeat)."""
        return self not in _PASSING


_PASSING = (
    ExitKind.TIMEOUT, ExitKind.SANDBOX_ERROR, ExitKind.EVICTED, ExitKind.PROCESS_LIMIT, ExitKind.NETWORK_LIMIT
)  # fmt: skip


class FigureOrigin(IntEnum):
    """Where a figure of a usage report is from (two bits of `UsageReport.origins`)."""

    UNKNOWN = 0
    """Nobody looked, or could not: the figure is 0 and means nothing."""
    MEASURED = 1
    MODELLED = 2
    """Computed, in whole or in part, from what is known of such machines."""


class ClaimState(IntEnum):
    """Where a claimed lease is on chain (`ClaimState` in `IEscrow.sol`)."""

    NONE = 0
    CLAIMED = 1
    DISPUTED = 2
    CLOSED = 3


class SkipReason(IntEnum):
    """Why `open` left a match out (`SkipReason` in `IEscrow.sol`)."""

    NONE = 0
    ASK_EXPIRED = 1
    ASK_CANCELLED = 2
    ASK_SIGNATURE = 3
    QUOTE = 4
    """The price is below the ask's quote or above the bid's maximum."""
    BID_EXPIRED = 5
    """Or its deadline has passed."""
    BID_SIGNATURE = 6
    BALANCE = 7
    """The renter's free balance does not hold the price."""
    SALT_USED = 8
    COVER = 9
    """The provider's bond does not cover one more lease."""
    UNITS = 10
    REPLICAS = 11
    """One too many of this bid, or not by ascending provider."""
    SETTLEMENT = 12
    """The bid asks for what this escrow does not do."""
