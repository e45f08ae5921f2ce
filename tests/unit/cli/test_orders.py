"""What a renter can still say about a placed job, what is refused before anything is signed, and why."""

import time
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from marketplace.cli import agent_settings, operators, wiring
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder, create_keystore
from marketplace.domain.chain import BlockRef
from marketplace.domain.ledger import Comparison
from marketplace.errors import ConflictError, ServiceUnavailable, WrongSigner
from marketplace.protocol.enums import ExitKind
from tests.unit.client.test_results import DOMAIN, FILES, LEASE, TERMS, Market, attestation

JOB = "0x" + "ab" * 32


@pytest.fixture
def placed(market, home, monkeypatch):
    """A call that puts one job of this wallet into a state, its run ended in a way; answers go into `market`."""
    KeystoreFolder(home / "keystores").create("default", "pw", key="0x" + "03" * 32, scrypt_n=LIGHT_SCRYPT_N)
    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "pw")

    def place(state: str, **attested) -> None:
        one = Market(attestation(**attested))
        outcome = "paid" if state == "paid" else None
        lease = {"leaseId": LEASE, "resultDigest": attestation().result_digest, "outcome": outcome}
        job = {"jobId": JOB, "state": state, "bid": TERMS.bid.to_json() | {"deadline": "1800000000"}}
        market.answers |= {
            ("GET", "/api/v1/config"): {"chainId": DOMAIN.chain_id, "contracts": {"Escrow": DOMAIN.escrow}},
            ("GET", f"/api/v1/jobs/{JOB}/status"): job | {"leases": [lease], "timeline": []},
            ("GET", f"/api/v1/leases/{LEASE}/terms"): TERMS.to_json(),
            ("GET", f"/api/v1/leases/{LEASE}/attestation"): one.document,
            ("POST", f"/api/v1/leases/{LEASE}/receipt"): {"ok": True},
        }

    return place


def test_accepting_says_what_is_paid_and_what_use_would_come_to(hive, market, placed):
    placed("verifying")
    ran = hive("accept", JOB, "--yes")
    assert ran.code == 0 and "all that is locked, 0.006202 USDC" in ran.err
    assert "The oracles would make it 0.003102 USDC" in " ".join(ran.err.split())
    receipt = market.bodies[market.asked.index(("POST", f"/api/v1/leases/{LEASE}/receipt"))]["receipt"]
    assert int(receipt["pay"]) == TERMS.price


def test_a_run_that_did_not_come_to_its_end_is_not_paid_by_mistake(hive, market, placed):
    placed("verifying", exit_kind=ExitKind.OUT_OF_FUEL)
    ran = hive("accept", JOB, "--yes")
    assert ran.code == 6 and "did not come to its end (out of fuel)" in ran.err and "oracles" in ran.err
    assert ("POST", f"/api/v1/leases/{LEASE}/receipt") not in market.asked


@pytest.mark.parametrize("verb", ["accept", "refund"])
def test_what_is_over_leaves_nothing_to_say(hive, placed, verb):
    placed("paid")
    ran = hive(verb, JOB, "--yes") if verb == "accept" else hive(verb, JOB)
    assert ran.code == 6 and f"is paid already: there is nothing left to {verb}" in ran.err


def test_a_refund_before_the_deadline_names_the_deadline(hive, market, placed):
    placed("running")
    market.answers[("POST", f"/api/v1/jobs/{JOB}/refund")] = ConflictError(
        "There is no open lease past its deadline.", hint="The earliest deadline is 1800000000."
    )
    ran = hive("refund", JOB)
    assert ran.code == 6 and "Its deadline is 2027-01-15" in ran.err


def test_an_empty_log_is_not_silence(hive, market, placed):
    placed("paid")
    for digest, data in Market().blobs.items():
        market.answers[("GET", f"/api/v1/blobs/{digest}")] = data
    ran = hive("logs", JOB, "--stderr")
    assert (ran.code, ran.out) == (0, "") and "wrote nothing to standard error" in ran.err
    assert hive("logs", JOB).out.encode() == FILES["log/stdout"]


