"""`hive provider earnings|bids|why` and `hive config`: what a provider is shown."""

import os

import pytest

from marketplace.clearing import Parameters, clear_round, write_transcript
from marketplace.cli import wiring
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder
from marketplace.domain.book import PlacedAsk, PlacedBid
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Ask, Bid
from tests.unit.agent.played_market import OTHER, PROVIDER
from tests.unit.agent.test_income import TimedChain
from tests.unit.agent.test_journal import opened, settled
from tests.unit.clearing.market import ask, bid, profile, snapshot, spec

DOMAIN = Domain(1337, "0x" + "ee" * 20)


def signed_ask(key, price: int) -> PlacedAsk:
    fields = ask(1, price=price).ask.model_dump() | {"provider": key.address, "agent": key.address}
    made = Ask(**fields)
    return PlacedAsk.of(made, made.sign(DOMAIN, key.key), profile(), 10**12)


def signed_bid(salt: int, **fields) -> PlacedBid:
    job = fields.pop("job_spec", spec())
    made = Bid(**bid(salt, job_spec=job, **fields).bid.model_dump() | {"renter": OTHER.address})
    return PlacedBid.of(made, made.sign(DOMAIN, OTHER.key), job)


@pytest.fixture
def rounds(market, home):
    """Round 1: a cheaper node won one bid, the other needs another region. Round 2 is without PROVIDER, the wallet."""
    KeystoreFolder(home / "keystores").create("default", "pw", key=PROVIDER.key.to_0x_hex(), scrypt_n=LIGHT_SCRYPT_N)
    bids = [signed_bid(1), signed_bid(2, job_spec=spec(regions=["us"]))]
    book = snapshot(bids, [signed_ask(PROVIDER, 80_000), signed_ask(OTHER, 50_000)])
    written = write_transcript(clear_round(book), Parameters(), DOMAIN, book.bids[0].bid.market, 1)
    empty = write_transcript(clear_round(snapshot(bids, [])), Parameters(), DOMAIN, book.bids[0].bid.market, 2)
    market.answers[("GET", "/api/v1/rounds")] = {"rounds": [{"number": 2}, {"number": 1}]}
    for number, one in ((1, written), (2, empty)):
        market.answers[("GET", f"/api/v1/rounds/{number}")] = {"digest": one.digest}
        market.answers[("GET", f"/api/v1/rounds/{number}/transcript")] = one.document
    return [one.bid_hash for one in bids]


def test_bids_of_the_newest_rounds_are_told_with_what_became_of_them(hive, rounds):
    found = hive("provider", "bids", "--json").json
    told = {each["bidHash"]: each for each in found["bids"]}
    assert found["rounds"] == 2 and set(told) == set(rounds)
    assert (told[rounds[0]]["fate"], told[rounds[0]]["undercut"]) == ("beaten", "30000")
    assert told[rounds[1]]["fate"] == "unfit"
    shown = hive("provider", "bids").out
    assert "another node was better, by 0.030000" in shown and "region: us needed, eu offered" in shown


def test_bids_that_were_won_can_be_left_out(hive, rounds, home):
    KeystoreFolder(home / "keystores").create("winner", "pw", key=OTHER.key.to_0x_hex(), scrypt_n=LIGHT_SCRYPT_N)
    fates = {each["fate"] for each in hive("provider", "bids", "-w", "winner", "--json").json["bids"]}
    assert fates == {"won", "unfit"}
    left = hive("provider", "bids", "-w", "winner", "--lost", "--json").json["bids"]
    assert {each["fate"] for each in left} == {"unfit"}


def test_why_of_a_round_tells_each_bid_and_of_a_job_its_own(hive, rounds, market):
    assert len(hive("provider", "why", "1", "--json").json["bids"]) == 2
    market.answers[("GET", f"/api/v1/jobs/{rounds[0]}/explain")] = {"round": 1}
    ran = hive("provider", "why", rounds[0])
    assert "would have had to be 0.030000 lower" in ran.out and rounds[1][:10] not in ran.out


