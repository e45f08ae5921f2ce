"""What the bench of the service says is what it measured, and what it sends is what a market takes."""

import json
import sqlite3

import pytest

from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.store import Database
from marketplace.api.bodies import AskBody, HeartbeatBody, JobBody
from marketplace.bootstrap import SystemClock
from marketplace.domain.jobs import JobState
from marketplace.domain.orders import SignOfLife
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.messages import require_signed_by
from marketplace.services.market import Market
from marketplace.services.place_order import place_ask, place_bid
from scripts.bench.service import __main__ as bench
from scripts.bench.service.crew import pay_of
from scripts.bench.service.heartbeats import fill
from scripts.bench.service.latency import PAGE, Watch, _note_newest
from scripts.bench.service.load import Load, percentile, sum_of
from scripts.bench.service.memory import build_chain
from scripts.bench.service.orders import AT_ONCE, send_for
from scripts.bench.service.people import BLOBS, Signers, key_of
from scripts.bench.service.recovery import multiply
from scripts.bench.service.scale import SMALL, Scale
from scripts.bench.service.soak import growth
from tests.fakes.chain import FakeSender
from tests.fakes.databases import close_databases, only_sqlite, open_database
from tests.fakes.world import DOMAIN

OPERATOR = key_of("operator", 0).address
SIGNERS = Signers(DOMAIN, OPERATOR, renters=3, providers=2)


@pytest.fixture
def market(tmp_path):
    chain = build_chain(renters=3, providers=2)
    blobs = FolderBlobs(tmp_path / "blobs", 1_000)
    for data in BLOBS:
        blobs.put(sha256_digest(data), data)
    yield Market(open_database(tmp_path), chain, FakeSender(chain, OPERATOR), blobs, SystemClock())
    close_databases()


def place(market, request):
    body = JobBody.model_validate(json.loads(request.body))
    return place_bid(market, body.bid, body.signature, body.job_spec)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_the_value_that_so_many_are_not_above(share, value):
    assert percentile(list(range(100, 0, -1)), share) == value


def test_nothing_has_no_percentile():
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_a_market_takes_every_bid_and_ask_of_the_bench_once(market):
    bids = SIGNERS.bids(7, [0, 0, 0])
    assert [place(market, bid).is_new for bid in bids] == [True] * 7
    assert [place(market, bid).is_new for bid in bids] == [False] * 7
    for number in range(2):
        body = AskBody.model_validate(json.loads(SIGNERS.ask(number).body))
        assert place_ask(market, body.ask, body.signature, body.profile).is_new


def test_a_heartbeat_is_signed_by_its_node():
    body = HeartbeatBody.model_validate(json.loads(SIGNERS.heartbeat(key_of("node", 5), 1_800_000_000).body))
    require_signed_by(body.heartbeat, key_of("node", 5).address, DOMAIN, body.signature)


def test_what_agents_attest_is_worth_something_and_no_more_than_the_price():
    assert 0 < pay_of(400) < 400


def test_a_job_without_a_lease_is_no_latency_and_is_counted_as_missing():
    watch = Watch(sent={"a": 1.0, "b": 1.0}, seen={"a": 1.5})
    assert watch.milliseconds() == [500.0] and watch.missing() == 1


class Leases:
    """A market with so many leases, the newest first, a page of which is what one question gets."""

    def __init__(self, count: int) -> None:
        self.ids, self.asked = [f"job {number}" for number in range(count, 0, -1)], []

    def get(self, path: str) -> dict:
        self.asked.append(path)
        first = int(path.partition("cursor=")[2] or 0)
        following = first + PAGE if first + PAGE < len(self.ids) else None
        return {"leases": [{"jobId": one} for one in self.ids[first : first + PAGE]], "nextCursor": following}


def test_of_many_leases_that_open_together_none_is_missed_and_known_ones_are_not_asked_for_again():
    watch, market = Watch(), Leases(2 * PAGE + 10)
    _note_newest(market, watch)
    assert watch.seen.keys() == set(market.ids) and len(market.asked) == 3
    _note_newest(market, watch)
    assert len(market.asked) == 4


def test_growth_leaves_out_what_warming_up_takes():
    assert growth([10.0] * 10 + [100.0] * 30) == 0
    assert growth([10.0] * 10 + [100.0] * 20 + [104.0] * 10) == 4
    with pytest.raises(ValueError, match="too few"):
        growth([1.0] * 9)


@only_sqlite
def test_stored_orders_have_ended_and_leave_live_ones_alone(market, tmp_path):
    first = place(market, SIGNERS.bids(1, [0, 0, 0])[0])
    multiply(tmp_path / "market.db", 50)
    with market.store.read() as tx:
        assert [one.bid_hash for one in tx.bids.live()] == [first.order_hash]
        assert tx.bids.count_by_state() == {JobState.QUEUED: 1, JobState.PAID: 50}
    events = sqlite3.connect(tmp_path / "market.db").execute("SELECT count(DISTINCT bid_hash) FROM timeline").fetchone()
    assert events == (51,)


def test_parts_are_chosen_by_name_and_unknown_ones_refused(capsys):
    assert bench.choose([]) == (bench.PARTS, Scale(), bench.OUTPUT)
    parts, scale, output = bench.choose(["--part", "soak,orders", "--small", "--minutes", "2"])
    assert parts == ("soak", "orders") and scale.orders == SMALL.orders and scale.soak_minutes == 2
    assert output != bench.OUTPUT, "a small run overwrites no figure of record"
    with pytest.raises(SystemExit) as ended:
        bench.choose(["--part", "order"])
    assert ended.value.code == 2 and "there is no part 'order'" in capsys.readouterr().err


def test_parts_that_were_not_run_keep_their_figures(tmp_path):
    bench.keep(tmp_path / "service.json", {"one": 1.0, "two": 2.0})
    bench.keep(tmp_path / "service.json", {"two": 3.00049})
    assert json.loads((tmp_path / "service.json").read_text())["figures"] == {"one": 1.0, "two": 3.0}


def test_measures_of_one_after_the_other_are_added_up_and_shared_by_requests():
    whole = sum_of([Load(10, 2.0, (0.1,), 1.0), Load(30, 3.0, (0.2, 0.3), 3.0)])
    assert whole == Load(40, 5.0, (0.1, 0.2, 0.3), 4.0)
    assert (whole.per_second, whole.processor_ms) == (8.0, 100.0)


def test_orders_are_sent_until_their_time_is_over_and_no_longer():
    class Slow:
        def send_all(self, requests, connections):
            return Load(len(requests), 2.0, (0.1,) * len(requests), 1.0)

    bids = SIGNERS.bids(5, [0, 0, 0]) * 200
    assert send_for(Slow(), bids, 4.0).count == 2 * AT_ONCE
    assert send_for(Slow(), bids, 1_000).count == len(bids)


@only_sqlite
def test_nodes_that_were_filled_in_are_heard_as_those_of_real_asks(market, tmp_path):
    class Filled:
        signers = SIGNERS

    where = tmp_path / "filled.db"
    Database(where).close()
    fill(Filled, where, 3)
    store = Database(where)
    with store.write() as tx:
        assert tx.asks.hear([SignOfLife(key_of("node", 2).address, 7)]) == {key_of("node", 2).address: 7}
        assert len(tx.asks.live()) == 3
    store.close()
