"""`--attested` of `hive quote` and `hive run`: which trusted execution environments the renter believes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marketplace.errors import InputError

if TYPE_CHECKING:
    from marketplace.protocol.tee import TeeTrust


@dataclass(frozen=True)
class TrustOptions:
    """Evidence of the hardware instead of a second run."""

    attested: Annotated[
        Path | None,
        typer.Option(
            "--attested", help="JSON: measurements you trust. Oracles check the hardware's evidence for them."
        ),
    ] = None

    def to_trust(self) -> "TeeTrust | None":
        """What the file says. Raises InputError for a file that cannot be read, InvalidJobSpec naming its field."""
        from marketplace.protocol.jobspec import parse_trust

        if self.attested is None:
            return None
        try:
            return parse_trust(json.loads(self.attested.read_bytes()))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else f"no JSON: {error}"
            raise InputError(f"--attested {self.attested} cannot be read ({reason}).") from error
