"""Which sandboxes this machine has: what is installed, and set up."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points

from agent.adapters.interface import (
    ENTRY_POINTS,
    Adapter,
    AdapterSettings,
    Carrying,
    Elsewhere,
    Keeping,
    Networked,
    Pulling,
)
from marketplace.protocol.canonical import json_digest


def open_adapters(settings: AdapterSettings) -> dict[str, Adapter]:
    """Every adapter that is installed and set up, by the name that job specifications use.

    Raises SettingsError, AgentError, where one is set up and does not work.
    """
    opened = ((point.name, point.load()(settings)) for point in entry_points(group=ENTRY_POINTS))
    return {name: adapter for name, adapter in opened if adapter is not None}


def descriptor_digest(adapter: Adapter) -> str:
    """`Attestation.sandboxDigest` of what runs in it."""
    return json_digest(adapter.descriptor())


def carried(adapters: Mapping[str, Adapter]) -> dict[str, str]:
    """What the adapters have beforehand, digest by name."""
    found: dict[str, str] = {}
    for adapter in adapters.values():
        found |= adapter.carried() if isinstance(adapter, Carrying) else {}
    return found


def registries(adapters: Mapping[str, Adapter]) -> tuple[str, ...]:
    """From where the adapters take programs, sorted."""
    return tuple(sorted({one for each in adapters.values() if isinstance(each, Pulling) for one in each.registries()}))


def network_hosts(adapters: Mapping[str, Adapter]) -> tuple[str, ...]:
    """To where jobs in the adapters may have network, sorted."""
    found = (one for each in adapters.values() if isinstance(each, Networked) for one in each.network_hosts())
    return tuple(sorted(set(found)))


def find_elsewhere(adapters: Mapping[str, Adapter]) -> Elsewhere | None:
    """The adapter that runs this daemon's jobs on other machines; None where they run on this one."""
    return next((each for each in adapters.values() if isinstance(each, Elsewhere)), None)


def lapse(adapters: Mapping[str, Adapter], is_over: Callable[[str], bool]) -> None:
    """Have every adapter that keeps something of jobs remove what nobody goes on with: `Keeping.lapse`."""
    for each in adapters.values():
        if isinstance(each, Keeping):
            each.lapse(is_over)
