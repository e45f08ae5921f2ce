"""The node's own MCP server, driven by the SDK's client as any MCP client would: over stdio and over HTTP."""

import asyncio
import base64
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from agent.containers.engine import LABEL
from scripts.container_engine import shell_image
from tests.integration.mcp.node import COMMAND, HttpNode, environment
from tests.integration.sandboxes.conftest import engine_address  # noqa: F401 (a fixture)
from tests.integration.sandboxes.waiting import wait_until
from tests.unit.agent.test_inventory import driver  # noqa: F401 (a fixture)


@pytest.fixture(scope="module")
def node(tmp_path_factory, driver):  # noqa: F811
    node = HttpNode(
        tmp_path_factory.mktemp("node"), "--max-seconds", "30", LD_LIBRARY_PATH=str(driver), FAKE_NVML="two"
    )
    node.wait_ready()
    yield node
    node.close()


# --- wasm, over HTTP --------------------------------------------------------------------------------------------------


def test_script_finds_its_inputs_and_its_outputs_come_back(node):
    (node.shared / "big").write_bytes(b"\xff" * 300_000)
    found = node.call(
        "run_wasm",
        {
            "script": (
                "import sys; print(sys.argv[1], open('/in/t').read(), len(open('/in/d/big', 'rb').read()));"
                "open('small', 'wb').write(bytes([255])); open('note', 'w').write('é');"
                "open('large', 'wb').write(bytes(300000))"
            ),
            "args": ["arg"],
            "inputs": [{"path": "t", "text": "text"}, {"path": "d/big", "file": "big"}],
        },
    ).structured_content
    assert (found["exit_kind"], found["exit_code"], found["stdout"]) == ("exited", 0, "arg text 300000\n")
    assert found["fuel"] > 0
    outputs = {each["path"]: each for each in found["outputs"]}
    assert (outputs["small"]["base64"], outputs["note"]["text"]) == (base64.b64encode(b"\xff").decode(), "é")
    assert outputs["large"]["is_left_out"] and outputs["large"]["size"] == 300_000


def test_same_script_takes_the_same_fuel(node):
    fuel = {node.call("run_wasm", {"script": "print(sum(range(1000)))"}).structured_content["fuel"] for _ in range(2)}
    assert len(fuel) == 1


def test_outputs_go_to_a_new_folder_below_the_shared_one(node):
    call = {"script": "import os; os.mkdir('d'); open('d/x', 'w').write('1')", "output_folder": "results/a"}
    assert node.call("run_wasm", call).structured_content["output_folder"] == "results/a"
    assert (node.shared / "results" / "a" / "d" / "x").read_text() == "1"
    again = node.call("run_wasm", call)
    assert again.is_error and "cannot be made (File exists)" in again.content[0].text


def test_program_that_fails_is_a_report_and_no_error(node):
    found = node.call("run_wasm", {"script": "raise SystemExit(3)"})
    assert (found.is_error, found.structured_content["exit_code"]) == (False, 3)
    spent = node.call("run_wasm", {"script": "while True: pass", "limits": {"gfuel": 1}}).structured_content
    assert spent["exit_kind"] == "out_of_fuel"


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        ({}, "either script or module"),
        ({"script": "1", "module": "m.wasm"}, "either script or module"),
        ({"script": "1", "limits": {"seconds": 31}}, "limits.seconds: 31 is above 30"),
        ({"script": "1", "limits": {"memory_mb": 10**9}}, "limits.memory_mb"),
        ({"script": "1", "limits": {"seconds": 0}}, "greater than or equal to 1"),
        ({"script": "1", "runtime": "cobol"}, "runtime"),
        ({"script": "1", "inputs": [{"path": "../x", "text": ""}]}, "relative path"),
        ({"script": "1", "inputs": [{"path": "x"}]}, "0 of text, base64 and file"),
        ({"script": "1", "inputs": [{"path": "x", "base64": "§"}]}, "base64 of 'x'"),
        ({"script": "1", "inputs": [{"path": "script.py", "text": ""}]}, "Rename the input"),
        ({"script": "1", "inputs": [{"path": "x", "file": "/etc/hostname"}]}, "not below"),
        ({"script": "1", "inputs": [{"path": "x", "file": "link"}]}, "not below"),
        ({"script": "1", "output_folder": "../out"}, "not below"),
        ({"script": "1", "env": {"1X": "y"}}, "JobSpec.env"),
        ({"module": "none.wasm"}, "No such file"),
        ({"module": "text.wasm"}, "WebAssembly"),
    ],
)
def test_call_that_cannot_begin_is_a_tool_error_that_says_why(node, call, problem):
    if not (node.shared / "link").is_symlink():
        (node.shared / "link").symlink_to("/etc/hostname")
        (node.shared / "text.wasm").write_text("no module")
    found = node.call("run_wasm", call)
    assert found.is_error
    assert problem in found.content[0].text


