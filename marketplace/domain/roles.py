"""What a market does, as roles that one process may have, or several share: each worker's role is one process's."""

from marketplace.errors import InputError

API = "api"
WORKERS = (
    "follower", "outbox", "clearing", "seals", "settlement", "refunds", "claims", "retention", "webhooks", "feed",
)  # fmt: skip
"""Each is done by one process at a time, whichever has the role."""
_GROUPS = {"all": (API, *WORKERS), "workers": WORKERS}


def parse_roles(text: str) -> frozenset[str]:
    """`all`, or names with commas between: `api`, `workers` for all of those, or single ones. Raises InputError."""
    found: set[str] = set()
    for word in (part.strip() for part in text.split(",")):
        known = _GROUPS.get(word, (word,))
        if not set(known) <= {API, *WORKERS}:
            raise InputError(
                f"{word!r} is no role of a market.", hint=f"Write all, or some of api, workers, {', '.join(WORKERS)}."
            )
        found.update(known)
    return frozenset(found)
