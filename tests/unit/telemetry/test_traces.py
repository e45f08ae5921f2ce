"""One trace follows a job across market, chain, agent and oracles, though none of them is told its id by another."""

import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from marketplace.errors import SettingsError
from marketplace.protocol.tracing import Place, Stage, place_of, trace_id_of
from marketplace.telemetry.here import here
from marketplace.telemetry.otel import OtelRecorder
from marketplace.telemetry.tracing import Tracer, open_tracer
from tests.fakes.world import ORACLES, World
from tests.unit.telemetry.played import Cast

SERVICES = ("market", "provider", "oracle0", "oracle1")
JOB, LEASE = "0x" + "ab" * 32, "0x" + "11" * 32


@pytest.fixture
def kept():
    return {name: InMemorySpanExporter() for name in SERVICES}


@pytest.fixture
def cast(tmp_path, kept):
    tracers = {name: Tracer(OtelRecorder(SimpleSpanProcessor(each), name)) for name, each in kept.items()}
    return Cast(World(tmp_path), tracers)


def spans_of(kept) -> list[tuple[str, object]]:
    return [(service, span) for service, each in kept.items() for span in each.get_finished_spans()]


def test_one_trace_follows_a_job_across_market_chain_agent_and_oracles(cast, kept):
    job_id = cast.work()
    lease_id = cast.world.lease_of(job_id)
    spans = spans_of(kept)
    assert {f"{span.context.trace_id:032x}" for _, span in spans} == {trace_id_of(job_id)}
    by_name = defaultdict(list)
    for service, span in spans:
        by_name[span.name].append((service, span))
    assert {name: [service for service, _ in by_name[name]] for name in map(str, Stage)} == {
        "place": ["market"], "match": ["market"], "open": ["market"], "run": ["provider"], "attest": ["provider"],
        "fetch": ["provider", "oracle0", "oracle1"], "judge": ["oracle0", "oracle1"], "settle": ["market"],
    }  # fmt: skip
    own = {stage: f"{by_name[stage.value][0][1].context.span_id:016x}" for stage in Stage if stage is not Stage.FETCH}
    for stage in own:
        for _, span in by_name[stage.value]:
            expected = own[stage.follows] if stage.follows else None
            assert (f"{span.parent.span_id:016x}" if span.parent else None) == expected, stage
    judges = {f"{span.context.span_id:016x}" for _, span in by_name["judge"]}
    assert judges == {place_of(job_id, Stage.JUDGE, lease_id, one.address).span_id for one in ORACLES[:2]}
    above = [f"{span.parent.span_id:016x}" for _, span in by_name["fetch"]]
    assert above[0] == own[Stage.RUN] and set(above[1:]) == judges


def test_every_span_ends_after_it_began_and_its_parent_before(cast, kept):
    cast.work()
    spans = {span.context.span_id: span for _, span in spans_of(kept)}
    for span in spans.values():
        assert span.end_time >= span.start_time
        assert span.parent is None or span.parent.span_id in spans, "no parent is missing"


def test_the_markets_part_of_a_request_hangs_below_its_callers_span(cast, kept):
    job_id = cast.work()
    lease_id = cast.world.lease_of(job_id)
    asked = [span for span in kept["market"].get_finished_spans() if span.name.startswith(("GET ", "POST "))]
    attest = place_of(job_id, Stage.ATTEST, lease_id).span_id
    (posted,) = [one for one in asked if one.name == "POST /api/v1/leases/{id}/attestation"]
    assert f"{posted.parent.span_id:016x}" == attest
    assert {one.name for one in asked} >= {"GET /api/v1/leases/{id}/terms"}


def test_nobody_writes_into_the_trace_of_another_job(cast, kept):
    job_id = cast.work()
    before = len(kept["market"].get_finished_spans())
    foreign = str(Place(trace_id_of(JOB), "b" * 16, 1))
    client = cast.oracles[0]._client._transport._http
    path = f"/api/v1/jobs/{job_id}"
    for header in (foreign, "nonsense", str(Place(trace_id_of(job_id), "b" * 16, 0))):
        assert client.get(path, headers={"traceparent": header}).status_code == 200
    assert len(kept["market"].get_finished_spans()) == before
    client.get(path, headers={"traceparent": str(Place(trace_id_of(job_id), "b" * 16, 1))})
    assert len(kept["market"].get_finished_spans()) == before + 1


def test_without_a_collector_the_job_runs_and_nothing_is_kept(tmp_path):
    cast = Cast(World(tmp_path), {name: Tracer() for name in SERVICES})
    assert cast.world.lease_of(cast.work())
    with Tracer().span(Stage.RUN, JOB, LEASE) as place:
        assert here() == place and not place.is_sampled
    assert here() is None


def test_a_stage_that_fails_says_so_unless_it_is_tried_again():
    exporter = InMemorySpanExporter()
    tracer = Tracer(OtelRecorder(SimpleSpanProcessor(exporter), "x"))
    for only_done in (True, False):
        with pytest.raises(SettingsError), tracer.span(Stage.RUN, JOB, LEASE, only_done=only_done):
            raise SettingsError("no")
    (span,) = exporter.get_finished_spans()
    assert span.status.description == "settings_error" and here() is None


def test_spans_leave_by_otlp_over_http(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer of-the-operator")
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said = self.headers["Authorization"]
            received.append((self.path, said, ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        tracer = open_tracer(f"http://127.0.0.1:{server.server_port}/", "computehive-market")
        with tracer.span(Stage.RUN, JOB, LEASE, **{"computehive.round": 7}):
            pass
        tracer.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    ((path, said, request),) = received
    assert said == "Bearer of-the-operator"
    (resource,) = request.resource_spans
    (span,) = resource.scope_spans[0].spans
    assert path == "/v1/traces" and span.name == "run" and span.trace_id.hex() == trace_id_of(JOB)
    assert span.parent_span_id.hex() == place_of(JOB, Stage.OPEN, LEASE).span_id
    assert {one.key: one.value.string_value for one in resource.resource.attributes}[
        "service.name"
    ] == "computehive-market"
    assert {one.key for one in span.attributes} == {"computehive.job_id", "computehive.lease_id", "computehive.round"}


def test_an_address_that_is_none_is_refused_by_its_name():
    with pytest.raises(SettingsError, match="OTLP_ENDPOINT: 'collector:4317'"):
        open_tracer("collector:4317", "x")


def test_a_tracer_may_be_closed_twice_and_keeps_nothing_after_that():
    exporter = InMemorySpanExporter()
    tracer = Tracer(OtelRecorder(SimpleSpanProcessor(exporter), "x"))
    for _ in range(2):
        with tracer.span(Stage.RUN, JOB, LEASE):
            pass
        tracer.close()
    assert len(exporter.get_finished_spans()) == 1 and not tracer.is_recording
