"""Ways of running strangers' programs, behind one interface: a new one is a file and an entry point."""

from agent.adapters.interface import ENTRY_POINTS, Adapter, AdapterSettings, Job
from agent.adapters.registry import (
    carried,
    descriptor_digest,
    find_elsewhere,
    lapse,
    network_hosts,
    open_adapters,
    registries,
)

__all__ = [
    "ENTRY_POINTS",
    "Adapter",
    "AdapterSettings",
    "Job",
    "carried",
    "descriptor_digest",
    "find_elsewhere",
    "lapse",
    "network_hosts",
    "open_adapters",
    "registries",
]
