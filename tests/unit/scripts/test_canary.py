"""What plants and opens canaries: the file of salts, the run that shows the lie, and the lazy oracle to be caught."""

import stat
from dataclasses import replace

import pytest

from agent.canary import falsify
from agent.journal import Journal
from agent.sandbox import sandbox_digest
from agent.work import Execution
from marketplace.client.keystore import LIGHT_SCRYPT_N, KeystoreFolder
from marketplace.client.transport import MOST_BYTES
from marketplace.errors import ConflictError, InputError, InvalidSignature, ServiceUnavailable
from marketplace.protocol.canaries import CanaryOpening
from marketplace.protocol.enums import ExitKind, Outcome
from scripts.canary import opening, placing
from scripts.canary.guesser import Guesser
from scripts.canary.opening import open_planted, run_again
from scripts.canary.salts import add_salt, read_salts
from tests.unit.agent.played_market import AGENT, DOMAIN, ORACLE, PROVIDER, PlayedChain, PlayedMarket
from tests.unit.agent.test_oracle import claim
from tests.unit.agent.test_work import FILES, attest, lease_terms, runner

SALT, LEASE = "0x" + "5a" * 32, "0x" + "11" * 32


class Market(PlayedMarket):
    """One that also keeps a job's bytes, and takes canaries."""

    def __init__(self, terms):
        super().__init__(terms)
        self.opened = []

    def get_blob(self, digest, size=MOST_BYTES):
        return FILES[digest]

    def domain(self):
        return DOMAIN

    def open_canary(self, opening, signature):
        self.opened.append((opening, signature))
        return [ORACLE.address]


@pytest.fixture
def terms():
    given = lease_terms()
    ask = given.ask.model_copy(update={"provider": PROVIDER.address, "agent": AGENT.address})
    return replace(given, ask=ask, ask_signature=ask.sign(DOMAIN, PROVIDER.key))


@pytest.fixture
def market(terms):
    return Market(terms)


def evidence(market, execution: Execution, key=AGENT.key, **changes) -> None:
    """What the market has of the lease's provider."""
    values = {"job_digest": market.terms.job_spec.digest(), "sandbox_digest": sandbox_digest()} | changes
    attestation = attest(execution, **values)
    market.evidence = {
        "attestation": attestation.to_json(),
        "signature": attestation.sign(DOMAIN, key),
        "manifest": execution.manifest.to_json(),
    }


def test_a_salt_is_written_down_for_its_owner_alone_and_is_never_the_same(tmp_path):
    path = tmp_path / "salts"
    assert read_salts(path) == []
    written = [add_salt(path), add_salt(path)]
    assert read_salts(path) == written and len(set(written)) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("line", ["", "0x12", "5a" * 32, "0x" + "zz" * 32])
def test_a_line_that_is_no_salt_is_named(tmp_path, line):
    path = tmp_path / "salts"
    path.write_text(f"{SALT}\n{line}\n")
    with pytest.raises(InputError, match="line 2"):
        read_salts(path)


def test_the_opening_says_what_the_job_really_gives_over_the_operators_signature(market, terms):
    true = runner()(terms)
    evidence(market, falsify(true))
    assert open_planted(market, LEASE, SALT, PROVIDER.key) == [ORACLE.address]
    ((said, signature),) = market.opened
    assert said == CanaryOpening(lease_id=LEASE, salt=SALT, result_digest=true.result_digest)
    assert said.recover(DOMAIN, signature) == PROVIDER.address


def test_an_honest_result_is_not_opened_as_a_canary(market, terms):
    evidence(market, runner()(terms))
    with pytest.raises(ConflictError, match="no lie"):
        run_again(market, LEASE, SALT, DOMAIN)


def test_a_result_of_another_sandbox_is_not_opened_as_a_canary(market, terms):
    evidence(market, falsify(runner()(terms)), sandbox_digest="0x" + "00" * 32)
    with pytest.raises(ConflictError, match="another sandbox"):
        run_again(market, LEASE, SALT, DOMAIN)


def test_a_lie_about_an_end_that_nobody_can_repeat_is_no_canary(market, terms):
    evidence(market, replace(falsify(runner()(terms)), exit_kind=ExitKind.TIMEOUT))
    with pytest.raises(ConflictError, match="no lie"):
        run_again(market, LEASE, SALT, DOMAIN)


def test_evidence_that_the_agent_did_not_sign_opens_nothing(market, terms):
    evidence(market, falsify(runner()(terms)), key=ORACLE.key)
    with pytest.raises(InvalidSignature):
        run_again(market, LEASE, SALT, DOMAIN)


@pytest.fixture
def given(tmp_path) -> list[str]:
    """A keystore with its password, and a market that is away."""
    wallet = KeystoreFolder(tmp_path).create("operator", "secret", scrypt_n=LIGHT_SCRYPT_N)
    password = tmp_path / "password"
    password.write_text("secret\n")
    return ["--url", "http://127.0.0.1:9", "--keystore", str(wallet.path), "--password-file", str(password)]


def test_opening_says_when_the_market_is_away(given, capsys):
    assert opening.main([LEASE, SALT, *given]) == ServiceUnavailable.exit_code
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_placing_says_when_the_market_is_away_and_the_salt_is_written_before(given, tmp_path, capsys):
    salts = tmp_path / "salts"
    command = ["job.py", str(salts), "--agent", AGENT.address, "--max-price", "0.5", *given]
    assert placing.main(command) == ServiceUnavailable.exit_code
    assert "127.0.0.1:9" in capsys.readouterr().err
    assert len(read_salts(salts)) == 1


@pytest.mark.parametrize(("agent", "price", "named"), [("0x12", "1", "0x12"), (AGENT.address, "much", "much")])
def test_placing_refuses_what_is_no_address_or_no_amount_and_writes_no_salt(
    given, tmp_path, capsys, agent, price, named
):
    salts = tmp_path / "salts"
    code = placing.main(["job.py", str(salts), "--agent", agent, "--max-price", price, *given])
    assert code == InputError.exit_code
    assert named in capsys.readouterr().err
    assert not salts.exists()


def test_the_lazy_oracle_seals_that_a_lie_is_paid_and_runs_nothing(market, terms, tmp_path):
    def never(*_):
        raise AssertionError("ran a job")

    oracle = Guesser(
        client=market, chain=PlayedChain(), domain=DOMAIN, account=ORACLE, runner=never, journal=Journal(tmp_path / "j")
    )
    false = falsify(runner()(terms))
    attestation = attest(false, job_digest=terms.job_spec.digest(), sandbox_digest=sandbox_digest())
    claim(market, oracle, terms, attestation)
    market.evidence["manifest"] = false.manifest.to_json()
    oracle.judge_claims()
    oracle.reveal_verdicts()
    (verdict,) = market.verdicts
    assert (verdict.outcome, verdict.result_digest) == (Outcome.PAID, false.result_digest)
