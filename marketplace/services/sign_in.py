"""Sessions: a wallet signs an EIP-4361 message once, and a token stands for it until the session ends.

A nonce is not stored until it is used: it says itself until when it is good, under the market's own seal. So nobody
fills the database by asking for nonces, and any process of a market knows those of the others.
"""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from marketplace.domain.access import (
    CLOCK_SKEW_SECONDS,
    MOST_SESSIONS,
    NONCE_SECONDS,
    SESSION_PREFIX,
    SESSION_SECONDS,
    Caller,
    Session,
    hash_token,
    is_own_domain,
)
from marketplace.errors import InvalidSignature, MalformedMessage, NotFound, Unauthorized
from marketplace.protocol.instants import parse_instant
from marketplace.protocol.siwe import SiweMessage
from marketplace.services.market import Market


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session and its token, which is told this once."""

    session: Session
    token: str


def issue_nonce(market: Market) -> dict[str, Any]:
    """A nonce for one message, until when it is good, and what else the message has to say."""
    expires_at = market.clock.now() + NONCE_SECONDS
    body = f"{expires_at:010x}{market.entropy(11).hex()}"
    return {
        "nonce": body + _seal(market, body),
        "expiresAt": expires_at,
        "chainId": market.chain.domain.chain_id,
        "domains": list(market.rules.sign_in_domains),
    }


def open_session(market: Market, text: str, signature: str) -> Opened:
    """Sign in by a message and its signature, of a key or an ERC-1271 account.

    Raises MalformedMessage for what is no EIP-4361 message or is for another market, chain or time, Unauthorized for a
    nonce that is not good, InvalidSignature, ChainUnavailable.
    """
    message, now = SiweMessage.parse(text), market.clock.now()
    _require_ours(market, message)
    ends_at = _require_time(message, now)
    _require_nonce(market, message.nonce, now)
    _require_signature(market, message, signature)
    token = SESSION_PREFIX + market.entropy(32).hex()
    session = Session(
        id="ses_" + market.entropy(12).hex(),
        account=message.address,
        token_hash=hash_token(token),
        nonce=message.nonce,
        created_at=now,
        expires_at=min(ends_at, now + SESSION_SECONDS),
    )
    with market.store.write() as tx:
        if tx.sessions.is_used(message.nonce):
            raise Unauthorized("The nonce was used already.", hint="Ask for another: POST /api/v1/sessions/nonce.")
        tx.sessions.forget(now - NONCE_SECONDS)  # those before have nonces that are over as well
        live = [one for one in tx.sessions.of(message.address) if one.is_live(now)]
        for oldest in live[: max(0, len(live) + 1 - MOST_SESSIONS)]:
            tx.sessions.end(oldest.id, now)
        tx.sessions.add(session)
    return Opened(session, token)


def end_session(market: Market, caller: Caller, session_id: str | None = None) -> str:
    """End the caller's own session, or another of its account; its id. Raises Forbidden, NotFound."""
    caller.require_session()
    wanted, now = session_id or caller.session_id, market.clock.now()
    with market.store.write() as tx:
        found = next((one for one in tx.sessions.of(caller.account) if one.id == wanted), None)
        if found is None:
            raise NotFound("session", wanted)
        if found.is_live(now):
            tx.sessions.end(wanted, now)
    return wanted


def list_sessions(market: Market, caller: Caller) -> dict[str, Any]:
    """The live sessions of the caller's account, newest first. Raises Forbidden."""
    caller.require_scope("sessions:read")
    now = market.clock.now()
    with market.store.read() as tx:
        found = [one for one in tx.sessions.of(caller.account) if one.is_live(now)]
    return {"sessions": [show_session(one) | {"current": one.id == caller.session_id} for one in reversed(found)]}


def show_session(session: Session) -> dict[str, Any]:
    """Without its token, which nobody has but its owner."""
    return {
        "id": session.id,
        "account": session.account,
        "createdAt": session.created_at,
        "expiresAt": session.expires_at,
    }


def _require_ours(market: Market, message: SiweMessage) -> None:
    allowed = market.rules.sign_in_domains
    for name, found in (("domain", message.domain), ("URI", message.uri_authority)):
        if not is_own_domain(found, allowed):
            raise MalformedMessage(f"message.{name}", f"{found!r} is none of {', '.join(allowed) or 'nobody'}")
    if message.chain_id != market.chain.domain.chain_id:
        raise MalformedMessage("message.Chain ID", f"is {message.chain_id}; here it is {market.chain.domain.chain_id}")


def _require_time(message: SiweMessage, now: int) -> int:
    """Until when the message itself is good."""
    if parse_instant(message.issued_at) > now + CLOCK_SKEW_SECONDS:
        raise MalformedMessage("message.Issued At", f"{message.issued_at} lies ahead; set the clock right")
    if message.not_before is not None and now < parse_instant(message.not_before):
        raise MalformedMessage("message.Not Before", f"{message.not_before} is not yet")
    if message.expiration_time is None:
        return now + SESSION_SECONDS
    ends_at = parse_instant(message.expiration_time)
    if ends_at <= now:
        raise MalformedMessage("message.Expiration Time", f"{message.expiration_time} has passed")
    return ends_at


def _require_nonce(market: Market, nonce: str, now: int) -> None:
    body, seal = nonce[:32], nonce[32:]
    if not hmac.compare_digest(seal, _seal(market, body)):
        raise Unauthorized("The nonce is not this market's.", hint="Ask for one: POST /api/v1/sessions/nonce.")
    if int(body[:10], 16) <= now:
        raise Unauthorized("The nonce is too old.", hint="Ask for another: POST /api/v1/sessions/nonce.")


def _require_signature(market: Market, message: SiweMessage, signature: str) -> None:
    try:
        recovered = message.recover(signature)
        wrong = InvalidSignature(
            f"The message was not signed by {message.address}: the signature recovers {recovered}.",
            hint="Sign exactly this text with that account: personal_sign (EIP-191).",
            expected=message.address,
            recovered=recovered,
        )
        if recovered == message.address:
            return
    except InvalidSignature as error:
        wrong = error
    if not market.chain.has_code(message.address):
        raise wrong
    if not market.chain.is_valid_contract_signature(message.address, message.digest(), signature):
        raise InvalidSignature(
            f"The account contract {message.address} does not accept this signature of the message.",
            hint="Its isValidSignature (ERC-1271) must return 0x1626ba7e for the message's EIP-191 digest.",
            expected=message.address,
        )


def _seal(market: Market, body: str) -> str:
    return hmac.digest(market.secret, f"nonce {body}".encode(), sha256).hex()[:32]
