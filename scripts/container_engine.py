"""A real Docker engine that tests and benches start and end, and an image of one program to run in it."""

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from agent.containers.engine import ENGINE_ERRORS
from agent.containers.holder import image_archive
from marketplace.devnet import ManagedProcess

ENGINE_VARIABLE = "HIVE_TEST_CONTAINER_ENGINE"
"""Address of an engine to be used instead of one that the tests start."""
READY_SECONDS = 60
GVISOR = "runsc"
"""Name of the runtime that is gVisor, in the engine and on the path."""
GVISOR_ARGUMENTS = ("--platform=ptrace", "--network=none")
"""`ptrace` needs no virtualisation: the slowest platform of all, and the one that runs anywhere."""
SHELL = "/bin/busybox"
COMMANDS = (
    "sh", "cat", "ls", "sleep", "id", "dd", "yes", "head", "true", "false", "ln", "mkdir", "rm", "touch", "seq",
    "truncate", "mknod", "kill", "wget", "nc", "date", "mount", "env", "gunzip",
)  # fmt: skip


def missing() -> str:
    """Why no engine can be started here; empty where one can."""
    if os.environ.get(ENGINE_VARIABLE):
        return ""
    lacking = [name for name in ("dockerd", "containerd", "runc", "busybox") if shutil.which(name) is None]
    if lacking:
        return (
            f"no container engine can be started: {', '.join(lacking)} not found (apt install docker.io busybox-static)"
        )
    return "" if os.geteuid() == 0 else "no container engine can be started: it needs root"


@contextmanager
def running_engine(folder: Path) -> Iterator[str]:
    """The address of an engine, which ends with the context."""
    given = os.environ.get(ENGINE_VARIABLE)
    if given:
        yield given
        return
    address = f"unix://{folder}/docker.sock"
    process = ManagedProcess("dockerd", engine_command(folder, address), folder / "dockerd.log")
    try:
        with process:
            process.wait_ready(lambda: answers(address), READY_SECONDS)
            yield address
    finally:
        unmount_below(folder)


def engine_command(folder: Path, address: str) -> list[str]:
    """An engine with everything below `folder`, which touches no network of the machine; with gVisor where it is.

    Experimental, as it is called: it keeps checkpoints.
    """
    settings = folder / "daemon.json"
    settings.write_text(json.dumps({"runtimes": _extra_runtimes(), "experimental": True}))
    off = [f"--{name}=false" for name in ("iptables", "ip6tables", "ip-forward", "ip-masq", "userland-proxy")]
    places = [f"--data-root={folder}/data", f"--exec-root={folder}/exec", f"--pidfile={folder}/pid"]
    return ["dockerd", f"--config-file={settings}", "-H", address, *places, "--bridge=none", *off]


def _extra_runtimes() -> dict[str, object]:
    path = shutil.which(GVISOR)
    return {GVISOR: {"path": path, "runtimeArgs": list(GVISOR_ARGUMENTS)}} if path else {}


def answers(address: str) -> bool:
    try:
        client = docker.DockerClient(base_url=address, timeout=5)
    except ENGINE_ERRORS:
        return False
    try:
        return bool(client.ping())
    except ENGINE_ERRORS:
        return False
    finally:
        client.close()


def unmount_below(folder: Path) -> None:
    """What a killed engine leaves mounted keeps its folders from being removed."""
    for line in reversed(Path("/proc/mounts").read_text().splitlines()):
        place = line.split()[1]
        if place.startswith(f"{folder}/"):
            subprocess.run(["umount", "-l", place], check=False, timeout=30)


def shell_image(config: dict | None = None) -> tuple[bytes, str]:
    """A shell and its commands (BusyBox, static), started with one argument: the script."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as layer:
        folder = tarfile.TarInfo("bin")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        layer.addfile(folder)
        program = Path(shutil.which("busybox") or SHELL).read_bytes()
        entry = tarfile.TarInfo("bin/busybox")
        entry.size, entry.mode = len(program), 0o755
        layer.addfile(entry, io.BytesIO(program))
        for name in COMMANDS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            layer.addfile(link)
    return image_archive(buffer.getvalue(), {"Entrypoint": ["/bin/sh", "-c"], "Env": ["PATH=/bin"]} | (config or {}))
