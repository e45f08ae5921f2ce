"""What a job's container is to be: decided before there is one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.network.proxy import Proxy


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run: an image by its id, arguments instead of the image's own, and files for `/in`."""

    image: str
    args: Sequence[str]
    env: Mapping[str, str]
    inputs: Mapping[str, bytes]
    gpus: Sequence[str] = ()
    """Devices, by the ids that the driver gives them."""
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Files for `/secrets`."""
    open_network: Callable[[str, int, int], Proxy] | None = None
    """Where the job bought network: what opens it to a container, by id and first process, for so many bytes sent."""

    @property
    def is_bare(self) -> bool:
        """Whether its memory and its files are all there is of it: no GPUs, no secrets, no connections."""
        return not self.gpus and not self.secrets and self.open_network is None
