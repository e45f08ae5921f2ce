"""`--private`, `--secret`, and keys that go to machines which the chain leased the job to, and to no others."""

from dataclasses import replace

import pytest
from eth_account import Account

from marketplace.cli.granting import Granter
from marketplace.cli.private import MAX_SECRETS, PrivacyOptions, keep_and_grant, key_path, read_secrets, recall_key
from marketplace.client.age import new_identity, recipient_of
from marketplace.client.jobs import PreparedJob
from marketplace.client.private import JobKey, open_grant, seal_job
from marketplace.client.terms import LeaseTerms
from marketplace.domain.accounts import Committee
from marketplace.domain.chain import EventOrigin, LeaseOpened
from marketplace.errors import (
    CannotDecrypt,
    ChainUnavailable,
    InputError,
    InvalidSignature,
    MalformedMessage,
    NotFound,
    SettingsError,
    WaitTimeout,
)
from marketplace.protocol import privacy
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import InputFile, JobSpec, RuntimeProgram
from marketplace.protocol.privacy import KeyOffer
from tests.unit.clearing.market import profile
from tests.unit.client.test_results import ASK, BID, DOMAIN, LEASE

RENTER, PROVIDER, AGENT, STRANGER, ORACLE = (Account.from_key(bytes([n]) * 32) for n in (51, 52, 53, 54, 55))
NODE, JUDGE, SCRIPT = new_identity(), new_identity(), b"print(1)"
DIGEST = sha256_digest(SCRIPT)
PLAIN = PreparedJob(
    JobSpec(
        program=RuntimeProgram(name="python", digest="0x" + "11" * 32, script="s.py"),
        inputs=(InputFile(path="s.py", digest=DIGEST, size=len(SCRIPT)),),
    ),
    {DIGEST: SCRIPT},
)


# --- options ----------------------------------------------------------------------------------------------------------


def test_a_job_that_nobody_asked_to_be_private_stays_as_it_is():
    assert PrivacyOptions().seal(PLAIN, None, 1) == (PLAIN, None)


def test_a_private_job_is_sealed_and_who_else_reads_it_is_said(capfd):
    job, key = PrivacyOptions(private=True).seal(PLAIN, None, 1)
    assert job.spec.privacy == key.privacy and SCRIPT not in job.blobs.values()
    assert "passes the key on to the oracles" in " ".join(capfd.readouterr().err.split())
    PrivacyOptions(private=True).seal(PLAIN, Verification.ACCEPT, 1)
    assert capfd.readouterr().err == ""


def test_a_secret_makes_a_job_private_and_is_refused_where_oracles_would_need_it(monkeypatch):
    monkeypatch.setenv("TOKEN", "hush")
    job, key = PrivacyOptions(secret=["TOKEN"]).seal(PLAIN, Verification.ACCEPT, 1)
    assert (job.spec.privacy.secrets, key.secrets) == (("TOKEN",), {"TOKEN": b"hush"})
    with pytest.raises(InputError, match="--verify accept"):
        PrivacyOptions(secret=["TOKEN"]).seal(PLAIN, None, 1)


def test_secrets_come_from_the_environment_or_a_file_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", "hush")
    (tmp_path / "cert").write_bytes(b"\0\xff\n")
    assert read_secrets(["TOKEN", f"CERT={tmp_path / 'cert'}"]) == {"TOKEN": b"hush", "CERT": b"\0\xff\n"}


@pytest.mark.parametrize("given", [["MISSING_HERE"], ["A=nowhere/at/all"], ["HOME", "HOME"]])
def test_a_secret_that_is_not_there_or_given_twice_is_refused_by_name(given):
    with pytest.raises(InputError, match=f"--secret {given[0].partition('=')[0]}"):
        read_secrets(given)


@pytest.mark.parametrize("name", ["", "../up", "a-b", "A" * 129])
def test_a_secret_that_could_be_no_file_is_refused(name):
    with pytest.raises(InputError, match="no name of a secret"):
        read_secrets([f"{name}=x"])


def test_more_secrets_than_a_job_may_have_are_refused(tmp_path):
    (tmp_path / "x").write_text("")
    names = [f"S{number}={tmp_path / 'x'}" for number in range(MAX_SECRETS + 1)]
    assert len(read_secrets(names[1:])) == MAX_SECRETS == privacy.MAX_SECRETS
    with pytest.raises(InputError, match="65 secrets"):
        read_secrets(names)


