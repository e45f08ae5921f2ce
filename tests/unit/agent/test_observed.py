"""What the daemons tell about themselves: runs, verdicts, requests, queues; on loopback only, and only where asked."""

import socket
import sys
import threading
import urllib.request

import httpx
import pytest
import structlog

from agent.journal import Journal
from agent.observed import ObservedClient, ObservedRunner, Observer, observe
from agent.sandbox.printed import Printed
from agent.settings import OracleSettings
from agent.work import Hooks, refuse
from marketplace.errors import NotFound, ServiceUnavailable, SettingsError, problem_from_error
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.tracing import Place, Stage, place_of, trace_id_of
from marketplace.telemetry.agent_metrics import (
    AGENT_METRICS,
    ASKED,
    FETCHED,
    JOB_SECONDS,
    JOBS,
    POSTED,
    QUEUE,
    RUNNING,
    SANDBOX_SECONDS,
    VERDICTS_SEALED,
)
from marketplace.telemetry.logs import JOB_NAMES
from marketplace.telemetry.metrics import Kind
from marketplace.telemetry.tracing import Tracer
from tests.fakes.world import World
from tests.unit.agent.test_work import ended, lease_event, lease_terms, script_spec
from tests.unit.telemetry.played import Cast, Fetching

SERVICES = ("market", "provider", "oracle0", "oracle1")
JOB, LEASE = "0x" + "ab" * 32, "0x" + "11" * 32


def client_of(observer, answer) -> ObservedClient:
    return ObservedClient("http://market.test", observer, httpx.MockTransport(answer))


def test_a_paid_job_is_counted_by_its_provider_and_its_oracles(tmp_path):
    cast = Cast(World(tmp_path), {name: Tracer() for name in SERVICES})
    cast.work()
    provider, oracle = cast.observers["provider"].meter, cast.observers["oracle0"].meter
    assert provider.value(JOBS, sandbox="wasm", exit="exited") == 1 and provider.value(POSTED) == 1
    assert provider.value(SANDBOX_SECONDS, sandbox="wasm") == 2.5
    assert provider.value(FETCHED) > 0 and provider.value(ASKED, code="ok") > 0
    assert oracle.value(VERDICTS_SEALED, outcome="paid") == 1


def test_lines_of_a_run_and_of_a_judgement_say_whose_they_are(tmp_path, monkeypatch):
    cast, seen = Cast(World(tmp_path), {name: Tracer() for name in SERVICES}), []
    fetch = Fetching.__call__

    def run(self, *given, **more):
        seen.append(structlog.contextvars.get_contextvars())
        return fetch(self, *given, **more)

    monkeypatch.setattr(Fetching, "__call__", run)
    job_id = cast.work()
    whose = {"job_id": job_id, "lease_id": cast.world.lease_of(job_id), "trace_id": trace_id_of(job_id)}
    assert seen == [whose] * 3, "by the provider and two oracles"
    assert structlog.contextvars.get_contextvars() == {}


def test_what_waits_in_the_journal_is_counted_by_its_state(tmp_path):
    observer, journal = Observer(), Journal(tmp_path / "journal")
    event = lease_event(lease_terms())
    observer.watch_journal(journal)
    journal.record_blocks(1, "0x1", [event], [])
    assert observer.meter.value(QUEUE, state="seen") == 1 and observer.meter.value(QUEUE, state="attested") == 0
    journal.record_attested(event.lease_id, {})
    assert observer.meter.value(QUEUE, state="seen") == 0 and observer.meter.value(QUEUE, state="attested") == 1


def test_leases_of_before_a_restart_are_known_by_their_job(tmp_path):
    journal, event = Journal(tmp_path / "journal"), lease_event(lease_terms())
    journal.record_blocks(1, "0x1", [event], [])
    Observer().watch_journal(Journal(tmp_path / "journal"))
    assert JOB_NAMES.job_of(event.lease_id) == event.bid_hash


