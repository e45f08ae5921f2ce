"""`--verify`: how a renter wants the result of a job checked."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from marketplace.protocol.enums import Verification


class VerifyChoice(StrEnum):
    """`Verification`, as far as any bid may ask for it."""

    REEXECUTE = "reexecute"
    REPLICATE = "replicate"
    ACCEPT = "accept"

    def to_verification(self) -> "Verification":
        """As bids say it."""
        from marketplace.protocol.enums import Verification

        return Verification[self.name]


VerifyOption = Annotated[
    VerifyChoice | None,
    typer.Option("--verify", help="How the result is checked; else reexecute, for containers replicate or accept."),
]
