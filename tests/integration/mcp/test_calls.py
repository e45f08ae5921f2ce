"""Tools of real servers as jobs: what is told to the server, and what becomes of its answer."""

import json
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from agent.adapters import AdapterSettings, carried
from agent.adapters.mcp import open_mcp
from agent.work import JobRunner
from marketplace.errors import AgentError, InvalidModule, NotFound
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec
from tests.integration.mcp.conftest import (
    LIMITS,
    PATHS,
    ROGUE,
    SERVERS,
    WORDS,
    digest_of,
    entry,
    tool_job,
    write_servers,
)
from tests.unit.agent.test_work import lease_terms

DIGEST = "0x" + "ab" * 32


@pytest.fixture
def call(adapter):
    """Call a tool of the server with the SDK."""

    def call(tool: str, arguments: dict | None = None, inputs: dict | None = None, **limits):
        return adapter.run(tool_job(WORDS, "words.py", tool, arguments, inputs), replace(LIMITS, **limits))

    return call


def test_text_is_standard_output_and_structure_is_a_file(call):
    done = call("count", {"text": "to be or not to be, that is"})
    assert (done.exit_kind, done.exit_code, done.fuel_used) == (ExitKind.EXITED, 0, 0)
    assert json.loads(done.outputs["result.json"]) == {"words": 8, "longest": "that"}
    assert json.loads(done.stdout) == {"words": 8, "longest": "that"} and done.stdout.endswith(b"\n")


def test_each_text_is_a_line(call):
    assert call("say", {"lines": ["a", "b\n", "c"]}).stdout == b"a\nb\nc\n"


def test_same_call_leaves_the_same_bytes_though_the_folder_is_another(call):
    runs = [call("count_file", {"path": "input://d/t.txt"}, {"d/t.txt": b"a b c"}) for _ in range(2)]
    assert {run.stdout for run in runs} == {b"input://d/t.txt has 3 words\n"}


def test_input_is_found_by_its_path_in_the_folder_where_the_server_works_too(call):
    assert call("count_file", {"path": "t.txt"}, {"t.txt": b"a b"}).stdout == b"t.txt has 2 words\n"


def test_tool_that_says_that_it_failed_ends_with_1_and_its_text_on_standard_error(call):
    done = call("fail", {"reason": "no such word"})
    assert (done.exit_kind, done.exit_code, done.stdout) == (ExitKind.EXITED, 1, b"")
    assert done.stderr.endswith(b"no such word\n")


def test_arguments_that_the_tool_does_not_take_are_its_error(call):
    done = call("count", {"txt": "a"})
    assert (done.exit_kind, done.exit_code) == (ExitKind.EXITED, 1)
    assert b"text" in done.stderr


def test_pictures_and_resources_are_files_named_by_their_place(call):
    done = call("picture")
    assert done.outputs.keys() == {"content-2.png", "content-3.html", "contents.json"}
    assert (done.outputs["content-2.png"], done.outputs["content-3.html"]) == (b"\x89PNG", b"<p>")
    assert [each["type"] for each in json.loads(done.outputs["contents.json"])] == [
        "image",
        "resource",
        "resource_link",
    ]