def test_a_run_is_counted_while_it_goes_on_and_when_it_has_ended():
    observer, seen = Observer(), []

    def run(terms, hooks):
        seen.append(observer.meter.value(RUNNING))
        return ended(ExitKind.OUT_OF_FUEL, sandbox_digest="0x" + "5a" * 32)

    ObservedRunner(run, observer.meter)(lease_terms())
    assert seen == [1] and observer.meter.value(RUNNING) == 0
    assert observer.meter.value(JOBS, sandbox="wasm", exit="out_of_fuel") == 1
    assert observer.meter.value(JOB_SECONDS, sandbox="wasm") == 1


def test_a_sandbox_that_no_machine_has_is_no_label():
    image = {"kind": "container", "digest": sha256_digest(b"ab"), "size": 2}
    terms, observer = lease_terms(script_spec(program=image, inputs=[], sandbox="of-my-choice")), Observer()
    ObservedRunner(lambda terms, hooks: refuse("none of that name", 100), observer.meter)(terms)
    assert observer.meter.value(JOBS, sandbox="none", exit="sandbox_error") == 1
    assert b"of-my-choice" not in observer.meter.render()


def test_a_run_that_breaks_off_is_no_run_that_ended():
    def run(terms, hooks):
        raise ServiceUnavailable("gone")

    observer = Observer()
    with pytest.raises(ServiceUnavailable):
        ObservedRunner(run, observer.meter)(lease_terms())
    assert observer.meter.value(RUNNING) == 0
    assert observer.meter.value(JOBS, sandbox="wasm", exit="exited") == 0


def test_a_runner_is_given_the_hooks_that_it_is_asked_with():
    seen, hooks = [], Hooks(printed=Printed())
    ObservedRunner(lambda terms, given: seen.append(given) or ended(), Observer().meter)(lease_terms(), hooks)
    assert seen == [hooks]


def test_requests_are_counted_by_what_came_of_them():
    observer = Observer()
    with client_of(observer, lambda request: httpx.Response(200, json={"status": "ok"})) as client:
        client.health()
    problem = problem_from_error(NotFound("job", JOB))
    with client_of(observer, lambda request: httpx.Response(404, json=problem)) as client, pytest.raises(NotFound):
        client.health()
    assert observer.meter.value(ASKED, code="ok") == 1 and observer.meter.value(ASKED, code="not_found") == 1


def test_a_request_within_a_span_says_where_and_one_outside_says_nothing():
    observer, headers = Observer(), []

    def answer(request):
        headers.append(request.headers.get("traceparent"))
        return httpx.Response(200, json={})

    with client_of(observer, answer) as client:
        client.health()
        with observer.tracer.span(Stage.RUN, JOB, LEASE):
            client.health()
    assert headers[0] is None
    assert Place.read(headers[1]) == place_of(JOB, Stage.RUN, LEASE), "not sampled: nobody records it"


def test_names_follow_prometheus():
    for metric in AGENT_METRICS:
        assert metric.name.startswith("computehive_agent_")
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name


# --- settings ---


def settings(tmp_path, **more) -> OracleSettings:
    given = {"rpc_url": "http://node.test", "address_book": tmp_path, "keystore": tmp_path, "data": tmp_path}
    return OracleSettings(**given | more)


def test_metrics_are_served_on_loopback_where_a_port_is_set(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with observe(settings(tmp_path, metrics_port=port), "x") as observer:
        observer.meter.count(POSTED)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert "computehive_agent_attestations_total 1.0" in answer.read().decode()
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0, "it ends with the daemon"


def test_no_metrics_are_served_unless_a_port_is_set(tmp_path):
    before = threading.active_count()
    with observe(settings(tmp_path), "x") as observer:
        assert threading.active_count() == before and not observer.tracer.is_recording


def test_a_collector_without_the_extra_is_refused_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "marketplace.telemetry.otel", None)
    with pytest.raises(SettingsError) as caught, observe(settings(tmp_path, otlp_endpoint="http://c.test:4318"), "x"):
        pass
    assert "computehive[otel]" in caught.value.hint
