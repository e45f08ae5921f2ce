"""`--attested FILE`: the measurements that a renter trusts, as a file says them."""

import json
from pathlib import Path

import pytest

from marketplace.cli.trust import TrustOptions
from marketplace.client.jobs import build_bid, prepare_job
from marketplace.errors import InputError, InvalidJobSpec
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import Requirements
from marketplace.protocol.metering import Resources
from tests.unit.protocol.test_evidence import ENCLAVE, GUEST

RESOURCES = Resources(gpus=0, vcpus=1, memory_mb=256, seconds=60, fuel=10**9, egress_mb=1)
MARKET = "0x" + "aa" * 20


@pytest.fixture
def program(tmp_path) -> Path:
    file = tmp_path / "job.py"
    file.write_text("print(1)")
    return file


def options(folder: Path, text: str) -> TrustOptions:
    file = folder / "trust.json"
    file.write_text(text)
    return TrustOptions(file)


def prepared(program, folder, **changes):
    tee = options(folder, json.dumps({"allowed": [GUEST, ENCLAVE]})).to_trust()
    return prepare_job(program, runtimes={"python": "0x" + "ab" * 32}, tee=tee, **changes)


def test_a_file_of_measurements_makes_an_attested_job_on_nodes_that_have_them(program, tmp_path):
    job = prepared(program, tmp_path)
    assert job.spec.requirements.tees == ("sgx", "tdx") and job.spec.tee.tcb_statuses == ("UpToDate",)
    bid = build_bid(job, renter=MARKET, market=MARKET, resources=RESOURCES, max_price=1, salt=1)
    assert bid.verification == Verification.ATTESTED


def test_what_the_renter_requires_itself_is_left_alone(program, tmp_path):
    job = prepared(program, tmp_path, requirements=Requirements(tees=("tdx",), zones=("a",)))
    assert job.spec.requirements == Requirements(tees=("tdx",), zones=("a",))


def test_without_the_option_the_job_is_run_again(program):
    assert TrustOptions().to_trust() is None
    job = prepare_job(program, runtimes={"python": "0x" + "ab" * 32})
    bid = build_bid(job, renter=MARKET, market=MARKET, resources=RESOURCES, max_price=1, salt=1)
    assert job.spec.tee is None and bid.verification == Verification.REEXECUTE


@pytest.mark.parametrize(
    ("text", "error", "problem"),
    [
        ("{", InputError, "no JSON"),
        ("[]", InvalidJobSpec, r"JobSpec\.tee: "),
        ("{}", InvalidJobSpec, r"JobSpec\.tee\.allowed: Field required"),
        (json.dumps({"allowed": [GUEST | {"mrtd": "0x00"}]}), InvalidJobSpec, r"JobSpec\.tee\.allowed\.0\.tdx\.mrtd"),
    ],
)
def test_a_file_with_a_fault_is_refused_by_what_is_wrong_with_it(tmp_path, text, error, problem):
    with pytest.raises(error, match=problem):
        options(tmp_path, text).to_trust()


def test_a_file_that_is_not_there_is_told_by_name(tmp_path):
    with pytest.raises(InputError, match=r"none\.json cannot be read \(No such file"):
        TrustOptions(tmp_path / "none.json").to_trust()


# --- --audit-rate ---


@pytest.mark.parametrize(("text", "ppm"), [("0.5", 500_000), ("0.75", 750_000), ("1", 1_000_000), ("0.6001", 600_100)])
def test_a_rate_of_audits_is_part_of_the_job_that_is_signed(program, text, ppm):
    job = prepare_job(program, runtimes={"python": "0x" + "ab" * 32}, audit=TrustOptions(audit_rate=text).to_audit())
    assert job.spec.audit.rate_ppm == ppm and job.spec.to_json()["audit"] == {"ratePpm": ppm}


def test_without_a_rate_every_job_is_run():
    assert TrustOptions().to_audit() is None


@pytest.mark.parametrize(
    ("text", "error", "problem"),
    [
        ("0.49", InvalidJobSpec, "490000 is below 500000 .50%.: a lie that is caught costs one price"),
        ("0", InvalidJobSpec, "lying would pay"),
        ("1.1", InvalidJobSpec, "more than every job"),
        ("-1", InputError, "is no number"),
        ("half", InputError, "is no number"),
        ("nan", InputError, "is no number"),
        ("inf", InputError, "is no number"),
        ("1e999999", InputError, "is no number"),
        ("0.5000001", InputError, "six decimals at most"),
    ],
)
def test_a_rate_that_is_none_or_at_which_lying_would_pay_is_refused_by_what_is_wrong_with_it(text, error, problem):
    with pytest.raises(error, match=problem):
        TrustOptions(audit_rate=text).to_audit()
