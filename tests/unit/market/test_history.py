"""Ids that others keep from before a restore are never given again, nor taken for places in what is there."""

import pytest

from marketplace.adapters.backup import Identity, put_in_place, take_backup, unpack_backup
from marketplace.domain.webhooks import Party, Webhook
from marketplace.errors import MalformedMessage
from marketplace.services.begin_history import begin_history
from marketplace.services.clear_round import run_round
from marketplace.services.deliver_webhooks import spread_news
from marketplace.services.follow_job import job_news
from marketplace.services.follow_market import MarketNews
from marketplace.services.rebuild_alone import rebuild_alone
from tests.fakes.databases import only_sqlite
from tests.fakes.world import DOMAIN, OPERATOR, RENTER

pytestmark = only_sqlite  # what `hive market restore` is for
OURS = Identity(DOMAIN.chain_id, DOMAIN.escrow, OPERATOR.address)
HOOK = Webhook("whk_1", RENTER.address, "https://hooks.example", ("*",), Party.ALL, 1)


def market_news(world, after):
    return MarketNews(world.market, seconds=0).look(after)


def deliveries(world) -> dict[str, str]:
    """What each delivery of the webhook says, by its id."""
    while spread_news(world.market):
        pass
    with world.market.store.read() as tx:
        return {one.id: one.body for one in tx.deliveries.page(HOOK.id, (), None, 100).items}


@pytest.fixture
def lost(world, tmp_path_factory):
    """A market with a webhook, lost after a backup was taken and something happened; what brings the backup back."""
    backup, folder = tmp_path_factory.mktemp("backups") / "today", tmp_path_factory.mktemp("new")
    with world.market.store.write() as tx:
        tx.webhooks.add(HOOK)
    world.offer()
    take_backup(world.folder, backup, OURS, 1)

    def restore(*, begins: bool = True) -> None:
        unpack_backup(backup, folder / "restoring", OURS)
        put_in_place(folder / "restoring", folder)
        world.folder = folder
        world.market = world.restarted()
        if begins:
            begin_history(world.market)

    return world, restore


@pytest.mark.parametrize("begins", [True, False])
def test_a_delivery_after_a_restore_has_the_id_of_none_that_was_sent_before(lost, begins):
    """Without a history of its own it has: a receiver that notes ids would drop what is new to it."""
    world, restore = lost
    world.submit()
    before = deliveries(world)
    restore(begins=begins)
    world.submit(world.bid(max_price=2))
    after = deliveries(world)
    assert before and len(after) == len(before) and set(before.values()).isdisjoint(after.values())
    assert set(before).isdisjoint(after) is begins


def test_who_followed_a_job_before_a_restore_is_told_all_of_it_anew(lost):
    world, restore = lost
    bid = world.bid()
    job = world.submit(bid)
    run_round(world.market)
    seen = job_news(world.market, job, "")
    assert [one.data["event"] for one in seen.news] == ["queued", "matched"]
    restore()
    world.submit(bid)
    told = job_news(world.market, job, seen.after)
    assert [one.data["event"] for one in told.news] == ["queued"]
    assert job_news(world.market, job, told.after).news == ()
    assert job_news(world.market, job, told.news[0].after).news == ()


def test_who_followed_the_market_before_a_restore_begins_anew_and_misses_no_round_silently(lost):
    world, restore = lost
    world.submit()
    run_round(world.market)
    seen = market_news(world, "").after
    restore()
    for _ in range(2):
        world.submit()
        run_round(world.market)
    told = market_news(world, seen)
    assert [one.kind for one in told.news] == ["status"], "as for who comes for the first time"
    world.submit()
    run_round(world.market)
    assert [one.kind for one in market_news(world, told.after).news] == ["round", "status"]


def test_a_place_that_is_none_is_refused_in_any_history(world):
    job = world.submit()
    begin_history(world.market)
    marked = job_news(world.market, job, "").after
    with pytest.raises(MalformedMessage):
        job_news(world.market, job, f"{marked}x")
    with pytest.raises(MalformedMessage):
        market_news(world, marked)


def test_a_rebuild_begins_a_history_as_the_servers_own_tools_may_have_restored_the_database(world):
    job = world.submit()
    seen = job_news(world.market, job, "")
    rebuild_alone(world.market)
    assert [one.data for one in job_news(world.market, job, seen.after).news] == [one.data for one in seen.news]
