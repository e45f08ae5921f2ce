"""What a wallet does to open a session."""

from dataclasses import replace
from typing import Any

import httpx
from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from marketplace.protocol.instants import format_instant
from marketplace.protocol.siwe import SiweMessage
from tests.fakes.world import RENTER, World

API = "/api/v1"
HOOKS = f"{API}/webhooks"


def message_for(api: httpx.Client, world: World, account: str, **changes: Any) -> SiweMessage:
    """A message that signs `account` in, with a fresh nonce of the market."""
    given = api.post(f"{API}/sessions/nonce").json()
    message = SiweMessage(
        domain="localhost:3000",
        address=account,
        uri="http://localhost:3000/",
        chain_id=given["chainId"],
        nonce=given["nonce"],
        issued_at=format_instant(world.chain.time),
        statement="Sign in to the market.",
    )
    return replace(message, **changes)


def sign(message: SiweMessage, signer: LocalAccount) -> dict[str, str]:
    """The body that opens a session."""
    signed = Account.sign_message(encode_defunct(text=message.text()), signer.key)
    return {"message": message.text(), "signature": "0x" + bytes(signed.signature).hex()}


def sign_in(api: httpx.Client, world: World, signer: LocalAccount = RENTER) -> dict[str, str]:
    """Headers of a session."""
    opened = api.post(f"{API}/sessions", json=sign(message_for(api, world, signer.address), signer))
    assert opened.status_code == 201, opened.text
    return bearer(opened.json()["token"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def make_key(api: httpx.Client, session: dict[str, str], *scopes: str, **more: Any) -> dict[str, Any]:
    """A new key, as its owner is told it."""
    made = api.post(f"{API}/keys", json={"name": "test", "scopes": list(scopes)} | more, headers=session)
    assert made.status_code == 201, made.text
    return made.json()


def hook(api, headers, url: str, *events: str, **more) -> dict:
    """A new webhook, as its owner is told it."""
    made = api.post(HOOKS, json={"url": url, "events": list(events or ("*",))} | more, headers=headers)
    assert made.status_code == 201, made.text
    return made.json()


def deliveries(api, headers, made, **query) -> list[dict]:
    """Of a webhook, newest first."""
    return api.get(f"{HOOKS}/{made['id']}/deliveries", params=query, headers=headers).json()["deliveries"]
