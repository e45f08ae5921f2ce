"""Servers that crash, hang, flood or leave processes behind: the job ends as it must, and nothing of them is left.

Out of scope are the attacks of `tests/integration/sandboxes`: a server is a program of the provider's own choice, which
may do on this machine whatever its provider lets it, so there is no isolation that could be tested. What a renter's
arguments make it do is bounded in time, in bytes and in what outlives the job; memory and processors are not bounded.
"""

import threading
import time
from dataclasses import replace

import psutil
import pytest

from agent.adapters import AdapterSettings
from agent.adapters.mcp import open_mcp
from agent.mcp.processes import LEAVE_SECONDS
from marketplace.errors import NotFound
from marketplace.protocol.enums import ExitKind
from tests.integration.mcp.conftest import LIMITS, ROGUE, entry, tool_job, write_servers
from tests.integration.mcp.servers.marks import MARK
from tests.integration.sandboxes.waiting import wait_until


def leftovers() -> list[list[str]]:
    """Servers of the tests, and processes that they started, which are still there."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if MARK in line or any("rogue.py" in part for part in line)]


@pytest.fixture
def call(adapter):
    def call(tool: str, stop=None, **limits):
        return adapter.run(tool_job(ROGUE, "rogue.py", tool), replace(LIMITS, **limits), stop)

    yield call
    assert wait_until(lambda: leftovers() == []), leftovers()


def test_crash_is_the_machines_trouble_and_tells_the_renter_nothing_of_the_servers_own_log(call):
    done = call("crash")
    assert done.exit_kind is ExitKind.SANDBOX_ERROR
    assert "ended with status 3" in done.detail
    assert b"secret" not in done.stderr + done.stdout


@pytest.mark.parametrize("tool", ["hang", "ignore-signals"])
def test_server_that_does_not_answer_is_killed_when_its_time_is_over(call, tool):
    started = time.monotonic()
    done = call(tool, wall_seconds=1)
    assert (done.exit_kind, done.detail) == (ExitKind.TIMEOUT, "still running after 1 s")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("tool", ["flood-one-line", "flood-messages"])
def test_flood_is_cut_off(call, tool):
    done = call(tool)
    assert (done.exit_kind, done.outputs) == (ExitKind.OUTPUT_LIMIT, {})
    assert "says more" in done.detail


def test_flood_of_standard_error_is_forgotten(call):
    done = call("flood-errors")
    assert (done.exit_kind, done.stdout, done.stderr) == (ExitKind.EXITED, b"still here\n", b"")


def test_more_files_than_a_job_may_leave_are_refused(call):
    assert "more than 1000 output files" in call("many-files").detail


@pytest.mark.parametrize("tool", ["not-base64", "nonsense"])
def test_answer_that_is_none_is_the_machines_trouble(call, tool):
    done = call(tool)
    assert done.exit_kind is ExitKind.SANDBOX_ERROR
    assert "not what MCP says" in done.detail


def test_error_instead_of_a_result_is_the_tools_failure(call):
    done = call("error")
    assert (done.exit_kind, done.exit_code, done.stderr) == (ExitKind.EXITED, 1, b"the argument is wrong\n")


def test_lines_that_are_no_messages_are_passed_over(call):
    assert call("chatter").stdout == b"fine\n"


def test_no_process_outlives_its_job_though_it_left_the_servers_group(call):
    assert call("leave-children").stdout == b"left\n"


def test_server_that_does_not_leave_is_killed_and_its_renter_pays_nothing_for_the_wait(call):
    started = time.monotonic()
    done = call("linger")
    assert (done.exit_kind, done.stdout) == (ExitKind.EXITED, b"goodbye\n")
    assert LEAVE_SECONDS <= time.monotonic() - started - done.wall_seconds < LEAVE_SECONDS + 5


def test_stop_ends_a_call_at_once(call):
    stop = threading.Event()
    timer = threading.Timer(0.5, stop.set)
    timer.start()
    started = time.monotonic()
    done = call("hang", stop)
    timer.join()
    assert done.exit_kind is ExitKind.EVICTED
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("start", "kind"), [("crash-at-start", ExitKind.SANDBOX_ERROR), ("hang-at-start", ExitKind.TIMEOUT)]
)
def test_server_that_does_not_even_start_ends_the_job(tmp_path, start, kind):
    path = write_servers(tmp_path, entry(ROGUE, "rogue.py", start))
    adapter = open_mcp(AdapterSettings(tmp_path, mcp_servers=path))
    assert adapter.run(tool_job(ROGUE, "rogue.py", "error"), replace(LIMITS, wall_seconds=2)).exit_kind is kind
    assert wait_until(lambda: leftovers() == []), leftovers()


def test_endless_list_of_tools_comes_to_an_end(tmp_path):
    path = write_servers(tmp_path, entry(ROGUE, "rogue.py", "endless-list"))
    adapter = open_mcp(AdapterSettings(tmp_path, mcp_servers=path))
    with pytest.raises(NotFound):
        adapter.run(tool_job(ROGUE, "rogue.py", "error"), LIMITS)


def test_calls_at_once_do_not_kill_one_anothers_servers(adapter):
    results = {}

    def run(tool: str):
        results[tool] = adapter.run(tool_job(ROGUE, "rogue.py", tool), replace(LIMITS, wall_seconds=3))

    threads = [threading.Thread(target=run, args=(tool,)) for tool in ("crash", "hang", "chatter", "leave-children")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {tool: result.exit_kind for tool, result in results.items()} == {
        "crash": ExitKind.SANDBOX_ERROR,
        "hang": ExitKind.TIMEOUT,
        "chatter": ExitKind.EXITED,
        "leave-children": ExitKind.EXITED,
    }
