"""Sessions and keys."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field, WithJsonSchema

from marketplace.api.bodies import Body, Signature
from marketplace.api.callers import caller_of
from marketplace.api.limits import Limits
from marketplace.domain.access import SCOPES, Caller
from marketplace.protocol.siwe import MAX_CHARACTERS
from marketplace.services.api_keys import create_key, list_keys, revoke_key, show_key
from marketplace.services.market import Market
from marketplace.services.sign_in import end_session, issue_nonce, list_sessions, open_session, show_session

SessionId = Annotated[str, Path(pattern="^(current|ses_[0-9a-f]{24})$", description="Or `current`.")]
KeyId = Annotated[str, Path(pattern="^chk_[0-9a-f]{12}$")]

# Told in the interface's document, from which clients have their types; which are good says the service, with a hint.
Scope = Annotated[str, WithJsonSchema({"type": "string", "enum": list(SCOPES)})]


class SessionBody(Body):
    """An EIP-4361 message and its signature."""

    message: Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)]
    signature: Signature


class KeyBody(Body):
    """What a key is to be for. `expiresAt` is unix seconds; null for a key that stands until it is revoked."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]
    expires_at: Annotated[int, Field(gt=0, lt=2**53)] | None = None


def access_routes(market: Market, limits: Limits) -> APIRouter:
    """Everything under /sessions and /keys."""
    router = APIRouter(prefix="/api/v1", tags=["access"])
    find = caller_of(market, limits)
    Asking = Annotated[Caller, Depends(find)]

    @router.post("/sessions/nonce", operation_id="issue_nonce", summary="A nonce for one message that signs in")
    def nonce() -> dict[str, Any]:
        return issue_nonce(market)

    @router.post("/sessions", status_code=201, operation_id="open_session", summary="Sign in (EIP-4361)")
    def sign_in(body: SessionBody, response: Response) -> dict[str, Any]:
        """The token is told this once; the market keeps its hash alone."""
        response.headers["Cache-Control"] = "no-store"
        opened = open_session(market, body.message, body.signature)
        return show_session(opened.session) | {"token": opened.token}

    @router.get("/sessions", operation_id="list_sessions", summary="One's live sessions, newest first")
    def sessions(caller: Asking) -> dict[str, Any]:
        return list_sessions(market, caller)

    @router.delete("/sessions/{session_id}", operation_id="end_session", summary="End a session of one's own")
    def sign_out(session_id: SessionId, caller: Asking) -> dict[str, Any]:
        return {"ended": end_session(market, caller, None if session_id == "current" else session_id)}

    @router.post("/keys", status_code=201, operation_id="create_api_key", summary="Make a key, in a session")
    def make(body: KeyBody, caller: Asking) -> dict[str, Any]:
        """`key` is told this once; the market keeps its hash alone."""
        key, token = create_key(market, caller, body.name, body.scopes, body.expires_at)
        return show_key(key) | {"key": token}

    @router.get("/keys", operation_id="list_api_keys", summary="One's keys, newest first")
    def keys(caller: Asking) -> dict[str, Any]:
        return list_keys(market, caller)

    @router.delete("/keys/{key_id}", operation_id="revoke_api_key", summary="Revoke a key, in a session")
    def revoke(key_id: KeyId, caller: Asking) -> dict[str, Any]:
        return show_key(revoke_key(market, caller, key_id))

    return router
