"""Who asks, beyond what it signs each time: sessions that a wallet has signed in to, and keys that a session made."""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from marketplace.errors import Forbidden, MalformedMessage

SCOPES = ("keys:read", "sessions:read", "webhooks:read", "webhooks:write")
"""What a key may be made for. A session may do all of it, and alone makes and revokes keys and ends sessions."""
SESSION_PREFIX, KEY_PREFIX = "chs_", "chk_"
NONCE_SECONDS = 600
"""How long a nonce is good for."""
SESSION_SECONDS = 86_400
"""How long a session lasts at most; a message's own expiration time may end it before."""
CLOCK_SKEW_SECONDS = 60
"""How far ahead the clock of a wallet's machine may be."""
USE_SECONDS = 60
"""How exactly it is known when a key was last used: a use is written down once in so long."""
MOST_SESSIONS, MOST_KEYS = 20, 20
"""Of one account, live at once. The oldest session ends for a new one; a key has to be revoked."""


@dataclass(frozen=True, slots=True)
class Session:
    """A wallet signed in. Unix seconds."""

    id: str
    account: str
    token_hash: str
    """SHA-256 of the token, hex: who reads the database cannot use it."""
    nonce: str
    """Kept as long as the row: it is good once."""
    created_at: int
    expires_at: int
    ended_at: int | None = None

    def is_live(self, now: int) -> bool:
        """Whether its token is good."""
        return self.ended_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a program uses in place of a session. Unix seconds."""

    id: str
    """Also the first part of the key itself, by which its owner knows it again."""
    account: str
    token_hash: str
    name: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None = None
    used_at: int | None = None
    revoked_at: int | None = None

    def is_live(self, now: int) -> bool:
        """Whether it is good."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request is of."""

    account: str
    scopes: tuple[str, ...]
    session_id: str = ""
    """Empty for a key."""

    def require_scope(self, scope: str) -> None:
        """Raises Forbidden."""
        if scope not in self.scopes:
            raise Forbidden(
                f"This key may not do that: it lacks the scope {scope}.",
                hint="Make a key with that scope in a session: POST /api/v1/keys.",
                scope=scope,
            )

    def require_session(self) -> None:
        """Raises Forbidden for a key."""
        if not self.session_id:
            raise Forbidden(
                "Only a session may do that, not a key.", hint="Sign in: POST /api/v1/sessions.", scope="session"
            )


def hash_token(token: str) -> str:
    """What the database has of a token. They are 32 random bytes: there is nothing to guess, so no slow hash."""
    return sha256(token.encode()).hexdigest()


def derive_secret(key: bytes) -> bytes:
    """What a market's nonces and secrets of webhooks follow from: its operator's key, which cannot be found from it."""
    return hmac.digest(key, b"ComputeHive market secret 1", sha256)


def parse_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once. Raises MalformedMessage for none, and for one that there is not."""
    found = tuple(sorted(set(scopes)))
    unknown = [each for each in found if each not in SCOPES]
    if unknown or not found:
        raise MalformedMessage("scopes", f"{unknown[0] if unknown else 'none'!r} is none of {', '.join(SCOPES)}")
    return found


def is_own_domain(domain: str, allowed: Iterable[str]) -> bool:
    """Whether `HOST[:PORT]` is one of the operator's: a name without a port allows any port."""
    host = domain.rpartition(":")[0] if domain.rpartition(":")[2].isdigit() else domain
    return any(each.lower() in (domain.lower(), host.lower()) for each in allowed)