def test_why_of_what_no_round_decided_or_no_ask_stood_in_is_not_found(hive, rounds, market):
    assert hive("provider", "why", "2").code == 5
    market.answers[("GET", f"/api/v1/jobs/{rounds[0]}/explain")] = {"round": None}
    assert hive("provider", "why", rounds[0]).code == 5


def test_round_that_the_market_garbles_is_not_explained(hive, rounds, market):
    document = market.answers[("GET", "/api/v1/rounds/1/transcript")]
    document["matches"][0]["price"] = "1"
    assert hive("provider", "bids").code == 10


def test_earnings_come_from_the_chains_events(hive, rounds, monkeypatch):
    chain = TimedChain([opened(1, provider=PROVIDER.address)], [settled(1)])
    monkeypatch.setattr(wiring, "open_reader", lambda market, **where: chain)
    monkeypatch.setattr("marketplace.cli.provider_views.time.time", lambda: 2 * 3_600.0)
    found = hive("provider", "earnings", "--json").json
    assert (found["earned"], found["leases"]["paid"], found["provider"]) == ("950", 1, PROVIDER.address)
    shown = hive("provider", "earnings").out
    assert "0.000950 USDC, after the fee" in shown and "1970-01-01" in shown


# --- hive config ------------------------------------------------------------------------------------------------------


@pytest.fixture
def wallet(home, market):
    KeystoreFolder(home / "keystores").create("default", "pw", key="0x" + "03" * 32, scrypt_n=LIGHT_SCRYPT_N)


@pytest.fixture(autouse=True)
def clean(home):
    """`hive` completes the environment of the daemons: not that of the next test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def settings_of(ran) -> dict[str, tuple]:
    return {each["key"]: (each["value"], each["source"]) for each in ran.json["settings"]}


def test_config_says_of_each_setting_where_it_came_from(hive, home, wallet, monkeypatch):
    file = home / "config.toml"
    file.write_text('rpc_url = "http://users"\n[orchestrator]\naddress_book = "book"\n[limits]\nunits = 2\n')
    monkeypatch.setenv("COMPUTEHIVE_AGENT_REGION", "home")
    found = settings_of(hive("config", "--url", "http://given", "--json"))
    assert found["url"] == ("http://given", "option")
    assert found["region"] == ("home", "environment")
    assert found["units"] == (2, str(file)) and found["address_book"] == ("book", str(file))
    assert found["rpc_url"] == ("http://users", "hive")
    assert found["keystore"][1] == "wallet default"
    assert found["gfuel_rate"] == (20, "default")


def test_file_goes_before_what_hive_knows_and_after_the_environment(hive, home, wallet, monkeypatch):
    (home / "config.toml").write_text('[orchestrator]\nurl = "http://daemons"\n')
    assert settings_of(hive("config", "--json"))["url"][0] == "http://daemons"
    monkeypatch.setenv("COMPUTEHIVE_AGENT_URL", "http://variable")
    assert settings_of(hive("config", "--json"))["url"] == ("http://variable", "environment")


def test_config_of_a_machine_that_is_not_set_up_shows_what_is_missing(hive, home):
    ran = hive("config")
    assert ran.code == 0 and "missing" in ran.out


def test_key_that_is_wrong_ends_the_command_with_its_name(hive, home, wallet):
    (home / "config.toml").write_text("[pricing]\nunits = 2\n")
    ran = hive("config")
    assert ran.code == 12 and "pricing.units" in ran.err and "[limits]" in ran.err


def test_config_file_is_written_once_and_nothing_in_it_changes_anything(hive, home, wallet):
    before = {name: value for name, (value, _) in settings_of(hive("config", "--json")).items()}
    assert hive("config", "--init").code == 0
    assert {name: value for name, (value, _) in settings_of(hive("config", "--json")).items()} == before
    again = hive("config", "--init")
    assert again.code == 6 and "overwritten" in again.err
    assert hive("config", "--init", "--file", str(home / "other.toml")).code == 0
    assert (home / "other.toml").read_text() == (home / "config.toml").read_text()
