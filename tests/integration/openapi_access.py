"""Sessions, keys and webhooks, for the examples of the OpenAPI document."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import count

from marketplace.adapters.courier import HttpCourier
from marketplace.protocol.instants import format_instant
from marketplace.protocol.siwe import SiweMessage
from marketplace.services.deliver_webhooks import spread_news
from tests.fakes.signing_in import API, sign
from tests.fakes.world import RENTER, World
from tests.integration.openapi_recorder import Recorder


def use_access(recorder: Recorder, world: World, place: Callable[[Recorder, World], object]) -> None:
    """All of it, with what is random elsewhere drawn from a count."""
    drawn = count(1)
    world.market = replace(
        world.market,
        courier=HttpCourier(),
        secret=b"of the examples",
        entropy=lambda size: sha256(str(next(drawn)).encode()).digest()[:size],
    )
    recorder.enter(world)
    sign_in(recorder, world)
    recorder.get(f"{API}/sessions")
    key = recorder.post(f"{API}/keys", {"name": "pager", "scopes": ["webhooks:read", "webhooks:write"]})
    lapsing = {"name": "trial", "scopes": ["keys:read"], "expiresAt": world.chain.time + 3600}
    recorder.sign_in(recorder.post(f"{API}/keys", lapsing)["key"])
    recorder.get(f"{API}/keys")
    recorder.sign_in(key["key"])
    use_webhooks(recorder, world, place)
    sign_in(recorder, world)
    recorder.delete(f"{API}/keys/{key['id']}")
    recorder.delete(f"{API}/sessions/current")


def sign_in(recorder: Recorder, world: World) -> None:
    given = recorder.post(f"{API}/sessions/nonce", None)
    message = SiweMessage(
        domain="localhost:3000",
        address=RENTER.address,
        uri="http://localhost:3000/",
        chain_id=given["chainId"],
        nonce=given["nonce"],
        issued_at=format_instant(world.chain.time),
        statement="Sign in to the market.",
    )
    recorder.sign_in(recorder.once(f"{API}/sessions", sign(message, RENTER))["token"])


def use_webhooks(recorder: Recorder, world: World, place: Callable[[Recorder, World], object]) -> None:
    webhook = {"url": "https://hooks.example/computehive", "events": ["job.*", "dispute.opened"], "scope": "renter"}
    path = f"{API}/webhooks/{recorder.post(f'{API}/webhooks', webhook)['id']}"
    place(recorder, world)
    spread_news(world.market)
    recorder.get(f"{API}/webhooks")
    (letter,) = recorder.get(f"{path}/deliveries")["deliveries"]
    with world.market.store.write() as tx:
        tx.deliveries.update(letter["id"], state="dead", attempts=10, status=500)
    recorder.get(f"{path}/deliveries", state="dead", limit="5")
    recorder.post(f"{path}/deliveries/{letter['id']}/redelivery", None)
    recorder.post(f"{path}/secret", None)
    recorder.delete(path)