def test_every_tool_says_what_it_takes_and_what_it_answers(node):
    tools = {tool.name: tool for tool in node.call("").tools}
    assert tools.keys() == {"describe_node", "run_wasm", "list_gpus", "gpu_stats"}
    assert all(tool.description and tool.output_schema for tool in tools.values())


def test_description_says_what_the_machine_is_and_what_a_run_may_take(node):
    found = node.call("describe_node").structured_content
    assert found["adapters"] == ["wasm", "cuda"]
    assert found["limits"]["seconds"] == 30
    assert 0 < found["limits"]["memory_mb"] <= found["profile"]["memoryMb"]


# --- GPUs, through NVIDIA's own binding, of a stand-in for the driver -------------------------------------------------


def test_gpus_are_listed_with_their_ids(node):
    found = node.call("list_gpus").structured_content
    assert [(gpu["id"], gpu["model"]) for gpu in found["gpus"]] == [
        ("GPU-1", "NVIDIA H100 80GB HBM3"),
        ("GPU-2", "Tesla P100-PCIE-16GB"),
    ]
    assert found["note"] == ""


def test_gpu_says_what_it_does_and_nothing_where_its_driver_cannot_tell(node):
    first, second = node.call("gpu_stats").structured_content["gpus"]
    assert first == {
        "id": "GPU-1", "model": "NVIDIA H100 80GB HBM3", "memory_total_mb": 85_520, "memory_used_mb": 2_048,
        "gpu_percent": 80, "memory_percent": 10, "temperature_celsius": 61, "power_watts": 412.5,
    }  # fmt: skip
    assert (second["gpu_percent"], second["power_watts"], second["temperature_celsius"]) == (40, None, None)
    assert second["memory_total_mb"] == 17_179


# --- who is let in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}])
def test_nobody_is_let_in_without_the_token(node, headers):
    answer = httpx.post(node.url, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_web_page_that_reaches_it_by_another_name_is_refused_even_with_the_token(node):
    token = {"Authorization": f"Bearer {node.token_file.read_text().strip()}"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    kinds = {"Accept": "application/json, text/event-stream"}
    for lie in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}):
        assert httpx.post(node.url, json=call, headers=token | kinds | lie).status_code in (403, 421)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[" * 200_000, 400), (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, 400), (b'"' + b"a" * 5_000_000 + b'"', 413)],
    ids=["brackets", "objects", "too long"],
)
@pytest.mark.parametrize("version", [None, "2099-01-01"], ids=["no version", "a version to come"])
def test_hostile_json_is_refused_and_the_server_lives_on(node, body, status, version):
    token = {"Authorization": f"Bearer {node.token_file.read_text().strip()}", "Content-Type": "application/json"}
    kinds = {"Accept": "application/json, text/event-stream"} | ({"MCP-Protocol-Version": version} if version else {})
    assert httpx.post(node.url, content=body, headers=token | kinds).status_code == status
    assert not node.call("describe_node").is_error


def test_token_is_readable_by_its_owner_only(node):
    assert node.token_file.stat().st_mode & 0o777 == 0o600


