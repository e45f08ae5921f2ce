"""The daemons' metrics: those of a provider, of an oracle, or of both."""

from marketplace.telemetry.metrics import SLOW_SECONDS, Kind, Metric

COUNTER, GAUGE, HISTOGRAM = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM

JOBS = Metric(
    "computehive_agent_jobs_total",
    COUNTER,
    "Runs that ended, by sandbox and how their program ended",
    ("sandbox", "exit"),
)
JOB_SECONDS = Metric(
    "computehive_agent_job_seconds",
    HISTOGRAM,
    "A run, fetching its bytes included",
    ("sandbox",),
    buckets=SLOW_SECONDS,
)
SANDBOX_SECONDS = Metric(
    "computehive_agent_sandbox_seconds_total", COUNTER, "Seconds that sandboxes ran programs", ("sandbox",)
)
RUNNING = Metric("computehive_agent_jobs_running", GAUGE, "Runs under way now")
QUEUE = Metric(
    "computehive_agent_leases",
    GAUGE,
    "Leases in the journal, by work: seen (to run), attested (to send), posted; an oracle's are all seen",
    ("state",),
    is_looked_up=True,
)
FETCHED = Metric(
    "computehive_agent_fetched_bytes_total", COUNTER, "Bytes of blobs that were downloaded to run and judge jobs"
)
POSTED = Metric("computehive_agent_attestations_total", COUNTER, "Attestations that the market took")
VERDICTS_SEALED = Metric(
    "computehive_agent_verdicts_total", COUNTER, "Verdicts that this oracle came to, by outcome", ("outcome",)
)
ASKED = Metric(
    "computehive_agent_requests_total",
    COUNTER,
    "Requests to the market, by `ok` or the code of their error",
    ("code",),
)

AGENT_METRICS = (
    JOBS, JOB_SECONDS, SANDBOX_SECONDS, RUNNING, QUEUE, FETCHED, POSTED, VERDICTS_SEALED, ASKED,
)  # fmt: skip
