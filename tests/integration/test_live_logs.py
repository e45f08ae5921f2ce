"""A job on a whole market, its output read while it runs."""

import re

import pytest

from marketplace.cli.localmarket import LocalMarket
from marketplace.client.events import follow_events
from marketplace.client.livelog import SeenLog
from marketplace.client.results import fetch_result, read_log
from marketplace.protocol.metering import Resources
from tests.integration.local import finish, plan_with_one_oracle, submit

LINES = 25
TALKER = f"""
import sys
for n in range({LINES}):
    print("line", n)
    sum(range(1_000_000))
print("done", file=sys.stderr)
"""
ROOM = Resources(gpus=0, vcpus=1, memory_mb=256, seconds=200, fuel=100_000_000_000, egress_mb=2)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    with LocalMarket(plan_with_one_oracle(), tmp_path_factory.mktemp("market")) as made:
        made.start()
        yield made


@pytest.mark.timeout(400)
def test_output_is_seen_while_the_job_runs_and_is_the_beginning_of_the_attested_log(market, tmp_path):
    job = submit(market, tmp_path, TALKER, resources=ROOM)
    states, seen, text, kinds = [], None, b"", []
    with market.client() as client:
        for event in follow_events(lambda after: client.job_log_stream(job, after)):
            kinds.append(event.kind)
            if event.kind == "begin":
                seen = SeenLog(event.data["leaseId"])
            if event.kind == "log":
                name, piece = seen.add(event.data)
                states.append(client.job(job)["state"])
                text += piece if name == "stdout" else b""
        live = states.count("running")
        assert live > 1, states
        assert kinds[0] == "begin" and kinds[-2:] == ["attested", "end"] and kinds.count("begin") == 1
        result = fetch_result(client, seen.lease_id, client.lease_terms(seen.lease_id), client.domain())
        attested = {name: read_log(client, result, f"log/{name}") for name in ("stdout", "stderr")}
        assert text == attested["stdout"] and len(re.findall(rb"line \d+\n", text)) == LINES
        assert all(seen.is_beginning_of(name, attested[name]) for name in attested)
        assert seen.sizes == {name: len(data) for name, data in attested.items()}
        assert finish(market, job, timeout=200)["state"] == "paid"
        told = [event.data for event in follow_events(lambda after: client.job_event_stream(job, after))]
    assert {"matched", "running", "attestation", "verdict", "lease_closed", "paid"} <= {
        one.get("event") for one in told
    }
    assert told[-1] == {"state": "paid"}


@pytest.mark.timeout(300)
def test_a_market_that_stops_lets_its_followers_go(market, tmp_path):
    job = submit(market, tmp_path, "print(1)", name="later.py", max_price=1)
    with market.client() as client:
        reader = client.job_event_stream(job)
        assert next(reader).data["event"] == "queued"
        market.process("market").stop()
        assert "timeout graceful shutdown exceeded" not in market.log("market").read_text()
        assert "end" not in [event.kind for event in reader], "the job has not ended"
