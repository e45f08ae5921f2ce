"""`--network` of `hive quote` and `hive run`: with whom a container may talk."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from marketplace.errors import InputError

if TYPE_CHECKING:
    from marketplace.protocol.network import Network


@dataclass(frozen=True)
class NetworkOptions:
    """Hosts, and how much they may send."""

    network: Annotated[
        list[str] | None,
        typer.Option(
            "--network", help="HOST[:PORT] a container may talk to, port 443 unless named; --egress buys what it sends."
        ),
    ] = None
    network_receive: Annotated[
        int, typer.Option("--network-receive", min=1, help="MB that those hosts may send it, at most.")
    ] = 1_000

    def to_network(self) -> "Network | None":
        """As the job specification says it. Raises InputError naming what is no host."""
        from pydantic import ValidationError

        from marketplace.protocol.network import DEFAULT_PORT, Network

        if not self.network:
            return None
        hosts = [each.lower() if ":" in each else f"{each.lower()}:{DEFAULT_PORT}" for each in self.network]
        try:
            return Network(hosts=tuple(hosts), max_received_mb=self.network_receive)
        except ValidationError as error:
            said = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            raise InputError(f"--network: {said}.", hint="Such as --network example.org:443.") from error
