"""Set-up: each step once until its inputs change, and a message that says what to do when something is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import setup
from scripts.toolchain import BUILD, ROOT


@pytest.fixture(autouse=True)
def checkout(tmp_path, monkeypatch) -> Path:
    """A checkout of its own, empty."""
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "BUILD", tmp_path / "build")
    monkeypatch.setattr(setup, "STAMPS", tmp_path / "build" / "stamps")
    monkeypatch.setattr(setup, "LOGS", tmp_path / "build" / "logs")
    return tmp_path


class Kettle:
    """A step with one input and one result, that counts how often it was done."""

    def __init__(self, folder: Path) -> None:
        self.input, self.result, self.times = folder / "water", folder / "tea", 0
        self.input.write_text("cold")
        self.step = setup.Step("boil water", [self.input], [self.result], self.run)

    def run(self) -> None:
        self.times += 1
        self.result.write_text("hot")

    def set_up(self) -> int:
        if not setup.is_done(self.step):
            setup.take(self.step)
        return self.times


@pytest.fixture
def kettle(checkout) -> Kettle:
    return Kettle(checkout)


# --- stamps -----------------------------------------------------------------------------------------------------------


def test_a_step_is_done_once(kettle):
    assert [kettle.set_up(), kettle.set_up()] == [1, 1]


def test_a_step_is_done_again_when_an_input_changes(kettle):
    kettle.set_up()
    kettle.input.write_text("colder")
    assert [kettle.set_up(), kettle.set_up()] == [2, 2]


def test_a_touched_input_with_the_same_content_changes_nothing(kettle):
    kettle.set_up()
    os.utime(kettle.input, (1, 1))
    assert kettle.set_up() == 1


def test_a_step_is_done_again_when_its_result_has_vanished(kettle):
    kettle.set_up()
    kettle.result.unlink()
    assert kettle.set_up() == 2


def test_a_step_is_done_again_in_another_python(kettle, monkeypatch):
    kettle.set_up()
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert kettle.set_up() == 2


@pytest.mark.parametrize("end", [setup.SetupError("no water"), KeyboardInterrupt()])
def test_a_step_that_did_not_end_well_leaves_no_stamp_not_even_an_old_one(kettle, end):
    def spill() -> None:
        kettle.result.write_text("half")
        raise end

    kettle.set_up()
    kettle.input.write_text("colder")
    with pytest.raises(type(end)):
        setup.take(setup.Step("boil water", [kettle.input], [kettle.result], spill))
    kettle.input.write_text("cold")
    assert not setup.is_done(kettle.step)


def test_a_step_that_is_killed_is_done_again(kettle):
    killed = (
        "import os, signal; from pathlib import Path; from scripts import setup\n"
        f"setup.ROOT, setup.STAMPS = Path({str(setup.ROOT)!r}), Path({str(setup.STAMPS)!r})\n"
        f"paths = [Path({str(kettle.input)!r})], [Path({str(kettle.result)!r})]\n"
        "def run():\n  paths[1][0].write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
        "setup.take(setup.Step('boil water', *paths, run))"
    )
    ran = subprocess.run([sys.executable, "-c", killed], cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert ran.returncode == -9 and kettle.result.exists()
    assert not setup.is_done(kettle.step)


def test_every_step_names_inputs_and_results_of_this_checkout(monkeypatch):
    monkeypatch.setattr(setup, "ROOT", ROOT)
    monkeypatch.setattr(setup, "BUILD", BUILD)
    for step in setup.steps():
        assert step.inputs and all(path.is_relative_to(ROOT) and path.exists() for path in step.inputs), step.name
        assert all(path.is_relative_to(ROOT) for path in step.results), step.name


# --- what may be missing ----------------------------------------------------------------------------------------------


def put_tools(folder: Path, monkeypatch, **scripts: str) -> None:
    """A PATH with these shell scripts and nothing else."""
    for name, body in scripts.items():
        tool = folder / name
        tool.write_text(f"#!/bin/sh\n{body}\n")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_missing_node_is_named_with_ways_to_get_it(checkout, monkeypatch):
    put_tools(checkout, monkeypatch)
    with pytest.raises(setup.SetupError, match=r"`node` is not found: Node.js 20 or newer.*Install it.*without root"):
        setup.check_node()


def test_a_missing_npm_is_named(checkout, monkeypatch):
    put_tools(checkout, monkeypatch, node="echo v22.1.0")
    with pytest.raises(setup.SetupError, match="`npm` is not found"):
        setup.check_node()


def test_an_old_node_is_refused_with_both_versions(checkout, monkeypatch):
    put_tools(checkout, monkeypatch, node="echo v18.19.1", npm="true")
    with pytest.raises(setup.SetupError, match=r"v18.19.1 is too old: 20 or newer"):
        setup.check_node()


def test_the_oldest_node_that_serves_is_accepted(checkout, monkeypatch):
    put_tools(checkout, monkeypatch, node="echo v20.0.0", npm="true")
    setup.check_node()


def test_a_node_that_does_not_run_is_refused_with_its_words(checkout, monkeypatch):
    put_tools(checkout, monkeypatch, node="echo libicu is missing >&2; exit 127", npm="true")
    with pytest.raises(setup.SetupError, match="libicu is missing"):
        setup.check_node()


def test_an_old_python_is_refused_with_what_to_run_instead(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    with pytest.raises(setup.SetupError, match=r"Python 3.9.18 is too old: 3.11 or newer.*make PYTHON="):
        setup.check_python()


# --- commands that fail -----------------------------------------------------------------------------------------------


def shell(body: str) -> list[str]:
    return ["/bin/sh", "-c", body]


def test_a_failing_command_shows_the_end_of_its_output_and_where_the_rest_is(checkout):
    with pytest.raises(setup.SetupError) as raised:
        setup.run_logged("pour", shell("i=0; while [ $i -lt 50 ]; do echo line $i; i=$((i+1)); done; exit 3"))
    lines = str(raised.value).splitlines()
    assert lines[0] == "pour failed:"
    assert lines[1:21] == [f"line {number}" for number in range(30, 50)]
    assert str(checkout / "build" / "logs" / "pour.log") in lines[-1]


def test_a_command_that_takes_too_long_is_ended_and_said_to_be(monkeypatch):
    monkeypatch.setattr(setup, "STEP_SECONDS", 0.2)
    with pytest.raises(setup.SetupError, match=r"(?s)wait failed.*still boiling.*Not finished after 0.2 s"):
        setup.run_logged("wait", shell("echo still boiling; exec sleep 60"))


def test_a_command_that_is_not_there_is_named():
    with pytest.raises(setup.SetupError, match=r"(?s)pour failed.*no-such-tool"):
        setup.run_logged("pour", ["/no-such-tool"])


def test_a_command_that_succeeds_is_silent(capfd):
    setup.run_logged("pour", shell("echo noise; echo more >&2"))
    assert capfd.readouterr() == ("", "")


def test_main_says_what_is_missing_and_fails(checkout, monkeypatch, capsys):
    put_tools(checkout, monkeypatch)
    assert setup.main() == 1
    assert capsys.readouterr().err.startswith("setup: `node` is not found")