def test_server_sees_nothing_of_the_agents_environment_but_three_variables_and_its_own(adapter, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_AGENT_PASSWORD", "a secret")
    said = adapter.run(tool_job(WORDS, "words.py", "environment", {}, {"i": b""}), LIMITS).stdout.decode().split("\n")
    assert {"PATH", "COMPUTEHIVE_MCP_RUN", "cwd=['i']"} <= set(said)
    allowed = {"PATH", "HOME", "LANG", "LC_CTYPE", "COMPUTEHIVE_MCP_RUN", "cwd=['i']", "", *PATHS}
    assert set(said) <= allowed


@pytest.mark.parametrize(
    ("limits", "problem"),
    [({"log_bytes": 999}, "standard output exceeds its limit of 999"), ({"egress_bytes": 999}, "999 bytes reserved")],
)
def test_answer_beyond_a_limit_is_not_delivered(call, limits, problem):
    done = call("repeat", {"text": "x", "times": 999}, **limits)
    assert (done.exit_kind, done.outputs, done.stdout) == (ExitKind.OUTPUT_LIMIT, {}, b"")
    assert problem in done.detail


# --- servers and tools that are not there -----------------------------------------------------------------------------


def test_tool_that_the_server_does_not_have_is_not_found(call):
    with pytest.raises(NotFound, match=r"counts of chain://words@1\.0\.0"):
        call("counts")


@pytest.mark.parametrize("changes", [{"module": "chain://words@1.0.1"}, {"digest": DIGEST}])
def test_module_is_found_only_by_its_version_and_its_bytes(adapter, changes):
    job = tool_job(WORDS, "words.py", "count")
    program = job.spec.program.model_copy(update=changes)
    with pytest.raises(NotFound, match="MCP server"):
        adapter.run(replace(job, spec=job.spec.model_copy(update={"program": program})), LIMITS)


def test_server_whose_file_was_exchanged_is_not_started(tmp_path):
    copy = tmp_path / "words.py"
    copy.write_bytes((SERVERS / "words.py").read_bytes())
    path = write_servers(tmp_path, entry(WORDS, "words.py", file="words.py"))
    adapter = open_mcp(AdapterSettings(tmp_path, mcp_servers=path))
    copy.write_text("print('another program')")
    with pytest.raises(AgentError, match="hashes to"):
        adapter.run(tool_job(WORDS, "words.py", "count", {"text": "a"}), LIMITS)


def test_other_programs_are_refused(adapter):
    image = {"kind": "container", "digest": DIGEST, "size": 1}
    job = tool_job(WORDS, "words.py", "count")
    with pytest.raises(InvalidModule, match="container"):
        adapter.run(replace(job, spec=JobSpec.parse({"sandbox": "docker", "program": image})), LIMITS)


# --- streamable HTTP --------------------------------------------------------------------------------------------------


@pytest.fixture
def address(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (tmp_path / "http.log").open("w")
    process = subprocess.Popen([sys.executable, str(SERVERS / "words.py"), str(port)], stderr=log)
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait(10)
        log.close()


def test_server_at_an_address_is_called_and_stays(address, tmp_path):
    path = write_servers(tmp_path, {"module": WORDS, "digest": digest_of("words.py"), "url": address})
    adapter = open_mcp(AdapterSettings(tmp_path, mcp_servers=path))
    job = tool_job(WORDS, "words.py", "count_file", {"path": "input://t"}, {"t": b"a b"})
    for _ in range(200):
        done = adapter.run(job, LIMITS)
        if done.exit_kind is ExitKind.EXITED:
            break
        assert done.exit_kind is ExitKind.SANDBOX_ERROR
        threading.Event().wait(0.1)
    assert done.stdout == b"input://t has 2 words\n"
    assert adapter.run(job, LIMITS).stdout == done.stdout

    much = tool_job(WORDS, "words.py", "repeat", {"text": "x" * 1_000, "times": 3_000})
    flooded = adapter.run(much, replace(LIMITS, egress_bytes=1_000))
    assert (flooded.exit_kind, flooded.stdout) == (ExitKind.OUTPUT_LIMIT, b"")


def test_server_that_is_not_there_is_the_machines_trouble(tmp_path):
    path = write_servers(tmp_path, {"module": WORDS, "digest": digest_of("words.py"), "url": "http://127.0.0.1:9/mcp"})
    done = open_mcp(AdapterSettings(tmp_path, mcp_servers=path)).run(tool_job(WORDS, "words.py", "count"), LIMITS)
    assert done.exit_kind is ExitKind.SANDBOX_ERROR
    assert "server failed" in done.detail


# --- whole jobs -------------------------------------------------------------------------------------------------------


def test_whole_job_is_run_by_the_runner_and_its_manifest_names_what_the_tool_left(adapter):
    spec = tool_job(WORDS, "words.py", "count", {"text": "a bb"}).spec
    done = JobRunner({"mcp": adapter}, {}.__getitem__)(lease_terms(spec))
    assert (done.exit_kind, done.exit_code, done.fuel_used) == (ExitKind.EXITED, 0, 0)
    assert [each.path for each in done.manifest.entries] == ["log/stderr", "log/stdout", "out/result.json"]


def test_job_for_a_tool_that_is_not_there_ends_as_an_attested_failure(adapter):
    done = JobRunner({"mcp": adapter}, {}.__getitem__)(lease_terms(tool_job(WORDS, "words.py", "counts").spec))
    assert done.exit_kind is ExitKind.SANDBOX_ERROR and "counts" in done.detail


def test_profile_says_which_modules_the_machine_carries(adapter):
    assert carried({"mcp": adapter}) == {WORDS: digest_of("words.py"), ROGUE: digest_of("rogue.py")}


def test_machine_without_the_setting_has_no_mcp_sandbox(tmp_path):
    assert open_mcp(AdapterSettings(tmp_path)) is None
