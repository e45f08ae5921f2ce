"""`hive oracle bond|unbond|withdraw-bond|record`: what is at stake, from when it is free again, and who signed what."""

from types import SimpleNamespace

import pytest

from marketplace.cli import wiring
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder
from marketplace.domain.chain import BlockRef, ClaimsSettled, Committee, EventOrigin, OracleBond
from tests.unit.cli.conftest import ACCOUNT, CONFIG, PROVIDER

NOW = 1_900_000_000
TX = "0x" + "77" * 32


class Chain:
    """An oracle's bond, and a hand that notes what is sent."""

    deployed_at_block = 1

    def __init__(self) -> None:
        self.reader, self.sent, self.bond, self.now = self, [], OracleBond(500_000_000, 0, 0, 0), NOW
        self.members, self.threshold = (PROVIDER, ACCOUNT), 1

    def oracle_bond(self, member):
        assert member == ACCOUNT
        return self.bond

    def head(self):
        return BlockRef(9, "0x9", self.now)

    def committee(self):
        return Committee(1, self.threshold, self.members)

    def committees(self):
        return [Committee(1, 1, (PROVIDER, ACCOUNT))]

    def events(self, first, last):
        return [ClaimsSettled(EventOrigin(7, "0x7", "0x", 0), 1, 0b10, 1_000)]

    def __getattr__(self, name):
        if name not in ("bond_oracle", "unbond_oracle", "withdraw_bond", "resign_committee"):
            raise AttributeError(name)
        return lambda *given: (self.sent.append((name, *given)), SimpleNamespace(tx_hash=TX))[1]


@pytest.fixture
def chain(market, home, monkeypatch):
    KeystoreFolder(home / "keystores").create("default", "pw", key="0x" + "03".zfill(64), scrypt_n=LIGHT_SCRYPT_N)
    monkeypatch.setenv("COMPUTEHIVE_PASSWORD", "pw")
    market.answers[("GET", "/api/v1/config")] = CONFIG
    made = Chain()
    monkeypatch.setattr(wiring, "open_reader", lambda *_, **__: made)
    monkeypatch.setattr(wiring, "open_account", lambda *_, **__: (made, "here"))
    return made


def test_a_bond_is_shown_without_signing_anything(hive, chain, monkeypatch):
    monkeypatch.delenv("COMPUTEHIVE_PASSWORD")
    chain.bond = OracleBond(500_000_000, 20_000_000, NOW, 100_000_000)
    ran = hive("oracle", "bond")
    assert (ran.code, chain.sent) == (0, [])
    assert "bonded 500.000000 USDC, of which a member of the committee keeps 100.000000 USDC" in ran.out
    assert "unbonding 20.000000 USDC, can be collected from 2030-" in ran.out
    assert hive("oracle", "bond", "--json").json == {
        "account": ACCOUNT,
        "unit": "micro-USDC",
        "active": "500000000",
        "kept": "100000000",
        "unbonding": "20000000",
        "withdrawableAt": NOW,
    }


def test_bonding_asks_first_and_bonds_the_wallets_own(hive, chain):
    refused = hive("oracle", "bond", "250")
    assert refused.code != 0 and chain.sent == [], "no terminal to ask at, and no --yes"
    ran = hive("oracle", "bond", "250", "--yes", "--json")
    assert (ran.code, ran.json["transaction"]) == (0, TX)
    assert chain.sent == [("bond_oracle", ACCOUNT, 250_000_000)]


@pytest.mark.parametrize("amount", ["0", "-1", "much"])
@pytest.mark.parametrize("command", ["bond", "unbond"])
def test_only_amounts_above_zero_move(hive, chain, command, amount):
    assert hive("oracle", command, "--yes", "--", amount).code == 2 and chain.sent == []


def test_what_a_member_must_keep_stays_bonded(hive, chain):
    chain.bond = OracleBond(500_000_000, 0, 0, 500_000_000)
    ran = hive("oracle", "unbond", "1", "--yes")
    assert ran.code == 4 and "0.000000 USDC can be taken out now; a member of the committee keeps" in ran.err
    chain.bond = OracleBond(500_000_000, 0, 0, 0)
    assert "has 500.000000 USDC bonded" in hive("oracle", "unbond", "501", "--yes").err
    assert chain.sent == []


@pytest.mark.parametrize(("threshold", "told"), [(1, "the committee goes on"), (2, "no lease is settled by verdict")])
def test_a_member_resigns_and_is_told_what_that_leaves(hive, chain, threshold, told):
    chain.threshold = threshold
    ran = hive("oracle", "resign", "--yes")
    assert ran.code == 0 and told in " ".join(ran.err.split())
    assert chain.sent == [("resign_committee",)]


def test_only_members_resign(hive, chain):
    chain.members = (PROVIDER,)
    ran = hive("oracle", "resign", "--yes")
    assert ran.code == 6 and "no member" in ran.err and chain.sent == []


def test_unbonding_says_that_a_delay_begins_anew(hive, chain):
    assert hive("oracle", "unbond", "10", "--yes").code == 0
    chain.bond = OracleBond(490_000_000, 10_000_000, NOW + 50, 0)
    ran = hive("oracle", "unbond", "5", "--yes")
    assert "10.000000 USDC that are unbonding already begins anew" in ran.err
    assert chain.sent == [("unbond_oracle", 10_000_000), ("unbond_oracle", 5_000_000)]


def test_a_bond_is_withdrawn_when_its_delay_is_over_by_the_chains_time(hive, chain):
    nothing = hive("oracle", "withdraw-bond", "--wallet", "default")
    assert nothing.code == 4 and "hive oracle unbond 10 --wallet default" in nothing.err
    chain.bond = OracleBond(0, 10_000_000, NOW + 1, 0)
    early = hive("oracle", "withdraw-bond")
    assert early.code == 6 and "10.000000 USDC are unbonding and can be collected from" in early.err
    assert chain.sent == []
    chain.now = NOW + 1
    assert hive("oracle", "withdraw-bond").code == 0
    assert chain.sent == [("withdraw_bond",)]


def test_the_record_tells_of_every_member_or_of_one(hive, chain):
    both = hive("oracle", "record", "--json").json
    assert [(one["oracle"], one["signed"], one["absent"]) for one in both] == [(PROVIDER, 0, 1), (ACCOUNT, 1, 0)]
    ran = hive("oracle", "record", ACCOUNT, "--json")
    assert ran.json == [
        {
            "oracle": ACCOUNT,
            "epoch": 1,
            "signed": 1,
            "absent": 0,
            "lastSignedBlock": 7,
            "earned": "200",
            "credited": "0",
        }
    ]
    assert "never" in hive("oracle", "record").out
    assert hive("oracle", "record", "0x" + "00" * 20).code == 5
    assert hive("oracle", "record", "somebody").code == 2
