"""`--attested` and `--audit-rate` of `hive quote` and `hive run`: what the renter believes without a second run."""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from marketplace.errors import InputError

if TYPE_CHECKING:
    from marketplace.protocol.audits import Audit
    from marketplace.protocol.tee import TeeTrust


@dataclass(frozen=True)
class TrustOptions:
    """Evidence of the hardware instead of a second run; or the chance of one."""

    attested: Annotated[
        Path | None,
        typer.Option(
            "--attested", help="JSON: measurements you trust. Oracles check the hardware's evidence for them."
        ),
    ] = None

    audit_rate: Annotated[
        str | None,
        typer.Option(
            "--audit-rate", help="Share of such jobs that oracles run again, 0.5 to 1: which, they draw afterwards."
        ),
    ] = None

    def to_audit(self) -> "Audit | None":
        """As the job specification says it. Raises InputError for no number, InvalidJobSpec for one that is too low."""
        from marketplace.protocol.audits import ALL_PPM
        from marketplace.protocol.jobspec import parse_audit

        if self.audit_rate is None:
            return None
        if not re.fullmatch(r"\d{1,3}(\.\d{1,6})?", self.audit_rate):
            raise InputError(
                f"--audit-rate {self.audit_rate!r} is no number with six decimals at most.", hint="Say 0.5 to 1."
            )
        whole = int(Decimal(self.audit_rate) * ALL_PPM)
        return parse_audit({"ratePpm": whole})

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
