"""Metrics by name: each is declared once, with its labels, and counted through `Meter`.

Names follow Prometheus: a unit in the plural at the end, `_total` for what only grows. Labels take few values: no
account, job or address is ever one. docs/reference/metrics.md lists all of them; a test holds it to this.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from wsgiref.simple_server import WSGIServer

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from marketplace.errors import SettingsError

FAST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SLOW_SECONDS = (1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 86400.0)
"""Upper bounds of the buckets: of what a machine does, and of what people and chains wait for."""
_log = structlog.get_logger("computehive.metrics")


class Kind(StrEnum):
    """As Prometheus calls them."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `is_looked_up`: its value is asked for when somebody scrapes, and counted by nobody."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = FAST_SECONDS
    is_looked_up: bool = False

    @property
    def series(self) -> tuple[str, ...]:
        """The names that a query may use."""
        parts = ("_bucket", "_count", "_sum") if self.kind is Kind.HISTOGRAM else ("",)
        return tuple(self.name + part for part in parts)


Family = CounterMetricFamily | GaugeMetricFamily
Reading = tuple[Metric, tuple[str, ...], float]
"""A metric, the values of its labels, and how much it is now."""


class Meter:
    """The metrics of one process, or of one of several markets in it. Safe to share between threads."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.registry = CollectorRegistry()
        self._metrics = tuple(metrics)
        self._kept = {one: _open(one, self.registry) for one in metrics if not one.is_looked_up}

    def count(self, metric: Metric, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._of(metric, labels).inc(amount)

    def observe(self, metric: Metric, value: float, **labels: str) -> None:
        """Put a value into a histogram."""
        self._of(metric, labels).observe(value)

    def set(self, metric: Metric, value: float, **labels: str) -> None:
        """Say what a gauge is now."""
        self._of(metric, labels).set(value)

    @contextmanager
    def track(self, metric: Metric) -> Iterator[None]:
        """A gauge without labels that is one more as long as the block lasts."""
        gauge = self._kept[metric]
        gauge.inc()
        try:
            yield
        finally:
            gauge.dec()

    def look_up(self, readings: Callable[[], Iterable[Reading]]) -> None:
        """Have `readings` asked at every scrape. Where it fails, its metrics are missing and the others are there."""
        self.registry.register(_LookedUp([one for one in self._metrics if one.is_looked_up], readings))

    def value(self, metric: Metric, **labels: str) -> float:
        """What a series is now: of a histogram how many values it has; 0 where nothing was counted yet."""
        name = metric.name + ("_count" if metric.kind is Kind.HISTOGRAM else "")
        return self.registry.get_sample_value(name, labels) or 0.0

    def render(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self.registry)

    def _of(self, metric: Metric, labels: Mapping[str, str]):
        kept = self._kept[metric]
        return kept.labels(**labels) if metric.labels else kept


class _LookedUp:
    """A collector as prometheus_client wants it."""

    def __init__(self, metrics: Sequence[Metric], readings: Callable[[], Iterable[Reading]]) -> None:
        self._metrics, self._readings = metrics, readings

    def describe(self) -> list[Family]:
        return list(map(_family, self._metrics))

    def collect(self) -> Iterable[Family]:
        families = {one: _family(one) for one in self._metrics}
        try:
            for metric, labels, value in self._readings():
                families[metric].add_metric(labels, value)
        except Exception:  # a scrape must not fail as a whole: what counts failures is in it
            _log.exception("metrics are missing")
        return families.values()


def _family(metric: Metric) -> Family:
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(metric.name, metric.help, labels=metric.labels)


class MetricsServer:
    """`/metrics` on a port of its own: what it tells is for the operator, not for the public address."""

    def __init__(self, meter: Meter, host: str, port: int) -> None:
        """Listen. Raises SettingsError where that is not possible."""
        try:
            self._server, self._thread = start_http_server(port, host, meter.registry)
        except OSError as error:
            raise SettingsError(
                f"Metrics cannot be served at {host}:{port} ({error.strerror or error}).",
                hint="Set METRICS_HOST to an address of this machine and METRICS_PORT to a free port; 0 takes any.",
            ) from error

    @property
    def port(self) -> int:
        """Where it listens."""
        server: WSGIServer = self._server
        return server.server_port

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        if self._thread is not threading.current_thread():
            self._thread.join(5)


def _open(metric: Metric, registry: CollectorRegistry):
    if metric.kind is Kind.HISTOGRAM:
        return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry)
    kind = Counter if metric.kind is Kind.COUNTER else Gauge
    return kind(metric.name, metric.help, metric.labels, registry=registry)
