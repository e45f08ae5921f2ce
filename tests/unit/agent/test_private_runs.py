"""Runs of private jobs: the same result for all who have the key, and nothing left in the clear."""

import pytest

from agent.adapters.wasm import WasmAdapter
from agent.checkpoints import Checkpoints
from agent.journal import Journal
from agent.private import hide
from agent.runtimes import ModuleCache
from agent.sandbox import Sandbox
from agent.verdict import decide
from agent.votes import Undecided
from agent.work import JobRunner, refuse
from marketplace.client.jobs import PreparedJob
from marketplace.client.private import JobKey, seal_job
from marketplace.errors import AgentError
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpoint import resume_from
from marketplace.protocol.enums import ExitKind, Outcome, Verification
from marketplace.protocol.jobspec import JobSpec, ModuleProgram
from marketplace.protocol.privacy import require_sealed
from tests.unit.agent.played_market import AGENT, DOMAIN
from tests.unit.agent.private_jobs import Market, job, oracle, terms_of
from tests.unit.agent.test_work import FILES, attest, script_spec, wasm_runner


@pytest.fixture
def key() -> JobKey:
    return JobKey.new()


# --- runs -------------------------------------------------------------------------------------------------------------


def running(prepared: PreparedJob, keys) -> JobRunner:
    runner = wasm_runner(prepared.blobs.__getitem__)
    runner._keys = keys
    return runner


def test_node_and_oracle_find_the_same_result_and_neither_shows_it(key):
    prepared = job(key)
    terms = terms_of(prepared, Verification.REEXECUTE)
    ran, again = (running(prepared, lambda terms, stop: key)(terms) for _ in range(2))
    require_sealed(ran.manifest, ran.sealed, ran.exit_kind)
    assert ran.result_digest == again.result_digest and ran.sealed != again.sealed
    assert decide(attest(ran), again, terms.bid, terms.ask, terms.price).outcome == Outcome.PAID
    opened = {entry.path: key.unseal(ran.blobs[entry.digest]) for entry in ran.sealed.entries}
    assert opened == {"out/r": b"abab", "log/stdout": b"ran\n", "log/stderr": b""}
    assert {entry.path: entry.size for entry in ran.manifest.entries} == {
        path: len(data) for path, data in opened.items()
    }
    assert not any(b"abab" in data for data in ran.blobs.values())


def test_a_run_without_the_key_ends_as_a_stated_failure_and_says_why(key):
    prepared = job(key)

    def none_comes(terms, stop):
        raise AgentError("No key.")

    for runner in (running(prepared, none_comes), wasm_runner(prepared.blobs.__getitem__)):
        ended = runner(terms_of(prepared))
        assert ended.exit_kind is ExitKind.SANDBOX_ERROR and ended.sealed is None
        require_sealed(ended.manifest, None, ended.exit_kind)
    assert ended.detail == "This machine runs no private jobs."


def test_a_run_that_is_stopped_before_its_key_came_was_evicted(key):
    prepared = job(key)
    ended = running(prepared, lambda terms, stop: None)(terms_of(prepared))
    assert (ended.exit_kind, ended.fuel_used) == (ExitKind.EVICTED, 0)


def test_inputs_that_the_jobs_key_does_not_open_end_as_a_failure_told_to_the_renter_alone(key):
    prepared = seal_job(PreparedJob(script_spec(), FILES), JobKey.new())
    document = prepared.spec.to_json() | {"privacy": key.privacy.model_dump(by_alias=True)}
    foreign = PreparedJob(type(prepared.spec).parse(document), prepared.blobs)
    ended = running(foreign, lambda terms, stop: key)(terms_of(foreign))
    assert ended.exit_kind is ExitKind.SANDBOX_ERROR
    (hidden,) = ended.sealed.entries
    assert b"cannot be decrypted" in key.unseal(ended.blobs[hidden.digest])


def test_an_oracle_without_the_key_does_not_accuse_the_node(key):
    """Its own run did not take place: a verdict over that would be fraud for a job that it could not read."""
    prepared = job(key)
    with pytest.raises(Undecided):
        running(prepared, oracle(Market()))(terms_of(prepared, Verification.REEXECUTE))


