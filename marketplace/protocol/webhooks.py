"""Standard Webhooks (standardwebhooks.com, version 1.0): how a call to somebody's endpoint says whose it is.

`webhook-id` names the message and stays the same however often it is sent; `webhook-timestamp` is when it was sent;
`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, with the bytes that the secret
`whsec_…` is the base64 of.
"""

import base64
import hmac
from hashlib import sha256

from marketplace.errors import InvalidSignature, MalformedMessage

SECRET_PREFIX = "whsec_"
SECRET_BYTES = 32
"""Of a new secret; the specification asks for 24 to 64."""
TOLERANCE_SECONDS = 300
"""How far a receiver lets the timestamp be from its clock: what is older may be a replay."""


def format_secret(key: bytes) -> str:
    """How a secret is shown to whoever is to verify with it."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def parse_secret(text: str) -> bytes:
    """The bytes to sign with. Raises MalformedMessage, without the secret in it."""
    try:
        return base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError as error:
        raise MalformedMessage("secret", f"is not {SECRET_PREFIX} and base64") from error


def sign_webhook(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, sha256)).decode()


def require_webhook(key: bytes, webhook_id: str, timestamp: int, body: bytes, signatures: str, now: int) -> None:
    """What a receiver checks. Raises InvalidSignature unless one of the signatures is good and the timestamp is near.

    `signatures` are separated by spaces: while a secret is changed there may be two.
    """
    if abs(now - timestamp) > TOLERANCE_SECONDS:
        raise InvalidSignature(f"The webhook was sent at {timestamp}; it is {now}.", timestamp=timestamp, now=now)
    expected = sign_webhook(key, webhook_id, timestamp, body)
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in signatures.split(" ")):
        raise InvalidSignature("The webhook was not signed with this secret.", id=webhook_id)
