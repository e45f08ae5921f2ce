"""From a repository to a version that may be switched to: real environments, real pip, real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from agent.update.install import end_leftovers, find_fault, plain_environment, run
from agent.update.installation import STARTER, Installation
from agent.update.release import Release
from agent.update.work import adopt, look, prepare, previous_of
from marketplace.errors import AgentError, ConflictError, UpdateRejected
from tests.unit.agent.update.maker import NOW, lock_of, make_wheel

ROOT = Path(__file__).resolve().parents[4]
HELPER = "from agent.update.__main__ import main; import sys; sys.prefix = sys.argv[1]; sys.exit(main(sys.argv[2:]))"


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def installation(pin, data, tmp_path):
    """0.2.0, as the documented command makes it."""
    adopt(pin, data, tmp_path / "app")
    return Installation(tmp_path / "app")


@pytest.fixture
def old(tmp_path):
    """An installation of 0.1.0 with nothing in it: what is prepared beside it does not look at it."""
    made = Installation.make(tmp_path / "old")
    made.folder_of("0.1.0").mkdir()
    made.mark_ready("0.1.0")
    made.switch_to("0.1.0", is_on_trial=False)
    return made


def says(installation) -> str:
    return run([str(installation.root / "current" / "bin" / "hive"), "--version"], 60).strip()


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Writes a library to where pip looks, and only looks."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "libraries"))
    return lambda answer: make_wheel(tmp_path / "libraries", "hivelib", "1.0", {"hivelib.py": f"ANSWER = {answer}\n"})


def test_a_release_is_adopted_prepared_beside_switched_to_and_left_again(
    pin, data, maker, wheels, installation, library, tmp_path
):
    assert says(installation) == "hive 0.2.0"
    maker.release(wheels("0.3.0")[0], lock_of(tmp_path, library(42)))
    found = prepare(pin, data, installation)
    assert (found.version, found.is_newer, found.is_ready) == ("0.3.0", True, True)
    assert says(installation) == "hive 0.2.0", "nothing is switched before the daemon has left"
    installation.switch_to("0.3.0", is_on_trial=True)
    assert says(installation) == "hive 0.3.0"
    python = installation.root / "current" / "bin" / "python"
    assert run([str(python), "-c", "import hivelib; print(hivelib.ANSWER)"], 60) == "42\n"
    installation.switch_to(previous_of(installation), is_on_trial=False)
    assert says(installation) == "hive 0.2.0"
    found = Installation.find(installation.root / "current")
    assert found is not None and found.current == "0.2.0"


def test_what_was_prepared_before_outlives_a_newer_release_that_does_not_work(pin, data, maker, wheels, old):
    """A daemon may be leaving for it at this moment."""
    old.folder_of("0.1.5").mkdir()
    old.mark_ready("0.1.5")
    maker.release(*wheels("0.3.0", says="0.9.0"))
    with pytest.raises(UpdateRejected):
        prepare(pin, data, old)
    assert old.is_ready("0.1.5")


def test_a_library_with_other_bytes_than_the_lock_names_is_refused(pin, data, maker, wheels, old, library, tmp_path):
    """Which is no fault of the release: nothing is set aside, and it is tried again another time."""
    maker.release(wheels("0.3.0")[0], lock_of(tmp_path, library(42)))
    library(666)
    with pytest.raises(AgentError, match="Expected sha256"):
        prepare(pin, data, old)
    assert not old.is_ready("0.3.0") and old.why_aside("0.3.0") == ""


def test_a_version_that_says_another_name_than_it_was_signed_for_is_set_aside(pin, data, maker, wheels, old):
    maker.release(*wheels("0.3.0", says="0.9.0"))
    with pytest.raises(UpdateRejected, match=r"signed and does not work here: bin/hive --version says 'hive 0\.9\.0'"):
        prepare(pin, data, old)
    assert (old.current, old.is_ready("0.3.0")) == ("0.1.0", False)
    found = prepare(pin, data, old)
    assert "hive 0.9.0" in found.aside and not found.is_ready, "and is not tried again by itself"


@pytest.mark.parametrize("broken", ["echo nonsense", "echo this version runs jobs; exit 3", "kill -SEGV $$"])
def test_a_version_whose_sandbox_fails_is_found_out(tmp_path, broken):
    folder = tmp_path / "0.3.0" / "bin"
    folder.mkdir(parents=True)
    for name, script in (("hive", "echo hive 0.3.0"), ("python", broken)):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    assert find_fault(tmp_path / "0.3.0", "0.3.0") != ""
    (folder / "python").write_text("#!/bin/sh\necho this version runs jobs\n")
    assert find_fault(tmp_path / "0.3.0", "0.3.0") == ""


def test_no_newer_release_fetches_no_wheel(pin, data, served, old):
    old.folder_of("0.2.0").mkdir()
    old.mark_ready("0.2.0")
    old.switch_to("0.2.0", is_on_trial=False)
    assert not prepare(pin, data, old).is_newer
    assert not any(path.endswith((".whl", ".lock")) for path in served.requests)


def test_looking_installs_nothing(pin, data, served, old):
    found = look(pin, data, old)
    assert (found.version, found.is_newer, found.is_ready) == ("0.2.0", True, False)
    assert os.listdir(old.root / "versions") == ["0.1.0"]


def test_two_never_prepare_at_once(pin, data, old, served):
    with helper(pin, data, old, served, stall=".whl"), pytest.raises(ConflictError, match="Another update works"):
        prepare(pin, data, old)


def test_passwords_reach_neither_pip_nor_the_new_version():
    given = {"COMPUTEHIVE_AGENT_PASSWORD": "x", "PYTHONPATH": "x", "PATH": "y", "PIP_NO_INDEX": "1"}
    assert plain_environment(given) == {"PATH": "y", "PIP_NO_INDEX": "1"}


def test_a_command_that_hangs_is_ended():
    with pytest.raises(AgentError, match="was not done after 1 s"):
        run(["/bin/sh", "-c", "sleep 60"], 1)


def test_manifests_are_refused_by_the_field_that_is_wrong():
    good = '{"version":"0.3.0","publishedAt":1,"wheel":{"name":"a.whl","sha256":"%s","length":1},"lock":%s}'
    lock = '{"name":"%s","sha256":"%s","length":%d}'
    digest = "ab" * 32
    assert Release.parse((good % (digest, lock % ("a.lock", digest, 1))).encode()).version == "0.3.0"
    for place, text in (
        ("lock.name", good % (digest, lock % ("../a.lock", digest, 1))),
        ("wheel.sha256", good % ("ab", lock % ("a.lock", digest, 1))),
        ("at most 10000000", good % (digest, lock % ("a.lock", digest, 10**9))),
        ("version", (good % (digest, lock % ("a.lock", digest, 1))).replace("0.3.0", "0.3")),
        ("document", "[]"),
    ):
        with pytest.raises(UpdateRejected, match=place):
            Release.parse(text.encode())


# --- killed on the way ------------------------------------------------------------------------------------------------


class helper:
    """The daemon's helper process, while the server holds back what ends in `stall`."""

    def __init__(self, pin, data, installation, served, stall):
        self._arguments = [str(installation.root / "current"), "prepare", str(pin.root), pin.url, str(data)]
        self._served, self._stall = served, stall

    def __enter__(self):
        reached = []

        def hold(handler):
            reached.append(handler.path)
            time.sleep(60)

        if self._stall:
            self._served.instead[self._stall] = hold
        self._process = subprocess.Popen(
            [sys.executable, "-c", HELPER, *self._arguments], cwd=ROOT, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(lambda: reached or not self._stall)
        return self._process

    def __exit__(self, *_):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._served.instead.clear()


def wait_until(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.parametrize("stage", ["timestamp.json", ".release.json", ".whl", "environment", "pip"])
def test_kill_at_every_stage_leaves_what_runs_and_the_next_try_succeeds(pin, data, served, old, stage):
    places = {"environment": "pyvenv.cfg", "pip": "lib/python*/site-packages/pip"}
    with helper(pin, data, old, served, stall="" if stage in places else stage) as process:
        if stage in places:
            wait_until(lambda: list(old.folder_of("0.2.0").glob(places[stage])))
        process.kill()
        process.wait()
    assert (old.current, old.is_ready("0.2.0")) == ("0.1.0", False)
    assert (old.root / STARTER).exists()
    if stage == "pip":  # the slow part is the same for all
        assert prepare(pin, data, old).is_ready
        assert old.current == "0.1.0"


def test_what_a_killed_try_left_at_work_in_a_folder_is_ended_and_nothing_else(tmp_path):
    ended = []
    for name in ("0.2.0", "0.2.01"):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "python").symlink_to(sys.executable)
        command = [str(tmp_path / name / "bin" / "python"), "-c", "import time; time.sleep(60)"]
        ended.append(subprocess.Popen(command, cwd=tmp_path / "0.2.0"))
    try:
        end_leftovers(tmp_path / "0.2.0")
        assert not psutil.pid_exists(ended[0].pid) and ended[1].poll() is None
    finally:
        for process in ended:
            process.kill()
            process.wait()


def test_kill_of_the_helper_ends_pip_with_it(pin, data, served, old, maker, wheels, tmp_path, monkeypatch):
    """Which waits for an index that does not answer."""
    library = make_wheel(tmp_path / "libraries", "hivelib", "1.0", {})
    maker.release(wheels("0.3.0")[0], lock_of(tmp_path, library))
    monkeypatch.setenv("PIP_INDEX_URL", f"{served.url}/simple")
    at_work = str(old.folder_of("0.3.0"))
    with helper(pin, data, old, served, stall="/simple/hivelib/") as process:
        assert any(at_work in line for line in commands())
        process.kill()
        process.wait()
        wait_until(lambda: not any(at_work in line for line in commands()), seconds=10)


def commands() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


def test_rollback_without_a_previous_version_says_so(old):
    with pytest.raises(ConflictError, match=r"0\.1\.0 is its only one"):
        previous_of(old)


def test_time_is_taken_from_the_caller(pin, data, old):
    assert look(pin, data, old, now=lambda: NOW + 5).verified_at == NOW + 5