# --- keys that are kept -----------------------------------------------------------------------------------------------


def test_a_key_that_is_not_here_is_said_with_where_it_belongs(home):
    job, key = PrivacyOptions(private=True).seal(PLAIN, Verification.ACCEPT, 1)
    assert recall_key(PLAIN.spec) is None
    with pytest.raises(CannotDecrypt, match="its key is not here") as caught:
        recall_key(job.spec)
    assert key_path(key.recipient).name in caught.value.hint


def test_the_key_is_on_disk_for_its_owner_alone_before_anything_is_placed(home, market):
    from marketplace.cli.context import find_market

    market.answers[("GET", "/api/v1/config")] = {"chainId": 1, "contracts": {}, "market": ASK.market}
    job, key = PrivacyOptions(private=True).seal(PLAIN, Verification.ACCEPT, 1)
    where = find_market(None)
    assert keep_and_grant(where, where.client(), RENTER, None) is None
    with pytest.raises((SettingsError, MalformedMessage, KeyError)):
        keep_and_grant(where, where.client(), RENTER, key)  # this market names no node of the chain
    assert recall_key(job.spec) == key and key_path(key.recipient).stat().st_mode & 0o777 == 0o600


# --- grants -----------------------------------------------------------------------------------------------------------


class Chain:
    """One lease, opened in block 7."""

    domain = DOMAIN

    def __init__(self, job_id: str, provider: str) -> None:
        self.event = LeaseOpened(
            origin=EventOrigin(7, "0x1", "0x2", 0), lease_id=LEASE, market=ASK.market, renter=RENTER.address,
            provider=provider, bid_hash=job_id, price=1, fee_bps=0, deadline=1, salt=1, group=0, place=0,
            round_digest="0x" + "00" * 32,
        )  # fmt: skip
        self.away = False

    def events(self, first, last):
        if self.away:
            raise ChainUnavailable("away")
        return [self.event] if first == last == 7 else []

    def committee(self):
        return Committee(1, 1, (ORACLE.address,))

    def is_agent(self, provider, agent):
        return False

    def has_code(self, account):
        return False


class Market:
    """Tells of one lease as a test wants it told."""

    def __init__(self, terms: LeaseTerms) -> None:
        self.keys = []
        self.terms, self.given, self.leases = terms, [], [{"leaseId": LEASE, "openedBlock": 7, "outcome": None}]

    def lease_terms(self, lease_id):
        return self.terms

    def oracle_keys(self):
        return self.keys

    def announce(self, oracle, recipient):
        offer = KeyOffer(oracle=oracle.address, recipient=recipient, sandbox_digest="0x" + "5b" * 32, offered_at=1)
        self.keys.append({"offer": offer.to_json(), "signature": offer.sign(DOMAIN, oracle.key)})

    def job(self, job_id):
        return {"jobId": job_id, "state": "running", "leases": self.leases}

    def post_grant(self, grant, signature, ciphertext):
        assert grant.recover(DOMAIN, signature) == RENTER.address
        self.given.append((grant, ciphertext))


KEY = JobKey.new()
SPEC = seal_job(PLAIN, KEY).spec
NODE_PROFILE = profile(recipient=recipient_of(NODE))


def terms_with(signer=PROVIDER, node=NODE_PROFILE, **changes) -> LeaseTerms:
    bid = BID.model_copy(update={"renter": RENTER.address, "job_digest": SPEC.digest()})
    fields = {"provider": PROVIDER.address, "agent": AGENT.address, "profile_digest": NODE_PROFILE.digest()} | changes
    ask = ASK.model_copy(update=fields)
    return LeaseTerms(bid, "0x", ask, ask.sign(DOMAIN, signer.key), 1, SPEC, profile=node)


def granter_for(terms: LeaseTerms, provider: str = PROVIDER.address) -> tuple[Granter, Market, Chain, dict]:
    market, job_id = Market(terms), terms.bid.struct_hash()
    chain = Chain(job_id, provider)
    return Granter(market, chain, RENTER, KEY), market, chain, market.job(job_id)