def test_a_private_module_is_run_and_not_kept_on_disk(key, tmp_path):
    from marketplace.protocol.canonical import sha256_digest

    wasm = bytes.fromhex(
        "0061736d01000000010401600000030201000503010001071302065f73746172740000066d656d6f727902000a040102000b"
    )
    spec = JobSpec(program=ModuleProgram(digest=sha256_digest(wasm), size=len(wasm)))
    prepared = seal_job(PreparedJob(spec, {sha256_digest(wasm): wasm}), key)
    sandbox = Sandbox()
    adapter = WasmAdapter(sandbox, ModuleCache(sandbox, tmp_path))
    runner = JobRunner({"wasm": adapter}, prepared.blobs.__getitem__, keys=lambda terms, stop: key)
    assert runner(terms_of(prepared)).exit_kind is ExitKind.EXITED
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_key_stays_as_it_is():
    plain = refuse("why", 100)
    assert hide(plain, None) is plain


# --- secrets ----------------------------------------------------------------------------------------------------------

READER = b"""
import os
print(sorted(os.listdir('/secrets')), open('/secrets/TOKEN').read(), os.environ.get('TOKEN'))
try:
    open('/secrets/TOKEN', 'w')
except OSError:
    print('read-only')
"""


def test_a_program_finds_its_secrets_in_read_only_files_and_nowhere_else():
    key = JobKey.new({"TOKEN": b"hush", "MORE": b""})
    entry = {"path": "s.py", "digest": sha256_digest(READER), "size": len(READER)}
    spec = script_spec(inputs=[entry])
    prepared = seal_job(PreparedJob(spec, {entry["digest"]: READER}), key)
    ran = running(prepared, lambda terms, stop: key)(terms_of(prepared))
    opened = {one.path: key.unseal(ran.blobs[one.digest]) for one in ran.sealed.entries}
    assert opened["log/stdout"] == b"['MORE', 'TOKEN'] hush None\nread-only\n", opened
    assert not any(path.startswith("out/") for path in opened)


def test_without_secrets_there_is_no_such_folder_and_no_other_fuel(key):
    look = b"import os; print(os.path.exists('/secrets'))"
    entry = {"path": "s.py", "digest": sha256_digest(look), "size": len(look)}
    plain = PreparedJob(script_spec(inputs=[entry]), {entry["digest"]: look})
    private = seal_job(plain, key)
    open_run = wasm_runner(plain.blobs.__getitem__)(terms_of(plain))
    closed = running(private, lambda terms, stop: key)(terms_of(private))
    assert open_run.fuel_used == closed.fuel_used
    assert b"False\n" in open_run.blobs.values()


# --- states -----------------------------------------------------------------------------------------------------------


def test_a_private_jobs_states_leave_as_ciphertexts_that_the_rest_of_it_can_read(key, tmp_path):
    class Taking:
        blobs, posted = {}, []

        def has_blob(self, digest):
            return False

        def put_blob(self, data, digest):
            self.blobs[digest] = data

        def post_checkpoint(self, checkpoint, signature, manifest):
            self.posted.append(manifest)

    taking = Taking()
    prepared = job(key, checkpoint={"directory": "state", "intervalSeconds": 5})
    journal = Journal(tmp_path / "journal.sqlite")
    saving = Checkpoints(client=taking, domain=DOMAIN, agent=AGENT, now=lambda: 100, journal=journal)
    saving.of("0x" + "11" * 32, terms_of(prepared)).look(lambda: {"state/n": b"step 7 of it"}, is_last=True)
    saving.post()
    assert not any(b"step" in data for data in taking.blobs.values())
    rest = resume_from(prepared.spec, taking.posted[0])
    assert rest.privacy == prepared.spec.privacy
    (saved,) = (entry for entry in rest.inputs if entry.path == "state/n")
    assert key.unseal(taking.blobs[saved.digest]) == b"step 7 of it"
