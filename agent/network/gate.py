"""What a provider lets jobs reach, and the proxy by which one of them does."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.containers.engine import ENGINE_ERRORS, Engine
from agent.network.namespace import listen_inside
from agent.network.proxy import Proxy
from agent.network.traffic import Bounds
from agent.sandbox.types import Limits
from marketplace.errors import AgentError
from marketplace.network.addresses import AddressPolicy, read_own
from marketplace.network.names import Resolve, ask_the_system
from marketplace.protocol.network import Network, find_forbidden

PROXY = ("127.0.0.1", 3128)
"""Where a job finds its proxy: its own loopback, and the port that proxies usually have."""
_URL = f"http://{PROXY[0]}:{PROXY[1]}"
_LOCAL = f"localhost,{PROXY[0]}"
ENVIRONMENT = {
    **dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), _URL),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), _LOCAL),
}
"""By which ordinary programs find it. Plain http goes there too: it is told to use https, where there would be
silence."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The provider's allowed hosts, and how names are looked up and addresses judged. Threads may share it."""

    allowed: Sequence[str]
    resolve: Resolve = ask_the_system
    policy: Callable[[], AddressPolicy] = lambda: AddressPolicy(read_own())
    """Asked for each job: the machine may have moved."""

    def require_allowed(self, network: Network) -> None:
        """Raises AgentError for a host that the provider does not allow."""
        forbidden = find_forbidden(network.hosts, self.allowed)
        if forbidden:
            raise AgentError(f"This machine's provider does not let jobs reach {', '.join(forbidden)}.")

    def open(self, network: Network, container: str, pid: int, sent_bytes: int) -> Proxy:
        """A proxy that a container's namespace reaches at PROXY, and nobody else. `sent_bytes` may leave through it.

        Raises AgentError where the namespace cannot be entered, or a host is not allowed.
        """
        self.require_allowed(network)
        bounds = Bounds(sent_bytes=sent_bytes, received_bytes=network.received_bytes)
        return Proxy(listen_inside(container, pid, PROXY), network.hosts, self.resolve, self.policy(), bounds)


def require_enterable(engine: Engine, agent: str) -> None:
    """Raises AgentError unless this agent can listen within a container of this engine: found by doing it.

    gVisor's kernel keeps a network of its own, which no socket of the machine's is in.
    """
    if engine.is_gvisor:
        raise AgentError(
            "Jobs in gVisor can have no network here.",
            hint="Empty COMPUTEHIVE_AGENT_NETWORK_HOSTS, or COMPUTEHIVE_AGENT_CONTAINER_RUNTIME.",
        )
    run = f"{agent}-{secrets.token_hex(6)}"
    try:
        holder = engine.create_folders(run, _TINY, 0, 0)
        listen_inside(str(holder.id), engine.first_process(holder), PROXY).close()
    except ENGINE_ERRORS as error:
        raise AgentError(f"The container engine failed at a trial of network: {error}.") from error
    finally:
        engine.remove_run(run)


_TINY = Limits(fuel=0, memory_bytes=0, wall_seconds=0, egress_bytes=0, output_files=0)
