"""What the market counts about itself, and how it is asked."""

import re
import socket
import urllib.request

import pytest

from marketplace.api.app import build_app
from marketplace.bootstrap import observe
from marketplace.domain.outbox import OutboxKind
from marketplace.errors import InsufficientFunds, SettingsError
from marketplace.protocol.enums import Verification
from marketplace.protocol.messages import Receipt
from marketplace.protocol.tracing import trace_id_of
from marketplace.services.clear_round import run_round
from marketplace.services.follow_chain import follow_chain
from marketplace.services.outbox import process_outbox
from marketplace.services.place_order import SignedBid, place_bids
from marketplace.services.readings import read_gauges
from marketplace.services.record_evidence import record_receipt
from marketplace.settings import MarketSettings
from marketplace.telemetry.logs import JOB_NAMES, JobNames
from marketplace.telemetry.market_metrics import (
    BOOK,
    CERTIFICATE,
    CLOSED,
    FOLLOWED,
    HEAD,
    LEASES,
    MARKET_METRICS,
    NODES,
    ORDERS,
    OUTBOX,
    OUTBOX_AGE,
    REORGS,
    REPLACED,
    ROUND_BIDS,
    ROUND_MATCHES,
    ROUND_SECONDS,
    ROUNDS,
    SETTLEMENT_SECONDS,
    SURPLUS,
    VERDICTS,
)
from marketplace.telemetry.metrics import Kind, Meter, MetricsServer
from tests.fakes.databases import BOTH
from tests.fakes.world import DOMAIN, RENTER, USDC, World


@pytest.fixture
def meter(world) -> Meter:
    return world.market.instruments.meter


def readings(world) -> dict:
    return {(metric, labels): value for metric, labels, value in read_gauges(world.market)}


def pay(world, lease_id: str) -> None:
    world.attest(lease_id)
    world.chain.mine(4)
    world.judge(lease_id)
    world.sign_batches()
    world.drain()


def test_orders_are_counted_by_kind_and_by_what_became_of_them(world, meter):
    bid = world.bid()
    world.submit(bid)
    world.submit(bid)
    world.offer()
    world.chain.state.free[RENTER.address] = 0
    with pytest.raises(InsufficientFunds):
        world.submit()
    assert meter.value(ORDERS, kind="bid", code="accepted") == 1
    assert meter.value(ORDERS, kind="bid", code="repeated") == 1
    assert meter.value(ORDERS, kind="bid", code="insufficient_funds") == 1
    assert meter.value(ORDERS, kind="ask", code="accepted") == 1


def test_of_many_bids_in_one_request_each_is_counted_by_itself(world, meter):
    bids = [world.bid(), world.bid(max_price=1000 * USDC), world.bid()]
    job_spec = world.job_spec()
    orders = [SignedBid(bid, bid.sign(DOMAIN, RENTER.key), job_spec) for bid in (*bids, bids[0])]
    outcomes = place_bids(world.market, orders)
    assert [isinstance(one, InsufficientFunds) for one in outcomes] == [False, True, False, False]
    assert meter.value(ORDERS, kind="bid", code="accepted") == 2
    assert meter.value(ORDERS, kind="bid", code="insufficient_funds") == 1
    assert meter.value(ORDERS, kind="bid", code="repeated") == 1


def test_a_round_is_counted_with_what_it_matched_and_proved(world, meter):
    world.offer()
    world.submit()
    world.submit()
    record = run_round(world.market)
    assert meter.value(ROUNDS, result="matched") == 1 and meter.value(ROUND_SECONDS) == 1
    assert meter.value(ROUND_BIDS) == 2 and meter.value(ROUND_MATCHES) == record.summary["matches"]
    assert meter.value(SURPLUS) == int(record.summary["surplus"]) / USDC > 0
    assert meter.value(CERTIFICATE) == pytest.approx(int(record.summary["surplus"]) / int(record.summary["bound"]))


@pytest.mark.parametrize("kind", BOTH)
def test_book_leases_and_outbox_are_read_when_they_are_asked_for(tmp_path, kind):
    world = World(tmp_path, database=kind)
    world.offer()
    world.submit()
    assert readings(world)[BOOK, ("bid",)] == 1 and readings(world)[BOOK, ("ask",)] == 1
    assert readings(world)[NODES, ("alive",)] == 1 and readings(world)[OUTBOX_AGE, ()] == 0
    run_round(world.market)
    world.chain.mine(9)
    assert readings(world)[OUTBOX, ("intent",)] == 1 and readings(world)[OUTBOX_AGE, ()] == 9
    world.drain()
    now = readings(world)
    assert now[LEASES, ("running",)] == 1 and now[OUTBOX_AGE, ()] == 0 and now[BOOK, ("bid",)] == 0
    world.chain.mine(world.rules.node_silence_seconds + 1)
    assert readings(world)[NODES, ("silent",)] == 1


def test_a_transaction_that_is_planned_for_later_is_not_late(world):
    with world.market.store.write() as tx:
        tx.outbox.add(OutboxKind.OPEN, {"opensAt": world.chain.time + 500}, world.chain.time)
    world.chain.mine(100)
    assert readings(world)[OUTBOX_AGE, ()] == 0


