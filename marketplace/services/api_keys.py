"""Keys with scopes, and who a token is of."""

from typing import Any

from marketplace.domain.access import (
    KEY_PREFIX,
    MOST_KEYS,
    SCOPES,
    SESSION_PREFIX,
    USE_SECONDS,
    ApiKey,
    Caller,
    hash_token,
    parse_scopes,
)
from marketplace.errors import ConflictError, MalformedMessage, NotFound, Unauthorized
from marketplace.services.market import Market

_HINT = "Sign in (POST /api/v1/sessions) or make a key, and send it as `Authorization: Bearer …`."


def authenticate(market: Market, token: str) -> Caller:
    """Who a token is of. Raises Unauthorized; which of the ways it is not good is not told."""
    if token.startswith(SESSION_PREFIX):
        with market.store.read() as tx:
            session = tx.sessions.with_token(hash_token(token))
        if session is not None and session.is_live(market.clock.now()):
            return Caller(session.account, SCOPES, session.id)
    elif token.startswith(KEY_PREFIX):
        return _of_key(market, token)
    raise Unauthorized("The token is no session's or key's that is good now.", hint=_HINT)


def refuse_anonymous() -> Unauthorized:
    """What a request without a token gets where it takes one."""
    return Unauthorized("This takes a session or a key.", hint=_HINT)


def create_key(
    market: Market, caller: Caller, name: str, scopes: list[str], expires_at: int | None
) -> tuple[ApiKey, str]:
    """A key and its secret, which is told this once.

    Raises Forbidden, MalformedMessage, ConflictError where the account has as many as it may.
    """
    caller.require_session()
    wanted, now = parse_scopes(scopes), market.clock.now()
    if expires_at is not None and expires_at <= now:
        raise MalformedMessage("expiresAt", f"{expires_at} has passed; it is {now}")
    key_id = KEY_PREFIX + market.entropy(6).hex()
    token = f"{key_id}_{market.entropy(32).hex()}"
    key = ApiKey(key_id, caller.account, hash_token(token), name, wanted, now, expires_at)
    with market.store.write() as tx:
        if sum(one.is_live(now) for one in tx.api_keys.of(caller.account)) >= MOST_KEYS:
            raise ConflictError(f"{caller.account} has {MOST_KEYS} keys.", hint="Revoke one that is not used.")
        tx.api_keys.add(key)
    return key, token


def list_keys(market: Market, caller: Caller) -> dict[str, Any]:
    """All keys of the account, newest first. Raises Forbidden."""
    caller.require_scope("keys:read")
    with market.store.read() as tx:
        found = tx.api_keys.of(caller.account)
    return {"keys": [show_key(one) for one in reversed(found)]}


def revoke_key(market: Market, caller: Caller, key_id: str) -> ApiKey:
    """From now on it is good for nothing; doing so twice changes nothing. Raises Forbidden, NotFound."""
    caller.require_session()
    with market.store.write() as tx:
        key = next((one for one in tx.api_keys.of(caller.account) if one.id == key_id), None)
        if key is None:
            raise NotFound("key", key_id)
        if key.revoked_at is None:
            tx.api_keys.revoke(key_id, market.clock.now())
        return next(one for one in tx.api_keys.of(caller.account) if one.id == key_id)


def show_key(key: ApiKey) -> dict[str, Any]:
    """Without what it is used by."""
    return {
        "id": key.id,
        "account": key.account,
        "name": key.name,
        "scopes": list(key.scopes),
        "createdAt": key.created_at,
        "expiresAt": key.expires_at,
        "usedAt": key.used_at,
        "revokedAt": key.revoked_at,
    }


def _of_key(market: Market, token: str) -> Caller:
    now = market.clock.now()
    with market.store.read() as tx:
        key = tx.api_keys.with_token(hash_token(token))
    if key is None or not key.is_live(now):
        raise Unauthorized("The token is no session's or key's that is good now.", hint=_HINT)
    if key.used_at is None or now - key.used_at >= USE_SECONDS:
        with market.store.write() as tx:
            tx.api_keys.use(key.id, now)
    return Caller(key.account, key.scopes)
