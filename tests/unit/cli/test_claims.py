"""What the parties do on chain by themselves, with the market's help and without it."""

from types import SimpleNamespace

import pytest

from marketplace.cli import wiring
from marketplace.client.groups import group_json
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder
from marketplace.domain.chain import BlockRef, ClaimView, EventOrigin, LeaseOpened, RenterAccount
from marketplace.errors import ServiceUnavailable
from marketplace.protocol.enums import CancelKind, ClaimState
from marketplace.protocol.packing import LeaseGroup, LeaseTerms
from tests.unit.cli.conftest import CONFIG, PROVIDER
from tests.unit.client.test_results import AGENT, RENTER, TERMS, Market, attestation

NOW = 1_900_000_000
JOB = TERMS.bid.struct_hash()
TERM = LeaseTerms(JOB, RENTER, AGENT.address, TERMS.price, 500, NOW + 100, 2)
GROUP = LeaseGroup(PROVIDER, 5, (LeaseTerms("0x" + "b2" * 32, RENTER, AGENT.address, 7, 500, NOW, 1), TERM))
LEASE = GROUP.lease_ids()[1]


class Chain:
    """The contracts' views, and a hand that notes what is sent."""

    deployed_at_block = 1
    address = RENTER

    def __init__(self) -> None:
        self.reader, self.sent, self.now, self.is_there, self.free = self, [], NOW, True, 10**6
        self.view, self.credits = ClaimView(ClaimState.NONE, 0, 0, 0), {}

    def claim_until(self, until: int, state: ClaimState = ClaimState.CLAIMED, pay: int = 1_005) -> None:
        self.view, self.is_there = ClaimView(state, pay, until, 0), False

    def head(self):
        return BlockRef(9, "0x9", self.now)

    def events(self, first, last):
        at = EventOrigin(3, "0x3", "0x", 0)
        fields = (LEASE, PROVIDER, RENTER, AGENT.address, JOB, TERMS.price, 500, NOW + 100, 2, 5, 1, "0x")
        return [LeaseOpened(at, *fields)]

    def find_group(self, lease_id):
        return (GROUP, 1) if lease_id == LEASE else None

    def is_open(self, group, place):
        assert (group, place) == (GROUP, 1)
        return self.is_there

    def renter_account(self, renter):
        return RenterAccount(self.free, 0, 0)

    def balance(self, account):
        return SimpleNamespace(free=self.free)

    def oracle_credits(self):
        return self.credits

    def credit_oracle_fees(self):
        return [self.note("credit")]

    def note(self, *call):
        self.sent.append(call)
        return SimpleNamespace(tx_hash="0x" + "77" * 32)

    def claim(self, *given):
        return self.view if len(given) == 1 else self.note("claim", *given[:3], given[4])

    def __getattr__(self, name):
        if name not in ("accept", "refund", "release", "dispute", "expire_dispute", "set_agent", "cancel"):
            raise AttributeError(name)
        return lambda *given: self.note(name, *given)


@pytest.fixture(params=[True, False], ids=["market there", "market away"])
def chain(request, market, home, monkeypatch):
    KeystoreFolder(home / "keystores").create("default", "pw", key="0x" + "03" * 32, scrypt_n=LIGHT_SCRYPT_N)
    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "pw")
    made = Chain()
    monkeypatch.setattr(wiring, "open_reader", lambda *_, **__: made)
    monkeypatch.setattr(wiring, "open_account", lambda *_, **__: (made, "here"))
    lease = {"leaseId": LEASE, "group": group_json(GROUP, 1), "outcome": None}
    market.answers |= {
        ("GET", "/api/v1/config"): CONFIG | {"market": PROVIDER},
        ("GET", f"/api/v1/jobs/{JOB}/status"): {"jobId": JOB, "state": "running", "leases": [lease]},
        ("GET", f"/api/v1/leases/{LEASE}"): lease,
    }
    if not request.param:
        market.answers = {key: ServiceUnavailable("away") for key in market.answers}
    return made


def names(chain) -> list[str]:
    return [call[0] for call in chain.sent]


def test_an_overdue_lease_is_refunded_on_chain(hive, chain):
    early = hive("refund", JOB, "--on-chain")
    assert early.code == 6 and "nothing that is overdue" in early.err and "The first is due after" in early.err
    chain.now = NOW + 101
    ran = hive("refund", JOB, "--on-chain", "--json")
    assert ran.code == 0 and ran.json["transactions"] == ["0x" + "77" * 32]
    assert chain.sent == [("refund", [(GROUP, (1,))])]