def test_settlements_are_counted_and_timed_from_the_attestation(world, meter):
    lease_id = world.open_lease()
    at = world.chain.time
    pay(world, lease_id)
    assert meter.value(CLOSED, outcome="paid", reason="verdict") == 1
    assert meter.value(VERDICTS, outcome="paid") == 2
    assert meter.value(SETTLEMENT_SECONDS) == 1
    waited = meter.registry.get_sample_value("computehive_settlement_seconds_sum")
    assert 4 <= waited <= world.chain.time - at


def test_how_long_a_renter_thinks_is_not_the_markets_settlement(world, meter):
    world.offer()
    job_id = world.submit(world.bid(verification=int(Verification.ACCEPT)))
    run_round(world.market)
    world.drain()
    lease_id = world.lease_of(job_id)
    attestation = world.attest(lease_id)
    with world.market.store.read() as tx:
        price = tx.leases.get(lease_id).price
    receipt = Receipt(lease_id=lease_id, pay=price, result_digest=attestation.result_digest)
    record_receipt(world.market, lease_id, receipt, receipt.sign(DOMAIN, RENTER.key))
    world.drain()
    assert meter.value(CLOSED, outcome="paid", reason="receipt") == 1 and meter.value(SETTLEMENT_SECONDS) == 0


def test_the_chains_head_and_the_depth_of_reorganisations_are_told(world, meter):
    world.open_lease()
    assert meter.value(HEAD) == meter.value(FOLLOWED) == world.chain.head().number
    world.chain.reorganise(2, keep_transactions=True)
    follow_chain(world.market)
    assert meter.value(REORGS) == 1
    assert meter.registry.get_sample_value("computehive_reorganisation_blocks_sum") == 2


def test_a_market_that_starts_with_nothing_new_to_follow_is_not_behind(world):
    world.open_lease()
    market = world.restarted()
    assert not follow_chain(market)
    assert market.instruments.meter.value(FOLLOWED) == market.instruments.meter.value(HEAD) > 0


def test_a_transaction_that_is_sent_for_more_is_counted(world, meter):
    world.offer()
    world.submit()
    run_round(world.market)
    process_outbox(world.market)  # signed
    with world.market.store.read() as tx:
        (item,) = tx.outbox.unfinished()
    world.chain.base_fee += 1
    process_outbox(world.market)
    assert meter.value(REPLACED, reason="fee") == 1
    with world.market.store.read() as tx:
        assert tx.outbox.get(item.id).replaced == (item.tx_hash,)


def test_a_lease_is_known_by_its_job_in_the_log(world):
    lease_id = world.open_lease()
    job_id = JOB_NAMES.job_of(lease_id)
    assert world.lease_of(job_id) == lease_id
    line = JOB_NAMES(None, "warning", {"event": "oracle failed", "lease": lease_id})
    assert line == {
        "event": "oracle failed", "lease_id": lease_id, "job_id": job_id, "trace_id": trace_id_of(job_id),
    }  # fmt: skip


# --- how it is asked ---


@pytest.fixture
def served(meter):
    server = MetricsServer(meter, "127.0.0.1", 0)
    yield server
    server.close()


def scrape(server: MetricsServer) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        return answer.read().decode()


def test_metrics_are_served_on_a_port_of_their_own(world, meter, served):
    meter.look_up(lambda: read_gauges(world.market))
    world.offer()
    text = scrape(served)
    assert 'computehive_orders_total{code="accepted",kind="ask"} 1.0' in text
    assert 'computehive_book_orders{kind="ask"} 1.0' in text
    assert set(re.findall(r"^# TYPE (\w+) ", text, re.M)) >= {one.name for one in MARKET_METRICS}


def test_a_market_is_observed_as_its_settings_say(world, tmp_path, monkeypatch):
    lease_id, market = world.open_lease(), world.restarted()
    streams = build_app(market, with_workers=False).state.streams
    files = {"address_book": tmp_path / "book", "operator_keystore": tmp_path / "key"}
    names = JobNames()
    monkeypatch.setattr("marketplace.bootstrap.JOB_NAMES", names)
    with observe(market, MarketSettings(**files, metrics_port=0), streams) as told:
        with urllib.request.urlopen(f"http://{told['metrics']}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        assert 'computehive_leases{stage="running"} 1.0' in text and "computehive_streams_open 0.0" in text
        assert "computehive_build_info{version=" in text
    assert world.lease_of(names.job_of(lease_id)) == lease_id, "leases of before this start are known"
    with observe(world.restarted(), MarketSettings(**files)) as told:
        assert told == {}, "nothing is served unless a port is set"


def test_what_cannot_be_read_is_missing_and_the_rest_is_there(meter, served):
    def broken():
        raise OSError("no database")

    meter.look_up(broken)
    meter.count(ORDERS, kind="bid", code="accepted")
    text = scrape(served)
    assert "computehive_book_orders{" not in text and "computehive_orders_total{" in text


def test_a_port_that_is_taken_is_named(meter):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}"):
            MetricsServer(meter, "127.0.0.1", port)


def test_names_follow_prometheus():
    for metric in MARKET_METRICS:
        assert re.fullmatch(r"computehive_[a-z_]+[a-z]", metric.name)
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name
        assert not {"job", "lease", "account", "address", "id"} & set(metric.labels)
