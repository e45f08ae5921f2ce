"""The market's metrics."""

from marketplace.telemetry.metrics import SLOW_SECONDS, Kind, Metric

COUNTER, GAUGE, HISTOGRAM = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

BUILD = Metric("computehive_build_info", GAUGE, "1; the label says which release this is", ("version",))
ORDERS = Metric(
    "computehive_orders_total",
    COUNTER,
    "Orders that were sent, by kind (bid, ask) and `accepted`, `repeated` or the code of their refusal",
    ("kind", "code"),
)
BOOK = Metric("computehive_book_orders", GAUGE, "Live orders in the book, by kind", ("kind",), is_looked_up=True)
NODES = Metric(
    "computehive_nodes", GAUGE, "Nodes with a live ask: alive, or silent for too long", ("state",), is_looked_up=True
)
ROUNDS = Metric("computehive_rounds_total", COUNTER, "Rounds that were recorded, by whether they matched", ("result",))
ROUND_SECONDS = Metric("computehive_round_seconds", HISTOGRAM, "Clearing and recording one round")
ROUND_BIDS = Metric("computehive_round_bids_total", COUNTER, "Bids that rounds considered; one in each round it waits")
ROUND_MATCHES = Metric("computehive_round_matches_total", COUNTER, "Leases that rounds matched")
SURPLUS = Metric("computehive_surplus_usdc_total", COUNTER, "Welfare: value less cost of what rounds matched, USDC")
CERTIFICATE = Metric(
    "computehive_round_certificate_ratio",
    GAUGE,
    "Surplus of the last round over the bound that its dual prices prove; 1 is proven best",
)
LEASES = Metric("computehive_leases", GAUGE, "Leases, by stage", ("stage",), is_looked_up=True)
CLOSED = Metric(
    "computehive_leases_closed_total",
    COUNTER,
    "Leases that the chain closed, by outcome and why",
    ("outcome", "reason"),
)
SETTLEMENT_SECONDS = Metric(
    "computehive_settlement_seconds",
    HISTOGRAM,
    "From the attestation to the block that closed its lease, of leases that oracles judge",
    buckets=SLOW_SECONDS,
)
VERDICTS = Metric("computehive_verdicts_total", COUNTER, "Verdicts that oracles revealed, by outcome", ("outcome",))
OUTBOX = Metric(
    "computehive_outbox_items", GAUGE, "Transactions owed to the chain, by state", ("state",), is_looked_up=True
)
OUTBOX_AGE = Metric(
    "computehive_outbox_oldest_seconds",
    GAUGE,
    "Age of the oldest of them that is due; 0 without one",
    is_looked_up=True,
)
REPLACED = Metric(
    "computehive_transactions_replaced_total",
    COUNTER,
    "Transactions signed anew: `fee` (the same nonce for more) or `nonce` (another one had taken it, or the one before"
    " it was lost)",
    ("reason",),
)
HEAD = Metric("computehive_chain_head_block", GAUGE, "The chain's newest block that this market has seen")
FOLLOWED = Metric("computehive_chain_followed_block", GAUGE, "The last block whose events are in the database")
REORGS = Metric(
    "computehive_reorganisation_blocks",
    HISTOGRAM,
    "Depth of the reorganisations that were followed",
    buckets=(1, 2, 3, 5, 10, 20, 50, 100),
)
STEP_SECONDS = Metric("computehive_worker_step_seconds", HISTOGRAM, "One step of a worker", ("worker",))
STEP_FAILURES = Metric(
    "computehive_worker_failures_total",
    COUNTER,
    "Steps that failed, by the error's code; `bug` is ours",
    ("worker", "code"),
)
REQUESTS = Metric(
    "computehive_api_requests_total",
    COUNTER,
    "Answered requests, by operation and HTTP status",
    ("operation", "status"),
)
REQUEST_SECONDS = Metric(
    "computehive_api_request_seconds", HISTOGRAM, "From a request to the head of its answer", ("operation",)
)
STREAMS = Metric("computehive_streams_open", GAUGE, "Logs and timelines that are followed now", is_looked_up=True)
BLOB_BYTES = Metric(
    "computehive_blob_bytes_total", COUNTER, "Bytes of blobs, `in` (uploads) and `out` (downloads)", ("direction",)
)
WEBHOOKS = Metric(
    "computehive_webhooks_total",
    COUNTER,
    "Calls of webhooks, by what became of the delivery: `delivered`, `waiting` (for the next try), `dead`",
    ("result",),
)
FINDINGS = Metric("computehive_findings_total", COUNTER, "Anomalies that the watcher filed, by signal", ("signal",))
FINDINGS_OPEN = Metric("computehive_findings_open", GAUGE, "1 while a signal is out of its limits", ("signal",))
REMEDIES = Metric("computehive_remedies_total", COUNTER, "Runs of the configured remedy: `done`, `failed`", ("result",))

FORGOTTEN = Metric(
    "computehive_forgotten_total",
    COUNTER,
    "What was deleted because its time was over: rows by kind, and `blobs`",
    ("kind",),
)
FORGOTTEN_BYTES = Metric("computehive_forgotten_blob_bytes_total", COUNTER, "Bytes of those blobs")
PUBLISHED = Metric(
    "computehive_published_total", COUNTER, "Events that were told to NATS: of `jobs` and `rounds`", ("topic",)
)
REPLICA_USED = Metric(
    "computehive_replica_used",
    GAUGE,
    "1 while a replica of the database is asked, by its place in the setting; 0 while it is away or too far behind",
    ("replica",),
    is_looked_up=True,
)
REPLICA_LAG = Metric(
    "computehive_replica_lag_seconds",
    GAUGE,
    "How old what a replica shows is at most; missing while it does not answer",
    ("replica",),
    is_looked_up=True,
)
VIEWS = Metric(
    "computehive_views_total",
    COUNTER,
    "Views of the database that pages were made of, by whom it was asked: `replica` or `primary`",
    ("source",),
    is_looked_up=True,
)

MARKET_METRICS = (
    BUILD, ORDERS, BOOK, NODES, ROUNDS, ROUND_SECONDS, ROUND_BIDS, ROUND_MATCHES, SURPLUS, CERTIFICATE, LEASES, CLOSED,
    SETTLEMENT_SECONDS, VERDICTS, OUTBOX, OUTBOX_AGE, REPLACED, HEAD, FOLLOWED, REORGS, STEP_SECONDS, STEP_FAILURES,
    REQUESTS, REQUEST_SECONDS, STREAMS, BLOB_BYTES, WEBHOOKS, FINDINGS, FINDINGS_OPEN, REMEDIES, FORGOTTEN,
    FORGOTTEN_BYTES, PUBLISHED, REPLICA_USED, REPLICA_LAG, VIEWS,
)  # fmt: skip
