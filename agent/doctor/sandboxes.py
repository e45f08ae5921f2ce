"""What this machine can run and prove beside plain WebAssembly: only what its settings or its hardware speak of."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agent.adapters.docker import DockerAdapter, open_docker
from agent.attester import offer_tees
from agent.doctor.finding import Finding, failed, warned, well
from agent.inventory import read_tees
from agent.settings import ProviderSettings
from marketplace.errors import AgentError
from marketplace.protocol.profile import Tee

CRIU_SECONDS = 20
_INSTEAD = "nothing is frozen here: jobs go on from the folder in which they save their state"


def check_containers(settings: ProviderSettings) -> list[Finding]:
    """Whether the container engine that the settings name can be used; nothing where they name none."""
    if not settings.container_engine:
        return []
    try:
        adapter = open_docker(settings.adapters, sweep=False)
    except AgentError as error:
        return [failed("containers", error.message, error.hint or "Look into the engine's log.")]
    assert adapter is not None, "the settings name an engine"
    found = ", ".join(f"{key} {value}" for key, value in adapter.descriptor().items() if key != "sandbox")
    isolation = _check_isolation(adapter)
    adapter.close()
    engine = well("containers", f"{settings.container_engine}: {found}")
    told = [*_tell_network(adapter), *_tell_freezing(settings)]
    return [engine, *isolation, *told, *map(_check_registry, settings.registries)]


def _tell_network(adapter: DockerAdapter) -> list[Finding]:
    """Which hosts jobs may reach; nothing where none. That they can was tried when the adapter was opened."""
    hosts = adapter.network_hosts()
    return [well("network", f"jobs that bought it may reach {', '.join(hosts)}")] if hosts else []


def _tell_freezing(settings: ProviderSettings) -> list[Finding]:
    """Of an engine that was opened, and so has frozen a container and gone on with it where that is wanted."""
    if not settings.freeze_mb:
        return []
    found = f"jobs that allow it are frozen when the daemon stops, up to {settings.freeze_mb} MB, and go on here"
    return [well("freezing", found)]


def _check_registry(host: str) -> Finding:
    from agent.containers.registries import ping

    try:
        ping(host)
    except AgentError as error:
        remedy = "Take it out of COMPUTEHIVE_AGENT_REGISTRIES: jobs that need it would fail here."
        return warned(f"registry {host}", error.message, remedy)
    return well(f"registry {host}", "answers")


def _check_isolation(adapter: DockerAdapter) -> list[Finding]:
    """Whether jobs run in gVisor, where the engine offers it; nothing where it does not."""
    offered = adapter.unused_gvisor
    if not offered:
        return []
    remedy = f"Set COMPUTEHIVE_AGENT_CONTAINER_RUNTIME={offered}: a flaw of the kernel is not enough then."
    return [warned("isolation", f"the engine offers gVisor ({offered}), and jobs run without it", remedy)]


def check_freezing(settings: ProviderSettings) -> list[Finding]:
    """Whether CRIU, by which engines freeze containers outside of gVisor, works on this kernel.

    Told for who wonders, never minded: the daemon does not use it even where it does (decision 40). Nothing where no
    containers are offered, or `check_containers` tells of gVisor's own way.
    """
    if not settings.container_engine or settings.freeze_mb:
        return []
    program = shutil.which("criu")
    if program is None:
        return [well("freezing", f"no criu; {_INSTEAD}")]
    fault = _criu_fault(program)
    found = f"criu does not work on this kernel ({fault})" if fault else "criu works"
    return [well("freezing", f"{found}; {_INSTEAD}")]


def _criu_fault(program: str) -> str:
    """The first thing that `criu check` minds; empty where it minds nothing."""
    try:
        ran = subprocess.run(
            [program, "check"], capture_output=True, text=True, errors="replace", timeout=CRIU_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it cannot be run: {error}"
    if ran.returncode == 0:
        return ""
    return next(iter((ran.stderr + ran.stdout).splitlines()), f"it ended with {ran.returncode}").strip()


def check_tees(found: Sequence[Tee], collateral: Path | None) -> list[Finding]:
    """What the machine's trusted execution environments are worth here; nothing where there are none."""
    return [_check_tee(tee, collateral) for tee in found]


def _check_tee(tee: Tee, collateral: Path | None) -> Finding:
    if tee in offer_tees([tee], collateral):
        return well(f"tee {tee}", "offered")
    if tee == "tdx":
        remedy = "Name its file in COMPUTEHIVE_AGENT_TEE_COLLATERAL."
        return warned(f"tee {tee}", "not offered: attested jobs need collateral", remedy)
    return well(f"tee {tee}", "not offered: the daemon has no way to its quotes")


def examine_sandboxes(settings: ProviderSettings) -> list[Finding]:
    """Every check of them, as the machine is now."""
    return [*check_containers(settings), *check_freezing(settings), *check_tees(read_tees(), settings.tee_collateral)]
