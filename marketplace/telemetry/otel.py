"""Spans by OpenTelemetry's SDK. Imported only where an operator has named a collector."""

import threading

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from marketplace.protocol.tracing import Place
from marketplace.telemetry.tracing import EXPORT_SECONDS, Attribute, Recorder

EXPORT_TIMEOUT_SECONDS = 5
"""Of one batch; a collector that is away costs spans, and nothing else waits for it."""


class _GivenIds(IdGenerator):
    """The ids that this thread's next span is to have."""

    def __init__(self) -> None:
        self.next = threading.local()

    def generate_trace_id(self) -> int:
        return int(self.next.place.trace_id, 16)

    def generate_span_id(self) -> int:
        return int(self.next.place.span_id, 16)


class OtelRecorder(Recorder):
    """Records each span once it is over."""

    def __init__(self, processor: SpanProcessor, service: str) -> None:
        self._ids = _GivenIds()
        # `create` would read the environment's OTEL_… as well: all settings of ours are COMPUTEHIVE_….
        self._provider = TracerProvider(
            resource=Resource({"service.name": service}), id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("computehive")

    def record(
        self,
        name: str,
        parent: Place | None,
        own: Place,
        started_ns: int,
        ended_ns: int,
        error: str,
        **attributes: Attribute,
    ) -> None:
        """Hand over one span that is over."""
        self._ids.next.place = own
        context = trace.set_span_in_context(NonRecordingSpan(_context(parent)) if parent else trace.INVALID_SPAN)
        span = self._tracer.start_span(name, context=context, start_time=started_ns, attributes=attributes)
        if error:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(end_time=ended_ns)

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        self._provider.force_flush(int(EXPORT_SECONDS * 1000))
        self._provider.shutdown()


def _context(place: Place) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED)  # what we record is recorded, whoever was not listening above it
    return SpanContext(int(place.trace_id, 16), int(place.span_id, 16), is_remote=True, trace_flags=flags)


def open_recorder(endpoint: str, service: str) -> OtelRecorder:
    """One that sends spans in batches to `endpoint`/v1/traces."""
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT_SECONDS)
    return OtelRecorder(BatchSpanProcessor(exporter), service)
