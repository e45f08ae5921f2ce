"""A job whose result its renter judges: nothing happens to it any more until somebody looks."""

from typing import TYPE_CHECKING, Any

from marketplace.cli.output import clock_time, short, talk
from marketplace.errors import JobFailed, ProgramFailed

if TYPE_CHECKING:
    from marketplace.client.results import VerifiedResult


def awaits_renter(job: dict[str, Any]) -> bool:
    """Whether every result is there, and its renter is who decides."""
    from marketplace.protocol.enums import Verification

    return job["state"] == "attested" and int(job["bid"]["verification"]) == Verification.ACCEPT


def tell_what_to_decide(job: dict[str, Any], result: "VerifiedResult") -> None:
    """What the renter can say now, and what follows from saying nothing.

    Raises JobFailed for a run that did not come to its end, ProgramFailed for an exit code of the program's own.
    """
    from marketplace.protocol.enums import ExitKind

    name, until = short(job["jobId"]), clock_time(int(job["bid"]["deadline"]))
    kind, code = ExitKind(result.attestation.exit_kind), result.attestation.exit_code
    if kind is not ExitKind.EXITED:
        raise JobFailed(
            f"The program did not come to its end ({kind.name.lower().replace('_', ' ')}): nothing is paid for that.",
            hint=f"What is locked is yours again at {until}: `hive refund {name}`.",
        )
    talk().print(
        f"\nNothing is paid yet: you judge this result. `hive accept {name}` pays for it. If you say nothing, the"
        f" provider claims its pay before {until}, and `hive dispute {name}` contradicts that.",
        soft_wrap=True,
    )
    if code:
        raise ProgramFailed(f"The program ended with exit code {code}.", hint=f"`hive logs {name} --stderr` shows why.")