def unbonding(until: float):
    stake = SimpleNamespace(available=40, active=40, locked=0, unbonding=10_000_000, withdrawable_at=int(until))
    return lambda *_, **__: SimpleNamespace(stake=lambda address: stake)


def test_stake_that_is_not_due_yet_says_when(hive, market, placed, monkeypatch):
    monkeypatch.setattr(wiring, "open_reader", unbonding(time.time() + 1_000))
    ran = hive("provider", "unstake", "--yes", "--wallet", "default")
    assert ran.code == 6 and "10.000000 USDC are unbonding and can be collected from" in ran.err
    assert "hive provider unstake --wallet default" in ran.err


def test_more_stake_than_there_is_names_no_leases_where_there_are_none(hive, market, placed, monkeypatch):
    monkeypatch.setattr(wiring, "open_reader", unbonding(0))
    ran = hive("provider", "unstake", "100", "--yes")
    assert ran.code == 4 and "when its leases close" not in ran.err


def test_what_is_no_address_is_not_called_an_amount(hive, market, placed, monkeypatch):
    monkeypatch.setattr(wiring, "open_reader", unbonding(0))
    ran = hive("balance", "0x12")
    assert ran.code == 2 and "'0x12' is not an address" in ran.err and "amount" not in ran.err


class OneAnswer:
    """A client whose every question has the same answer."""

    def __init__(self, answer) -> None:
        self.answer = answer

    def __call__(self, url, timeout):
        return nullcontext(self)

    def health(self):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def claims(self, address):
        return self.health()


@pytest.fixture
def wallet(tmp_path):
    return create_keystore(tmp_path / "mine.json", "pw", scrypt_n=LIGHT_SCRYPT_N).path


def test_an_oracle_that_is_no_member_is_told_at_once(wallet, monkeypatch):
    monkeypatch.setattr("marketplace.client.MarketClient", OneAnswer(WrongSigner("no member")))
    with pytest.raises(WrongSigner) as caught:
        agent_settings.require_member("http://market", wallet)
    assert "oracle-1" in caught.value.hint


@pytest.mark.parametrize("answer", [ServiceUnavailable("away"), []])
def test_an_oracle_starts_where_it_is_a_member_or_the_market_is_away(wallet, monkeypatch, answer):
    monkeypatch.setattr("marketplace.client.MarketClient", OneAnswer(answer))
    agent_settings.require_member("http://market", wallet)


def test_a_database_is_not_rebuilt_beside_a_running_service(monkeypatch):
    monkeypatch.setattr("marketplace.client.MarketClient", OneAnswer({"status": "ok"}))
    with pytest.raises(ConflictError, match="answers at"):
        agent_settings.require_stopped("http://127.0.0.1:8080")
    monkeypatch.setattr("marketplace.client.MarketClient", OneAnswer(ServiceUnavailable("away")))
    agent_settings.require_stopped("http://127.0.0.1:8080")


def test_a_market_without_a_database_is_not_rebuilt_into_an_empty_one(hive, monkeypatch, tmp_path):
    for name in ("ADDRESS_BOOK", "OPERATOR_KEYSTORE", "DATA_DIR"):
        monkeypatch.setenv(f"COMPUTEHIVE_MARKET_{name}", str(tmp_path / name))
    ran = hive("market", "rebuild")
    assert ran.code == 5 and "No market's database in" in ran.err


def found(at: BlockRef | None, *differences: str) -> Comparison:
    return Comparison(at, 3, differences)


def test_a_database_that_says_what_the_chain_says_is_said_to_be_equal(capsys):
    operators.tell_comparison(found(BlockRef(9, "0x" + "11" * 32, 1)), " in data")
    assert "Equal: the database in data says of 3 leases what the chain says up to block 9." in capsys.readouterr().err


@pytest.mark.parametrize("at", [None, BlockRef(9, "0x" + "11" * 32, 1)])
def test_a_database_that_says_something_else_is_an_error_with_every_difference(capsys, at):
    with pytest.raises(ConflictError, match="not what the chain says") as caught:
        operators.tell_comparison(found(at, "lease 1: price", "lease 2: closing"), " in data")
    said = capsys.readouterr().err
    assert "lease 1: price" in said and "lease 2: closing" in said
    assert caught.value.values == {"differences": 2}