def test_a_dispute_that_nobody_decides_is_ended_by_refund(hive, chain):
    chain.claim_until(NOW + 5, ClaimState.DISPUTED)
    assert hive("refund", JOB, "--on-chain").code == 6
    chain.now = NOW + 6
    assert hive("refund", JOB, "--on-chain").code == 0
    assert chain.sent[0][0] == "expire_dispute" and chain.sent[0][1].lease_id == LEASE


def test_a_refund_of_what_is_claimed_says_what_can_be_done(hive, chain):
    chain.claim_until(NOW + 5)
    ran = hive("refund", JOB, "--on-chain")
    assert ran.code == 6 and "hive dispute" in ran.err and chain.sent == []


def test_a_claim_is_disputed_with_a_tenth_at_stake_rounded_up(hive, chain):
    chain.claim_until(NOW + 5)
    ran = hive("dispute", JOB, "--yes", "--json")
    assert (ran.code, ran.json["bond"]) == (0, "101")
    assert names(chain) == ["dispute"] and chain.sent[0][1].terms.price == TERMS.price


@pytest.mark.parametrize(("field", "value", "code"), [("now", NOW + 6, 6), ("free", 100, 4)])
def test_a_dispute_too_late_or_without_its_bond_is_refused(hive, chain, field, value, code):
    chain.claim_until(NOW + 5)
    setattr(chain, field, value)
    assert hive("dispute", JOB, "--yes").code == code and chain.sent == []


def test_nothing_is_disputed_that_is_not_claimed(hive, chain):
    assert hive("dispute", JOB, "--yes").code == 6


def test_a_claim_is_released_after_its_window_or_by_its_renter(hive, chain):
    assert hive("provider", "release", LEASE).code == 6
    chain.claim_until(NOW + 5)
    assert hive("provider", "release", LEASE, "--json").json["pay"] == "1005", "this wallet is the renter's"
    chain.now, chain.address = NOW + 6, PROVIDER
    assert hive("provider", "release", LEASE).code == 0
    assert names(chain) == ["release", "release"]


def test_a_claim_asks_for_what_the_attested_usage_comes_to(hive, market, chain):
    if isinstance(market.answers[("GET", "/api/v1/config")], ServiceUnavailable):
        market.answers[("GET", f"/api/v1/leases/{LEASE}/terms")] = ServiceUnavailable("away")
        assert hive("provider", "claim", LEASE, "--yes").code == 9, "the market has the evidence"
        return
    assert hive("provider", "claim", LEASE, "--yes").code == 5, "there is no evidence yet"
    market.answers |= {
        ("GET", f"/api/v1/leases/{LEASE}/terms"): TERMS.to_json(),
        ("GET", f"/api/v1/leases/{LEASE}/attestation"): Market(attestation(lease_id=LEASE)).document,
    }
    assert hive("provider", "claim", LEASE, "--yes").code == 0
    assert hive("provider", "claim", LEASE, "--pay", "0.005", "--yes").code == 0
    assert chain.sent == [("claim", GROUP, 1, pay, AGENT.address) for pay in (3_102, 5_000)]
    chain.claim_until(NOW + 5)
    again = hive("provider", "claim", LEASE, "--yes")
    assert again.code == 6 and "claimed already" in again.err
    assert hive("provider", "claim", "0x12", "--yes").code == 2


def test_oracles_collect_their_share_and_are_told_where_there_is_none(hive, chain):
    assert "nothing to collect" in hive("oracle", "collect").err
    chain.credits = {RENTER: 12}
    assert hive("oracle", "collect", "--json").json["collected"] == "12"


def test_agents_are_added_with_consent_and_removed_without(hive, chain):
    assert hive("provider", "agent", "add", PROVIDER).code == 12
    assert hive("provider", "agent", "add", PROVIDER, "--yes").code == 0
    assert hive("provider", "agent", "remove", PROVIDER).code == 0
    assert chain.sent == [("set_agent", PROVIDER, True), ("set_agent", PROVIDER, False)]


def test_a_bid_is_cancelled_on_chain_by_its_salt(hive, home, chain):
    from marketplace.cli.known import remember_job

    remember_job(JOB, TERMS.bid.to_json(), "http://market.test")
    assert hive("cancel", JOB, "--on-chain").code == 0
    assert chain.sent == [("cancel", CancelKind.BID, TERMS.bid.salt)]