def test_the_key_goes_to_the_leased_machine_once():
    granter, market, _, job = granter_for(terms_with())
    assert [granter.grant(job), granter.grant(job)] == [1, 1]
    ((grant, ciphertext),) = market.given
    assert grant.holder == AGENT.address
    assert open_grant(grant, ciphertext, NODE, KEY.privacy).identity == KEY.identity


def test_the_key_goes_to_the_committee_too_where_it_runs_the_job_again_and_to_no_other_oracle():
    """A node that lied would not pass it on."""
    granter, market, _, job = granter_for(terms_with())
    market.announce(ORACLE, recipient_of(JUDGE))
    market.announce(STRANGER, recipient_of(NODE))
    granter.grant(job)
    (_, (grant, ciphertext)) = market.given
    assert grant.holder == ORACLE.address
    assert open_grant(grant, ciphertext, JUDGE, KEY.privacy) == KEY


def test_oracles_get_no_key_of_a_job_that_they_do_not_run():
    terms = terms_with()
    granter, market, _, _ = granter_for(replace(terms, bid=terms.bid.model_copy(update={"verification": 2})))
    market.announce(ORACLE, recipient_of(JUDGE))
    job_id = market.terms.bid.struct_hash()
    granter.grant(market.job(job_id))
    assert [grant.holder for grant, _ in market.given] == [AGENT.address]


STRANGE_NODE = profile(recipient=recipient_of(new_identity()))


@pytest.mark.parametrize(
    ("terms", "error", "named"),
    [
        (terms_with(node=STRANGE_NODE), MalformedMessage, r"LeaseTerms\.profile"),
        (
            terms_with(node=STRANGE_NODE, profile_digest=STRANGE_NODE.digest(), signer=STRANGER),
            InvalidSignature,
            "The Ask",
        ),
        (terms_with(provider=STRANGER.address, signer=STRANGER), MalformedMessage, r"LeaseTerms\.ask"),
        (terms_with(signer=AGENT), InvalidSignature, "not signed"),
        (terms_with(node=profile(), profile_digest=profile().digest()), MalformedMessage, "runs no private jobs"),
        (replace(terms_with(), job_spec=PLAIN.spec), MalformedMessage, r"LeaseTerms\.jobSpec"),
    ],
)
def test_a_market_that_names_another_machine_than_the_chain_gets_no_key(terms, error, named):
    granter, market, _, job = granter_for(terms)
    with pytest.raises(error, match=named):
        granter(job)
    assert market.given == []


def test_a_lease_of_another_job_gets_no_key():
    granter, market, chain, job = granter_for(terms_with())
    chain.event = replace(chain.event, bid_hash="0x" + "00" * 32)
    with pytest.raises(MalformedMessage, match=r"LeaseTerms\.bid"):
        granter(job)
    chain.event = replace(chain.event, lease_id="0x" + "01" * 32)
    with pytest.raises(NotFound):
        granter.grant(job)
    assert market.given == []


def test_what_is_away_for_a_moment_is_tried_again():
    granter, market, chain, job = granter_for(terms_with())
    chain.away = True
    granter(job)
    chain.away = False
    granter(job)
    assert len(market.given) == 1


def test_a_closed_lease_needs_no_key_any_more():
    granter, market, _, job = granter_for(terms_with())
    market.leases[0]["outcome"] = "failed"
    assert granter.grant(job) == 0 and market.given == []


def test_who_does_not_wait_for_the_job_waits_until_its_machine_has_the_key():
    granter, market, _, job = granter_for(terms_with())
    granter.wait(job["jobId"], 1, timeout=0)
    assert len(market.given) == 1
    granter, market, chain, job = granter_for(terms_with())
    chain.away = True
    with pytest.raises(WaitTimeout):
        granter.wait(job["jobId"], 1, timeout=0)
    market.leases.clear()
    with pytest.raises(WaitTimeout, match="nobody has its key") as caught:
        granter.wait(job["jobId"], 1, timeout=0)
    assert "hive grant" in caught.value.hint


def test_grant_of_a_job_that_is_not_private_is_refused(hive, market, home):
    market.answers[("GET", f"/api/v1/jobs/{LEASE}/status")] = {
        "jobId": LEASE, "state": "running", "leases": [], "jobSpec": PLAIN.spec.to_json(),
    }  # fmt: skip
    ran = hive("grant", LEASE)
    assert ran.code == 6 and "not private" in ran.err
