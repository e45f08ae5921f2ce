"""Pages are shown from a real streaming replica of PostgreSQL, and nobody is shown less than what he knew already."""

import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from marketplace.adapters.store import Database
from marketplace.api.app import build_app
from marketplace.client import MarketClient
from marketplace.domain.views import View
from marketplace.protocol.positions import POSITION
from marketplace.services import show_market
from marketplace.services.readings import read_gauges
from marketplace.services.show_readiness import show_readiness
from marketplace.services.workers import Workers
from tests.fakes.databases import POSTGRES, close_databases, database_at, needs_postgres, open_database
from tests.fakes.http import AppTransport, client_of
from tests.fakes.standby import Standby
from tests.fakes.waiting import wait_for
from tests.fakes.world import DOMAIN, PROVIDER, World

LAG, SHORT = 60.0, 1.0
ASKS = "/api/v1/asks"
END_READERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE state = 'idle in transaction' AND application_name = 'computehive'"
)

pytestmark = [needs_postgres, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def standby():
    with Standby() as made:
        yield made


@pytest.fixture
def lag() -> float:
    return LAG


@pytest.fixture
def world(standby, tmp_path, lag):
    """A market whose process reads pages from the replica."""
    made = World(tmp_path, database=POSTGRES)
    standby.catch_up()
    where = standby.address(database_at(tmp_path, POSTGRES))
    store = open_database(tmp_path, POSTGRES, replicas=[where], lag_seconds=lag)
    made.market = replace(made.market, store=store)
    wait_for(lambda: is_used(made))
    yield made
    close_databases()


@pytest.fixture
def paused(standby):
    standby.pause()
    yield standby
    standby.go_on()
    standby.catch_up()


@pytest.fixture
def api(world):
    with client_of(build_app(world.market, with_workers=False)) as client:
        yield client


def is_used(world) -> bool:
    (state,) = world.market.store.replicas()
    return state.is_used


def sources(world) -> tuple[int, int]:
    """Views of the replica, and of the primary."""
    views = world.market.store.views()
    return views["replica"], views["primary"]


def placed(api, world, **changes):
    ask = world.ask(**changes)
    body = {"ask": ask.to_json(), "signature": ask.sign(DOMAIN, PROVIDER.key), "profile": world.profile().to_json()}
    answer = api.post(ASKS, json=body)
    assert answer.status_code == 201, answer.text
    return answer


def hashes(answer) -> list[str]:
    return [each["askHash"] for each in answer.json()["asks"]]


def said(lines: list[dict]) -> set[str]:
    """Events and reasons of the store's log."""
    return {str(line.get(name)) for line in lines for name in ("event", "detail")}


def stranger(world):
    """Somebody of whom the process knows nothing."""
    return client_of(build_app(world.market, with_workers=False))


def test_pages_come_from_the_replica_and_say_the_same_under_the_same_tag(api, world, standby):
    ask_hash = placed(api, world).json()["askHash"]
    standby.catch_up()
    before = sources(world)
    shown = api.get(ASKS)
    assert hashes(shown) == [ask_hash]
    assert sources(world) == (before[0] + 1, before[1])
    plain = client_of(build_app(replace(world.market, store=open_database(world.folder, POSTGRES)), with_workers=False))
    told = plain.get(ASKS)
    assert (told.content, told.headers["etag"]) == (shown.content, shown.headers["etag"])
    assert POSITION not in told.headers, "without replicas there is nothing to say"
    assert plain.get(ASKS, headers={"If-None-Match": shown.headers["etag"]}).status_code == 304


def test_who_has_written_is_shown_it_though_the_replica_has_it_not_yet(api, world, paused):
    answer = placed(api, world)
    before = sources(world)
    assert hashes(api.get(ASKS)) == [answer.json()["askHash"]]
    assert sources(world) == (before[0], before[1] + 1)


def test_others_may_be_shown_what_was_a_moment_ago_and_who_names_the_position_is_not(api, world, paused):
    answer = placed(api, world)
    with stranger(world) as other:
        assert hashes(other.get(ASKS)) == []
        told = other.get(ASKS, headers={POSITION: answer.headers[POSITION]})
        assert hashes(told) == [answer.json()["askHash"]]
        assert int(told.headers[POSITION]) >= int(answer.headers[POSITION])
        assert hashes(other.get(ASKS)) == hashes(told), "nobody is led back behind what he was shown"


def test_the_client_names_what_it_was_told_to_any_process_of_the_market(api, world, paused):
    with MarketClient("http://market.test", transport=AppTransport(api._transport._inner.app)) as client:
        ask = world.ask()
        client.post_ask(ask, ask.sign(DOMAIN, PROVIDER.key), world.profile().to_json())
        client._transport._http = stranger(world)
        assert len(client.asks()) == 1


def test_a_view_is_said_to_be_at_least_as_new_as_what_it_has(world, paused):
    """Of what the replica has received and does not count as replayed, the next record may be seen already."""
    lsn = "SELECT (pg_last_wal_{0}_lsn() - '0/0'::pg_lsn)::bigint"
    world.offer()
    (replayed,) = paused.run(lsn.format("replay"))[0]
    wait_for(lambda: paused.run(lsn.format("receive"))[0][0] > replayed)
    view = View()
    with world.market.store.viewing(view), world.market.store.look() as tx:
        assert tx.asks.live() == []
    assert (view.is_old, view.shown) == (True, replayed + 1)
    again = View(needs=view.shown)
    with world.market.store.viewing(again), world.market.store.look() as tx:
        assert len(tx.asks.live()) == 1, "a replica that is no further cannot answer"
    paused.go_on()
    paused.catch_up()
    last = View(needs=view.shown)
    with world.market.store.viewing(last), world.market.store.look() as tx:
        assert len(tx.asks.live()) == 1
    assert last.is_old


def test_a_page_goes_on_where_another_one_ended_whoever_shows_either(api, world, standby):
    placed_hashes = [placed(api, world, units=number).json()["askHash"] for number in (1, 2)]
    standby.catch_up()
    first = api.get(ASKS, params={"limit": 1, "live": False})
    standby.pause()
    placed_hashes.append(placed(api, world, units=3).json()["askHash"])
    second = api.get(ASKS, params={"limit": 1, "live": False, "cursor": first.json()["nextCursor"]})
    standby.go_on()
    assert hashes(first) + hashes(second) == placed_hashes[1::-1]


def test_what_the_replica_does_not_know_the_primary_is_asked_for(world, paused):
    job_id = world.submit()
    before = sources(world)
    for known, status in ((job_id, 200), ("0x" + "0" * 64, 404)):
        with stranger(world) as other:
            assert other.get(f"/api/v1/jobs/{known}").status_code == status
    assert sources(world) == (before[0] + 2, before[1] + 2)


@pytest.mark.parametrize("lag", [SHORT])
def test_a_replica_that_is_further_behind_than_the_limit_is_left_out_and_asked_again_later(world, paused):
    world.offer()
    with capture_logs() as lines:
        wait_for(lambda: not is_used(world))
        with stranger(world) as other:
            assert len(hashes(other.get(ASKS))) == 1
        (state,) = world.market.store.replicas()
        assert state.lag_seconds > SHORT
        wait_for(lambda: {"replica left out", "it is too far behind"} <= said(lines))
        paused.go_on()
        wait_for(lambda: is_used(world) and "replica used" in said(lines))


def test_a_replica_that_is_killed_costs_nobody_an_answer_and_is_used_again_once_it_is_back(api, world, standby):
    placed(api, world)
    standby.catch_up()
    assert len(hashes(api.get(ASKS))) == 1
    standby.kill()
    try:
        for _ in range(5):
            assert len(hashes(api.get(ASKS))) == 1
        wait_for(lambda: not is_used(world))
        (state,) = world.market.store.replicas()
        assert state.lag_seconds is None
    finally:
        standby.start()
    wait_for(lambda: is_used(world))
    before = sources(world)
    standby.catch_up()
    assert len(hashes(api.get(ASKS))) == 1
    assert sources(world) == (before[0] + 1, before[1])


def test_a_replica_that_breaks_off_amid_an_answer_is_made_up_for_by_the_primary(api, world, standby, monkeypatch):
    """The server ends the connection between two statements of one page, as at a conflict with its replay."""
    world.offer()
    standby.catch_up()
    count = show_market.count_leased
    ended = []

    def end_once(tx):
        if not ended:
            ended.append(standby.run(END_READERS))
        return count(tx)

    monkeypatch.setattr(show_market, "count_leased", end_once)
    answer = api.get("/api/v1/cluster/status")
    assert ended == [[(True,)]]
    assert (answer.status_code, answer.json()["nodes"]["total"]) == (200, 1)
    wait_for(lambda: is_used(world))


@pytest.mark.timeout(300)
def test_nothing_that_decides_is_read_from_a_replica(world, paused):
    """A job from its offer to its pay, while the replica knows nothing of it."""
    before = sources(world)
    lease_id = world.open_lease()
    world.attest(lease_id)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()
    with world.market.store.read() as tx:
        assert tx.leases.get(lease_id).closing is not None
    assert sources(world) == before


def test_readiness_and_metrics_tell_of_replicas(world, api):
    workers = Workers(world.market)
    workers.start()
    try:
        wait_for(lambda: _is_ready(world, workers))
        (shown,) = show_readiness(world.market, workers)["replicas"]
    finally:
        workers.stop()
    assert (shown["replica"], shown["used"]) == (1, True) and 0 <= shown["lagSeconds"] < LAG
    api.get(ASKS)
    told = {(metric.name, labels): value for metric, labels, value in read_gauges(world.market)}
    assert told["computehive_replica_used", ("1",)] == 1
    assert 0 <= told["computehive_replica_lag_seconds", ("1",)] < LAG
    assert told["computehive_views_total", ("replica",)] >= 1


def _is_ready(world, workers) -> bool:
    try:
        return bool(show_readiness(world.market, workers))
    except Exception:
        return False


def test_a_position_that_is_none_is_refused_by_name(api):
    answer = api.get(ASKS, headers={POSITION: "0/16B3748"})
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed_message")
    assert POSITION in answer.json()["detail"]


def test_a_server_of_another_database_is_never_asked(world, tmp_path_factory):
    """Here the primary itself, which is no replica, and another database of the same server."""
    elsewhere = database_at(tmp_path_factory.mktemp("another"), POSTGRES)
    for where in (database_at(world.folder, POSTGRES), elsewhere):
        store = Database(database_at(world.folder, POSTGRES), replicas=[where], lag_seconds=LAG)
        try:
            time.sleep(1.2)
            assert [one.is_used for one in store.replicas()] == [False]
            with store.viewing(View()), store.look() as tx:
                assert tx.asks.live() == []
            assert store.views() == {"primary": 1}
        finally:
            store.close()