def test_it_listens_on_this_machine_only(node):
    port = int(node.url.split(":")[2].partition("/")[0])
    others = {each[4][0] for each in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)} - {"127.0.0.1"}
    for address in {other for other in others if not other.startswith("127.")}:
        with pytest.raises(OSError):
            socket.create_connection((address, port), 2).close()
    with socket.create_connection(("127.0.0.1", port), 5):
        pass


def test_port_that_is_taken_is_told(node, tmp_path):
    port = node.url.split(":")[2].partition("/")[0]
    done = subprocess.run(
        [*COMMAND, "--http", port, "--adapter", "wasm"], env=environment(tmp_path), capture_output=True, timeout=60,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 6 and f"Port {port}" in done.stderr


@pytest.mark.parametrize(("options", "problem"), [(["--adapter", "x"], "'x'"), (["--adapter", "docker"], "ENGINE")])
def test_adapter_that_is_none_or_not_set_up_is_refused(tmp_path, options, problem):
    done = subprocess.run(
        [*COMMAND, *options], env=environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode in (2, 12) and problem in done.stderr


# --- stdio, and containers --------------------------------------------------------------------------------------------


def over_stdio(work, data: Path, *options: str, cwd: Path, **env: str):
    """What `work` makes of a client whose server is a process of its own."""
    from mcp import Client, StdioServerParameters

    server = StdioServerParameters(
        command=COMMAND[0], args=[*COMMAND[1:], *options], env=environment(data, **env), cwd=cwd
    )

    async def run():
        async with Client(server) as client:
            return await work(client)

    return asyncio.run(run())


def test_client_over_stdio_runs_a_job_in_the_folder_where_it_was_started(tmp_path):
    (tmp_path / "numbers").write_text("1 2 3")

    async def work(client):
        script = "print(sum(map(int, open('/in/n').read().split())))"
        inputs = [{"path": "n", "file": "numbers"}]
        return (await client.call_tool("run_wasm", {"script": script, "inputs": inputs})).structured_content

    found = over_stdio(work, tmp_path / "data", "--adapter", "wasm", cwd=tmp_path)
    assert (found["stdout"], found["stderr"]) == ("6\n", "")


def test_client_over_stdio_runs_a_real_container(tmp_path, engine_address):  # noqa: F811
    (tmp_path / "image.tar").write_bytes(shell_image()[0])
    call = {
        "image": "image.tar",
        "args": ["cat /in/x; echo out > made; exit 4"],
        "inputs": [{"path": "x", "text": "t"}],
    }

    async def work(client):
        ran = await client.call_tool("run_container", call)
        gpus = await client.call_tool("run_container", call | {"gpus": 1})
        return ran.structured_content, gpus

    env = {"COMPUTEHIVE_AGENT_CONTAINER_ENGINE": engine_address}
    found, gpus = over_stdio(work, tmp_path / "data", "--adapter", "docker", cwd=tmp_path, **env)
    assert (found["exit_kind"], found["exit_code"], found["stdout"]) == ("exited", 4, "t")
    assert [(each["path"], each["text"]) for each in found["outputs"]] == [("made", "out\n")]
    assert gpus.is_error and "gives none" in gpus.content[0].text


def test_container_ends_with_the_client_that_started_it(tmp_path, engine_address):  # noqa: F811
    import docker

    (tmp_path / "image.tar").write_bytes(shell_image()[0])
    engine = docker.DockerClient(base_url=engine_address)
    before = {one.id for one in engine.containers.list(filters={"label": LABEL})}

    def started() -> set:
        return {one.id for one in engine.containers.list(filters={"label": LABEL})} - before

    async def work(client):
        running = asyncio.create_task(client.call_tool("run_container", {"image": "image.tar", "args": ["sleep 900"]}))
        until = time.monotonic() + 30
        while not started() and time.monotonic() < until:
            await asyncio.sleep(0.1)
        assert started()
        running.cancel()

    env = {"COMPUTEHIVE_AGENT_CONTAINER_ENGINE": engine_address}
    over_stdio(work, tmp_path / "data", "--adapter", "docker", cwd=tmp_path, **env)
    assert wait_until(lambda: started() == set())
    engine.close()
