"""What a market's operator may choose."""

from dataclasses import dataclass, field

from marketplace.domain.retention import Retention


@dataclass(frozen=True, slots=True)
class Rules:
    """What this market's operator chose. Seconds, bytes, counts."""

    round_seconds: float = 2.0
    """Time between two clearings of the book."""
    max_blob_bytes: int = 256_000_000
    max_job_seconds: int = 86_400
    max_job_memory_mb: int = 4_096
    """A wasm module's linear memory ends at 4 GiB."""
    max_order_seconds: int = 30 * 86_400
    """How far ahead `validUntil` and a deadline may lie."""
    max_replicas: int = 16
    max_live_orders: int = 1_000
    """Of one account, bids and asks each: every round looks at all of them."""
    paid_cancels_per_day: int = 20
    """Of one account, that the market sends to the chain at its own cost; further ones only leave its book."""
    max_document_bytes: int = 2_000_000
    """Of a job specification or node profile in its canonical form."""
    max_batch: int = 96
    """Matches or verdicts of one transaction: three groups, which fit a block with room to spare."""
    batch_seconds: int = 0
    """How long a verdict that is agreed on waits for others, to be settled with them in one transaction."""
    max_salts_ahead: int = 100
    """How far above its next salt a renter may number a bid: a bid that opens voids those 144 below it."""
    node_silence_seconds: int = 180
    """After so long without a heartbeat a node gets no new work."""
    handover_seconds: int = 180
    """How long after its deadline a lease may take to be refunded, before its unit can be promised to another."""
    hold_seconds: int = 10
    """How long a bid sits out after the contract left out its match."""
    seal_seconds: int = 3
    """How long after the first sealed verdict a lease's seals wait for the rest of the committee, once k are there."""
    reveal_seconds: int = 60
    """How long after the opening of its seal an oracle may take to reveal, before the record says that it withholds."""
    settle_grace_seconds: int = 120
    """How long after its deadline a lease with a result may still be settled before the market refunds it."""
    resend_seconds: float = 30.0
    """A transaction that is not mined for so long is sent again."""
    max_streams: int = 200
    """Answers under way that go on until their job ends, of all clients together."""
    max_streams_per_client: int = 20
    """The same of one address."""
    max_feeds: int = 500
    """Agents and oracles that one process tells of their work, each over a connection."""
    max_feeds_per_client: int = 100
    """The same of one address."""
    requests_per_minute: int = 12_000
    """Of one address; as many at once, then 200 a second. 0 is no limit, here and below."""
    orders_per_minute: int = 1_200
    """New ones of one signer: more than it may have live at once."""
    unused_uploads: int = 20_000
    """Blobs of one address within an hour that no order or evidence names: twice what a manifest may list."""
    unused_upload_bytes: int = 4_000_000_000
    """The same in bytes, and never less than one blob of the largest size."""
    cors_origins: tuple[str, ...] = ("*",)
    """From whose pages browsers may call: `https://dapp.example`; `*` is everybody's."""
    sign_in_domains: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    """Whose pages and programs may sign in: the `domain` of an EIP-4361 message, with any port unless it names one."""
    max_attempts: int = 8
    """Refusals after which a transaction is given up."""
    retention: Retention = field(default_factory=Retention)
