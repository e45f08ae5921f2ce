"""Jobs this user placed: kept so that a short id names one, and a bid can be cancelled without asking for it first."""

import json
from typing import TYPE_CHECKING, Any

from marketplace.cli.context import home
from marketplace.errors import ConflictError, InputError, NotFound

if TYPE_CHECKING:
    from marketplace.client import MarketClient

ID_LENGTH = 66
SHORTEST_PREFIX = 6
"""`0x` and four digits."""


def remember_job(job_id: str, bid: dict[str, Any], url: str) -> None:
    """Keep a placed bid."""
    folder = home() / "jobs"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / f"{job_id}.json").write_text(json.dumps({"jobId": job_id, "bid": bid, "market": url}, indent=1))


def recall_bid(job_id: str) -> dict[str, Any] | None:
    """The bid of a job placed from here, or None."""
    try:
        return json.loads((home() / "jobs" / f"{job_id}.json").read_text())["bid"]
    except FileNotFoundError:
        return None


def resolve_job(client: "MarketClient", given: str) -> str:
    """The full id of a job named by its id or a beginning of it.

    Raises InputError for what cannot be an id, NotFound, ConflictError where several jobs begin so.
    """
    wanted = given.lower()
    digits = wanted.removeprefix("0x")
    if (
        not wanted.startswith("0x")
        or not all(digit in "0123456789abcdef" for digit in digits)
        or len(wanted) > ID_LENGTH
    ):
        raise InputError(f"{given!r} is not a job id: expected 0x and hex digits.", hint="`hive jobs` lists yours.")
    if len(wanted) == ID_LENGTH:
        return wanted
    if len(wanted) < SHORTEST_PREFIX:
        raise InputError(f"{given!r} is too short to name a job.", hint=f"Give at least {SHORTEST_PREFIX - 2} digits.")
    mine = {path.stem for path in (home() / "jobs").glob(f"{wanted}*.json")}
    found = mine or {job["jobId"] for job in client.jobs(limit=100)["jobs"] if job["jobId"].startswith(wanted)}
    if not found:
        raise NotFound("job", given)
    if len(found) > 1:
        raise ConflictError(f"{len(found)} jobs begin with {given}.", hint="Give more digits.")
    return found.pop()
