"""Saved states: seen in the sandbox, sent by the daemon, gone on from by another job."""

import threading
from dataclasses import replace

import pytest

from agent.adapters import Job
from agent.adapters.wasm import WasmAdapter
from agent.checkpoints import Checkpoints
from agent.journal import Journal
from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import Limits, Sandbox
from agent.sandbox.snapshots import Snapshots
from marketplace.errors import ConflictError, InvalidJobSpec, InvalidManifest, ServiceUnavailable
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpoint import Checkpoint, resume_from
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import Manifest, ManifestEntry
from tests.unit.agent.played_market import AGENT, DOMAIN
from tests.unit.agent.test_work import lease_terms, script_spec

LEASE = "0x" + "11" * 32
LIMITS = Limits(fuel=400 * 10**9, memory_bytes=256_000_000, wall_seconds=60, egress_bytes=1_000_000)
COUNTER = b"""
import os
at = int(open('/in/state/n').read()) if os.path.exists('/in/state/n') else 0
os.makedirs('state', exist_ok=True)
for n in range(at, 400):
    sum(range(20000))
    open('state/new', 'w').write(str(n)); os.rename('state/new', 'state/n')
open('result', 'w').write(f'{at} to 400')
"""


# --- what is seen -----------------------------------------------------------------------------------------------------


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def snapshots():
    """Snapshots every ten seconds, their clock, and what was handed on."""
    clock, kept = Clock(), []
    return Snapshots("state", 10, kept.append, clock), clock, kept


def test_files_are_handed_on_when_it_is_time_and_they_have_changed(snapshots):
    look, clock, kept = snapshots
    for clock.now, files in ((5, {"state/a": b"1"}), (10, {"state/a": b"1"}), (20, {"state/a": b"1"}),
                             (25, {"state/a": b"2"}), (30, {"state/a": b"2"})):  # fmt: skip
        look.look(lambda files=files: files)
    assert kept == [{"state/a": b"1"}, {"state/a": b"2"}]


def test_what_lies_elsewhere_is_not_part_of_the_state(snapshots):
    look, _clock, kept = snapshots
    look.look(lambda: {"state": b"", "states/a": b"", "a": b"", "state/b/c": b"1"}, is_last=True)
    look.look(lambda: {"a": b""}, is_last=True)
    assert kept == [{"state/b/c": b"1"}]


def test_files_are_not_even_read_before_it_is_time(snapshots):
    snapshots[0].look(lambda: pytest.fail("too early"))


# --- the sandbox ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adapter():
    sandbox = Sandbox()
    return WasmAdapter(sandbox, ModuleCache(sandbox))


def counting(inputs: dict[str, bytes], snapshots: Snapshots | None = None) -> Job:
    files = {"s.py": COUNTER} | inputs
    entries = [{"path": path, "digest": sha256_digest(data), "size": len(data)} for path, data in files.items()]
    program = {"kind": "runtime", "name": "python", "digest": RUNTIMES["python"].digest, "script": "s.py"}
    return Job(JobSpec.parse({"program": program, "inputs": entries}), files, {}.__getitem__, snapshots)


def test_program_is_seen_while_it_runs_and_neither_result_nor_fuel_depend_on_it(adapter):
    kept = []
    seen = adapter.run(counting({}, Snapshots("state", 0, kept.append)), LIMITS)
    unseen = adapter.run(counting({}), LIMITS)
    assert (seen.fuel_used, seen.outputs) == (unseen.fuel_used, unseen.outputs)
    states = [int(files["state/n"]) for files in kept if "state/n" in files]
    assert len(states) > 1 and states == sorted(states)


def test_program_that_its_machine_stops_is_seen_once_more_and_goes_on_from_there(adapter):
    kept, stop = [], threading.Event()

    def keep(files):
        kept.append(dict(files))
        if int(files.get("state/n", b"0")) > 40:  # far enough for the rest to be less, whatever reading the state takes
            stop.set()

    stopped = adapter.run(counting({}, Snapshots("state", 0.1, keep)), LIMITS, stop)
    assert (stopped.exit_kind, stopped.outputs) == (ExitKind.EVICTED, {})
    saved = {path: data for path, data in kept[-1].items() if path == "state/n"}
    rest = adapter.run(counting(saved), LIMITS)
    whole = adapter.run(counting({}), LIMITS)
    assert rest.outputs["result"] == b"%s to 400" % saved["state/n"]
    assert rest.fuel_used < whole.fuel_used, "what was done before is not paid for again"


# --- the daemon -------------------------------------------------------------------------------------------------------


class Market:
    """Takes blobs and checkpoints, or is away, or refuses."""

    def __init__(self):
        self.blobs, self.posted, self.trouble = {}, [], None

    def has_blob(self, digest):
        if self.trouble:
            raise self.trouble
        return digest in self.blobs

    def put_blob(self, data, digest):
        self.blobs[digest] = data

    def post_checkpoint(self, checkpoint, signature, manifest):
        assert checkpoint.recover(DOMAIN, signature) == AGENT.address
        assert manifest.root() == checkpoint.root
        self.posted.append((checkpoint, manifest))


