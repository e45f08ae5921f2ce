"""Every attack in every sandbox: it ends as it must, the machine is as before, and nothing of it got out.

Out of scope: `wasm` has no processes, devices, mounts or links at all, so that attacks with them fail in the program;
how fast a machine answers while attacked is not measured; gVisor on hardware virtualisation, which needs a machine with
KVM: it is attacked on its platform `ptrace`.
"""

import os
import socket
import subprocess
import threading
import time
from dataclasses import replace

import psutil
import pytest

from agent.adapters import Job
from agent.adapters.wasm import WasmAdapter
from agent.containers import cgroups
from agent.containers.engine import LABEL
from agent.runtimes import RUNTIMES, ModuleCache
from agent.sandbox import Limits, Sandbox
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec
from scripts.container_engine import shell_image
from tests.integration.sandboxes.attacks import ATTACKS
from tests.integration.sandboxes.conftest import AGENT
from tests.integration.sandboxes.waiting import wait_until

SECRET = "a secret of this machine, 5b1c"
LIMITS = Limits(
    fuel=20 * 10**9, memory_bytes=128_000_000, wall_seconds=20, egress_bytes=2_000_000, log_bytes=200_000, processes=64
)


@pytest.fixture(scope="module")
def wasm():
    sandbox = Sandbox()
    return WasmAdapter(sandbox, ModuleCache(sandbox))


@pytest.fixture(params=["wasm", "docker", "gvisor"])
def sandbox(request):
    """Name and adapter; `gvisor` is `docker` with another runtime."""
    adapter = request.getfixturevalue("wasm" if request.param == "wasm" else f"{request.param}_adapter")
    return request.param, adapter


class Host:
    """This machine: a file, a listening port, a process and a variable, none of which a job may get at."""

    def __init__(self, folder):
        self.file = folder / "secret"
        self.file.write_text(SECRET)
        self.connections = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        self.process = subprocess.Popen(["sleep", "600"], env=os.environ | {"HIVE_TEST_SECRET": SECRET})

    def _accept(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self):
        self._server.close()
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def host(tmp_path):
    host = Host(tmp_path)
    yield host
    host.close()


def script_job(name: str, source: str, inputs: dict[str, bytes]) -> Job:
    """A job that runs `source`: Python in wasm, a shell script in a container."""
    files = dict(inputs)
    if name == "wasm":
        files["s.py"] = source.encode()
        program = {"kind": "runtime", "name": "python", "digest": RUNTIMES["python"].digest, "script": "s.py"}
        blobs, args = {}, []
    else:
        archive, _ = shell_image()
        program = {"kind": "container", "digest": sha256_digest(archive), "size": len(archive)}
        blobs, args = {program["digest"]: archive}, [source]
    entries = [{"path": path, "digest": sha256_digest(data), "size": len(data)} for path, data in files.items()]
    sandbox = "wasm" if name == "wasm" else "docker"
    spec = JobSpec.parse({"sandbox": sandbox, "program": program, "inputs": entries, "args": args})
    return Job(spec, files, blobs.__getitem__)


def leftovers(request) -> list[str]:
    """What containers have left on this machine, whatever it is."""
    left = [
        each.info["name"]
        for each in psutil.process_iter(["name", "cmdline"])
        if "31337" in (each.info["cmdline"] or ())
    ]
    left += cgroups.leftover_runs(f"{AGENT}-")
    if "wasm" not in request.node.name:
        client = request.getfixturevalue("engine")._client
        mine = {"label": f"{LABEL}={AGENT}"}
        left += [one.name for one in client.containers.list(all=True, filters=mine)]
        left += [one.name for one in client.volumes.list(filters=mine)]
    return left


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_attack_ends_as_it_must_and_leaves_the_machine_as_it_was(attack, sandbox, host, request):
    name, adapter = sandbox
    source = attack.wasm if name == "wasm" else attack.docker
    for key, value in (("host_file", host.file), ("port", host.port), ("pid", host.process.pid)):
        source = source.replace(f"{{{key}}}", str(value))
    left_by_others = set(leftovers(request))
    before = time.time() - time.monotonic()
    result = adapter.run(script_job(name, source, attack.inputs), replace(LIMITS, **attack.limits))

    assert result.exit_kind in attack.expected(name), result.detail
    assert attack.detail_of(name) in result.detail
    if attack.is_refused and result.exit_kind is ExitKind.EXITED:
        assert result.exit_code != 0, (result.stdout[:300], result.stderr[:300])
    seen = result.stdout + result.stderr + b"".join(result.outputs.values())
    assert SECRET.encode() not in seen
    assert sum(map(len, (result.stdout, result.stderr, *result.outputs.values()))) <= LIMITS.egress_bytes
    assert all(not path.startswith("/") and ".." not in path for path in result.outputs)

    assert host.connections == 0
    assert host.process.poll() is None
    assert abs((time.time() - time.monotonic()) - before) < 1, "the clock was set"
    assert wait_until(lambda: set(leftovers(request)) <= left_by_others), leftovers(request)


def test_sandbox_that_was_attacked_still_runs_jobs(sandbox):
    name, adapter = sandbox
    source = "print(1 + 1)" if name == "wasm" else "echo 2"
    result = adapter.run(script_job(name, source, {}), LIMITS)
    assert (result.exit_kind, result.exit_code, result.stdout) == (ExitKind.EXITED, 0, b"2\n")
