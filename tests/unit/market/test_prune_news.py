"""What retention leaves of news that nobody was told of yet, and of keys that open nothing any more."""

from dataclasses import replace

import pytest

from marketplace.domain.access import ApiKey
from marketplace.domain.retention import DAY, UNTOLD_DAYS, Retention
from marketplace.domain.webhooks import Party, Webhook
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Cancel
from marketplace.services.cancel_order import cancel_order
from marketplace.services.deliver_webhooks import spread_news
from marketplace.services.prune import plan_prune, prune_all
from tests.fakes.databases import BOTH
from tests.fakes.world import DOMAIN, RENTER, World
from tests.unit.market.test_prune import EVERYTHING, age, keeping

HOOK = Webhook("whk_1", RENTER.address, "https://hooks.example", ("*",), Party.ALL, 1)
KEEPS = {"matched": replace(EVERYTHING, orders_days=0), "unmatched": replace(EVERYTHING, events_days=0)}
"""Which setting a job's timeline goes by."""


@pytest.fixture(params=BOTH)
def world(request, tmp_path):
    return World(tmp_path, database=request.param)


def cancelled(world) -> str:
    """A job of long ago, not the renter's last."""
    job = world.submit()
    world.submit()
    cancel = Cancel(signer=RENTER.address, kind=int(CancelKind.BIDS_BEFORE), salt=world.salts[RENTER.address] + 1)
    cancel_order(world.market, cancel, cancel.sign(DOMAIN, RENTER.key))
    return job


def told(world, job: str) -> set[str]:
    """Types of what the webhook is to be told of the job."""
    while spread_news(world.market):
        pass
    with world.market.store.read() as tx:
        return {one.type for one in tx.deliveries.page(HOOK.id, (), None, 100).items if job in one.body}


def timeline(world, job: str) -> list:
    with world.market.store.read() as tx:
        return tx.timeline.of(job)


@pytest.mark.parametrize("kept_by", KEEPS)
def test_what_webhooks_were_not_told_stays_until_they_are(world, kept_by):
    with world.market.store.write() as tx:
        tx.webhooks.add(HOOK)
    job = cancelled(world)
    age(world, {"matched": 20, "unmatched": 50}[kept_by])
    keeping(world, KEEPS[kept_by])
    prune_all(world.market)
    assert told(world, job) == {"job.queued", "job.cancelled"}
    prune_all(world.market)
    assert timeline(world, job) == []


@pytest.mark.parametrize("kept_by", KEEPS)
def test_what_nobody_spreads_does_not_stay_for_ever(world, kept_by):
    with world.market.store.write() as tx:
        tx.webhooks.add(HOOK)
    job = cancelled(world)
    keeping(world, KEEPS[kept_by])
    age(world, 30 + UNTOLD_DAYS + 2)
    prune_all(world.market)
    assert timeline(world, job) == [] and told(world, job) == set()


def test_without_a_webhook_nothing_waits(world):
    job = cancelled(world)
    keeping(world, KEEPS["matched"])
    age(world, 2)
    prune_all(world.market)
    assert timeline(world, job) == []


def test_keys_that_were_revoked_or_have_expired_are_forgotten_after_their_days_and_no_others(world):
    now = world.chain.time
    ends = {"live": (None, None), "expired": (now, None), "revoked": (None, now), "later": (now + 40 * DAY, None)}
    with world.market.store.write() as tx:
        for name, (expires_at, revoked_at) in ends.items():
            key = ApiKey(f"chk_{name}", RENTER.address, name, name, ("keys:read",), now, expires_at)
            tx.api_keys.add(replace(key, revoked_at=revoked_at))
    keeping(world, Retention())
    age(world, 29)
    assert "keys" not in prune_all(world.market).rows
    age(world, 2)
    assert plan_prune(world.market).rows["keys"] == 2
    assert prune_all(world.market).rows["keys"] == 2
    with world.market.store.read() as tx:
        assert {one.name for one in tx.api_keys.of(RENTER.address)} == {"live", "later"}
