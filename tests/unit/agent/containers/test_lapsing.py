"""What is kept of frozen jobs goes once nobody goes on with them, while the daemon lives too."""

from dataclasses import replace

import pytest

from agent.adapters.docker import DockerAdapter, open_docker
from agent.adapters.interface import AdapterSettings
from agent.adapters.wasm import open_wasm
from agent.containers.freezing import Freezing
from agent.containers.frozen import discard_frozen
from agent.journal import Journal, WorkState
from agent.lapsing import LOOK_SECONDS, Lapsing
from agent.sandbox.snapshots import Freeze, Snapshots
from marketplace.errors import AgentError
from tests.unit.agent.containers.test_frozen import FROZEN, LEASE, OTHER, opened
from tests.unit.agent.test_work import lease_event


class Removed(list):
    """The part of an engine that removes runs: which."""

    def remove_run(self, run):
        self.append(run)


@pytest.fixture
def removed():
    return Removed()


@pytest.fixture
def jobs(tmp_path):
    """Two frozen jobs, as a start finds them."""
    before = opened(tmp_path)
    before.keep(LEASE, FROZEN)
    before.keep(OTHER, replace(FROZEN, run="agent-2", until=2_000))
    return opened(tmp_path)


@pytest.fixture
def journal(tmp_path):
    found = Journal(tmp_path / "journal")
    yield found
    found.close()


def files(folder) -> list[str]:
    return sorted(path.name for path in (folder / "frozen").iterdir())


def wish(lease=LEASE):
    return Snapshots("state", 5, lambda files: None, freeze=Freeze(lease, 1_000, lambda: True))


def test_job_whose_lease_is_over_goes_with_its_run_its_file_and_its_room(tmp_path, jobs, removed):
    freezing = Freezing(removed, jobs, "")
    freezing.lapse(lambda lease: False)
    assert removed == [] and not jobs.reserve("0x3e", 100_000_000)
    freezing.lapse(lambda lease: lease == LEASE)
    freezing.lapse(lambda lease: lease == LEASE)
    assert removed == ["agent-1"], "once"
    assert files(tmp_path) == [f"{OTHER}.frozen"] and jobs.leases == {OTHER}
    assert jobs.reserve("0x3e", 100_000_000)


def test_job_whose_deadline_passes_goes_while_the_daemon_lives(tmp_path, jobs, removed):
    late = opened(tmp_path)
    late._now = lambda: 1_000
    Freezing(removed, late, "").lapse(lambda lease: False)
    assert removed == ["agent-1"] and files(tmp_path) == [f"{OTHER}.frozen"]


def test_job_that_runs_is_left_to_its_run(jobs, removed):
    freezing = Freezing(removed, jobs, "")
    freezer = freezing.of(wish(), "image", is_bare=True)
    freezing.lapse(lambda lease: True)
    assert removed == ["agent-2"] and freezer.last == FROZEN and jobs.leases == {LEASE}
    freezer.let_go()
    freezing.lapse(lambda lease: True)
    assert removed == ["agent-2", "agent-1"]


def test_what_a_torn_file_was_of_is_removed_when_its_job_begins_anew(tmp_path, jobs, removed):
    path = tmp_path / "frozen" / f"{LEASE}.frozen"
    path.write_bytes(path.read_bytes()[:100])
    freezer = Freezing(removed, jobs, "").of(wish(), "image", is_bare=True)
    assert freezer.last is None
    assert removed == ["agent-1"] and jobs.runs == {"agent-2"} and files(tmp_path) == [f"{OTHER}.frozen"]


def test_agent_that_freezes_no_more_deletes_what_it_had_written_and_nothing_else(tmp_path, jobs):
    (tmp_path / "frozen" / f"{LEASE}.partial").touch()
    (tmp_path / "frozen" / "letter").touch()
    discard_frozen(tmp_path / "frozen")
    discard_frozen(tmp_path / "nothing")
    assert files(tmp_path) == ["letter"]


def test_who_cannot_remove_the_containers_forgets_nothing(tmp_path, jobs):
    with pytest.raises(AgentError, match="No container engine answers"):
        open_docker(AdapterSettings(tmp_path, "unix:///nowhere"))
    assert open_docker(AdapterSettings(tmp_path)) is None, "an oracle in the same folder"
    assert len(files(tmp_path)) == 2


def step_of(adapters, journal):
    """The step, and its clock."""
    clock = [0.0]
    return Lapsing(adapters, journal, lambda: clock[0]), clock


def test_daemon_gives_up_the_leases_that_are_closed_and_no_others(terms, journal, jobs, removed, tmp_path):
    event = replace(lease_event(terms), lease_id=LEASE)
    journal.record_blocks(1, "0x1", [event], [])
    adapter = DockerAdapter(removed, "agent", None, None, freezing=Freezing(removed, jobs, ""))
    lapsing, clock = step_of({"docker": adapter, "wasm": open_wasm(AdapterSettings(tmp_path))}, journal)
    lapsing.step()
    assert removed == [], "one is open, the other unknown, as after a reorganisation"
    journal.record_blocks(2, "0x2", [], [LEASE])
    clock[0] = LOOK_SECONDS - 1
    lapsing.step()
    assert removed == []
    clock[0] = LOOK_SECONDS
    lapsing.step()
    assert removed == ["agent-1"] and files(tmp_path) == [f"{OTHER}.frozen"]


@pytest.mark.parametrize("how", ["attested", "declined"])
def test_daemon_gives_up_what_it_will_not_run_again(terms, journal, jobs, removed, how):
    journal.record_blocks(1, "0x1", [replace(lease_event(terms), lease_id=LEASE)], [])
    getattr(journal, f"record_{how}")(LEASE, {} if how == "attested" else "no")
    assert journal.leases(WorkState.SEEN) == []
    adapter = DockerAdapter(removed, "agent", None, None, freezing=Freezing(removed, jobs, ""))
    step_of({"docker": adapter}, journal)[0].step()
    assert removed == ["agent-1"]


def test_sandbox_that_freezes_nothing_has_nothing_to_give_up(journal, removed):
    step_of({"docker": DockerAdapter(removed, "agent", None, None)}, journal)[0].step()
    assert removed == []