def started(market, folder, at: int = 100) -> Checkpoints:
    """Those of a daemon that has just been started, on the same journal as the one before."""
    return Checkpoints(client=market, domain=DOMAIN, agent=AGENT, now=lambda: at, journal=Journal(folder / "journal"))


@pytest.fixture
def saving(tmp_path):
    market = Market()
    checkpoints = started(market, tmp_path)
    terms = lease_terms(script_spec(checkpoint={"directory": "state", "intervalSeconds": 5}))
    return market, checkpoints, checkpoints.of(LEASE, terms), terms


def save(snapshots, data: bytes) -> None:
    snapshots.look(lambda: {"state/n": data}, is_last=True)


def test_the_newest_state_is_sent_once_with_its_bytes(saving):
    market, checkpoints, snapshots, terms = saving
    save(snapshots, b"1")
    save(snapshots, b"2")
    checkpoints.post()
    checkpoints.post()
    ((checkpoint, manifest),) = market.posted
    assert (checkpoint.lease_id, checkpoint.job_digest) == (LEASE, terms.bid.job_digest)
    assert [entry.path for entry in manifest.entries] == ["out/state/n"]
    assert market.blobs == {sha256_digest(b"2"): b"2"}


def test_two_states_within_a_second_are_told_apart(saving):
    market, checkpoints, snapshots, _ = saving
    for data in (b"1", b"2"):
        save(snapshots, data)
        checkpoints.post()
    assert [checkpoint.taken_at for checkpoint, _ in market.posted] == [100, 101]


def test_state_waits_for_a_market_that_is_away_and_is_dropped_where_it_is_refused(saving):
    market, checkpoints, snapshots, _ = saving
    save(snapshots, b"1")
    market.trouble = ServiceUnavailable("away")
    with pytest.raises(ServiceUnavailable):
        checkpoints.post()
    market.trouble = ConflictError("closed")
    checkpoints.post()
    market.trouble = None
    checkpoints.post()
    assert market.posted == []


def test_states_beyond_a_multiple_of_what_the_bid_pays_for_are_not_sent(saving):
    market, checkpoints, snapshots, _ = saving
    for n in range(30):
        save(snapshots, bytes([n]) * 900_000)
        checkpoints.post()
    assert len(market.posted) == 22, "twenty megabytes of a bid for one"


def test_what_the_last_look_has_seen_is_sent_before_the_daemon_ends(saving):
    market, checkpoints, snapshots, _ = saving
    save(snapshots, b"1")
    checkpoints.post_aside()
    save(snapshots, b"2")
    checkpoints.finish()
    assert market.posted[-1][1].entries[0].digest == sha256_digest(b"2")


def test_market_that_is_away_at_the_end_keeps_nobody(saving):
    market, checkpoints, snapshots, _ = saving
    market.trouble = ServiceUnavailable("away")
    save(snapshots, b"1")
    checkpoints.finish()
    assert market.posted == []


def test_job_that_saves_nothing_is_not_looked_at(saving):
    assert saving[1].of(LEASE, lease_terms()) is None


# --- the rest of a job ------------------------------------------------------------------------------------------------


def manifest_of(files: dict[str, bytes]) -> Manifest:
    return Manifest.build(ManifestEntry.of(path, data) for path, data in files.items())


def spec_with(*inputs: str) -> JobSpec:
    entries = [{"path": path, "digest": sha256_digest(b""), "size": 0} for path in ("s.py", *inputs)]
    program = {"kind": "runtime", "name": "python", "digest": RUNTIMES["python"].digest, "script": "s.py"}
    return JobSpec.parse({"program": program, "inputs": entries, "checkpoint": {"directory": "state"}})


def test_the_rest_is_the_same_job_with_the_saved_files_in_place_of_older_ones():
    spec = spec_with("data", "state/n", "state/old")
    rest = resume_from(spec, manifest_of({"out/state/n": b"7"}))
    assert {entry.path: entry.digest for entry in rest.inputs if entry.path.startswith("state/")} == {
        "state/n": sha256_digest(b"7")
    }
    assert [entry.path for entry in rest.inputs][:2] == ["s.py", "data"]
    assert rest.model_copy(update={"inputs": spec.inputs}) == spec


@pytest.mark.parametrize("files", [{}, {"out/other": b""}, {"out/state": b""}, {"log/stdout": b"", "out/state/n": b""}])
def test_files_elsewhere_are_no_checkpoint(files):
    with pytest.raises(InvalidManifest, match="out/state/"):
        resume_from(spec_with(), manifest_of(files))


def test_saved_files_that_no_job_could_have_as_inputs_are_refused():
    with pytest.raises(InvalidJobSpec):
        resume_from(spec_with(), manifest_of({"out/state/../../x": b""}))


def test_checkpoint_is_signed_for_one_lease_and_one_escrow():
    one = Checkpoint(lease_id=LEASE, job_digest=LEASE, root=LEASE, taken_at=1)
    signature = one.sign(DOMAIN, AGENT.key)
    other = one.model_copy(update={"lease_id": "0x" + "22" * 32})
    assert one.recover(DOMAIN, signature) == AGENT.address
    assert other.recover(DOMAIN, signature) != AGENT.address
    assert one.recover(replace(DOMAIN, chain_id=1), signature) != AGENT.address
