"""A result is believed as far as it can be checked, and bills are recomputed."""

from dataclasses import replace

import pytest
from eth_account import Account

from marketplace.client.bills import compute_bill, require_same
from marketplace.client.results import download_result, fetch_result, read_log, safe_path
from marketplace.client.terms import LeaseTerms
from marketplace.client.transport import MOST_BYTES
from marketplace.errors import (
    ClearingError,
    DigestMismatch,
    InvalidManifest,
    InvalidSignature,
    MalformedMessage,
    NotFound,
    WrongSigner,
)
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.jobspec import JobSpec, ModuleProgram
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Ask, Attestation, Bid
from marketplace.protocol.units import FUEL_PER_GFUEL

AGENT, STRANGER = Account.from_key("0x" + "01" * 32), Account.from_key("0x" + "02" * 32)
RENTER, PROVIDER = Account.from_key("0x" + "03" * 32).address, Account.from_key("0x" + "04" * 32).address
DOMAIN = Domain(1337, PROVIDER)
LEASE = "0x" + "77" * 32
FILES = {"out/report.txt": b"42\n", "log/stdout": b"hello\n", "log/stderr": b""}
MANIFEST = Manifest.build(ManifestEntry.of(path, data) for path, data in FILES.items())
SPEC = JobSpec(program=ModuleProgram(digest="0x" + "11" * 32, size=8))
ASK = Ask(
    provider=PROVIDER,
    market=RENTER,
    agent=AGENT.address,
    profile_digest="0x" + "00" * 32,
    gpu_hour_rate=0,
    vcpu_hour_rate=36_000,
    gb_hour_rate=3_600,
    gfuel_rate=200,
    egress_gb_rate=1_000,
    minimum_charge=10,
    units=1,
    valid_until=10**10,
    salt=1,
)
BID = Bid(
    renter=RENTER,
    market=RENTER,
    job_digest=SPEC.digest(),
    gpus=0,
    vcpus=1,
    memory_mb=1_000,
    duration_seconds=100,
    fuel=10 * FUEL_PER_GFUEL,
    egress_mb=1,
    max_price=10_000,
    replicas=1,
    verification=0,
    settlement=0,
    deadline=10**10,
    valid_until=10**10,
    salt=2,
)
TERMS = LeaseTerms(BID, "0x", ASK, "0x", 3_101 * 2, SPEC)


def attestation(**changes):
    fields = {
        "lease_id": LEASE,
        "job_digest": BID.job_digest,
        "result_digest": MANIFEST.root(),
        "fuel": 5 * FUEL_PER_GFUEL,
        "wall_seconds": 3,
        "egress_bytes": MANIFEST.egress_bytes,
        "exit_kind": ExitKind.EXITED,
        "exit_code": 0,
        "sandbox_digest": "0x" + "22" * 32,
        "started_at": 1,
        "finished_at": 4,
    }
    return Attestation(**(fields | changes))


class Market:
    """Serves one attestation and its blobs."""

    def __init__(self, attested=None, *, manifest=MANIFEST, signer=AGENT, files=FILES):
        attested = attested or attestation()
        self.document = {
            "attestation": attested.to_json(),
            "signature": attested.sign(DOMAIN, signer.key),
            "manifest": manifest.to_json(),
        }
        self.blobs = {sha256_digest(data): data for data in files.values()}

    def attestation(self, lease_id):
        return self.document

    def get_blob(self, digest, size=MOST_BYTES):
        if digest not in self.blobs:
            raise NotFound("blob", digest)
        return self.blobs[digest]


def test_a_checked_result_is_written_as_the_manifest_names_it(tmp_path):
    market = Market()
    result = fetch_result(market, LEASE, TERMS, DOMAIN)
    written = dict(download_result(market, result, tmp_path))
    assert {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in written} == FILES
    assert result.outputs == 1
    assert read_log(market, result) == b"hello\n"


def test_another_agents_signature_is_refused():
    with pytest.raises(InvalidSignature, match="was not signed by"):
        fetch_result(Market(signer=STRANGER), LEASE, TERMS, DOMAIN)


def test_an_attestation_for_another_lease_or_job_is_refused():
    for changes in ({"lease_id": "0x" + "78" * 32}, {"job_digest": "0x" + "12" * 32}):
        with pytest.raises(WrongSigner, match="is for lease"):
            fetch_result(Market(attestation(**changes)), LEASE, TERMS, DOMAIN)


def test_a_manifest_that_is_not_the_attested_one_is_refused():
    other = Manifest.build([ManifestEntry.of("out/report.txt", b"43\n")])
    with pytest.raises(InvalidManifest, match="the provider attested"):
        fetch_result(Market(manifest=other), LEASE, TERMS, DOMAIN)


def test_a_manifest_cannot_write_outside_the_folder(tmp_path):
    for path in ("out/../../evil", "/etc/passwd", "out//x", "..", "a\\b"):
        with pytest.raises(InvalidManifest, match="plain relative path"):
            safe_path(path)
    manifest = Manifest.build([ManifestEntry.of("../evil", b"")])
    market = Market(attestation(result_digest=manifest.root()), manifest=manifest, files={"x": b""})
    result = fetch_result(market, LEASE, TERMS, DOMAIN)
    with pytest.raises(InvalidManifest):
        list(download_result(market, result, tmp_path / "results"))
    assert not (tmp_path / "evil").exists()


def test_a_size_that_differs_from_the_manifest_is_refused(tmp_path):
    entry = replace_size(MANIFEST.entries[-1])
    manifest = Manifest.build([entry])
    market = Market(attestation(result_digest=manifest.root()), manifest=manifest)
    result = fetch_result(market, LEASE, TERMS, DOMAIN)
    with pytest.raises(DigestMismatch):
        list(download_result(market, result, tmp_path))


def replace_size(entry):
    return ManifestEntry(path=entry.path, size=entry.size + 1, digest=entry.digest)


def bill(outcome=Outcome.PAID, attested=None, **options):
    return compute_bill(LEASE, BID, ASK, TERMS.price, outcome, 500, attested or attestation(), **options)


def test_a_bill_follows_formula_4_1_line_by_line():
    # half the fuel used: 50 s charged. Reserved: vcpu 1000 + memory 100 + fuel 2000 + egress 1 = 3101; price: twice.
    made = bill()
    assert (made.lines.vcpu, made.lines.memory, made.lines.fuel, made.lines.egress) == (500, 50, 1_000, 1)
    assert made.rent == made.lines.total == 1_551
    assert (made.pay, made.fee, made.refund) == (3_102, 155, 3_100)
    assert made.paid + made.fee + made.refund == made.locked == 6_202


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.FRAUD])
def test_without_a_paid_outcome_everything_comes_back(outcome):
    assert (bill(outcome).pay, bill(outcome).refund) == (0, TERMS.price)


def test_a_program_that_did_not_end_costs_nothing_even_if_called_paid():
    assert bill(attested=attestation(exit_kind=ExitKind.OUT_OF_FUEL)).pay == 0


def test_a_receipt_goes_before_the_metered_pay():
    made = bill(agreed_pay=2_000)
    assert (made.pay, made.refund) == (2_000, 4_202)
    assert (made.rent, made.agreed) == (bill().rent, 2_000 - bill().pay)


def test_amounts_that_do_not_follow_from_the_terms_are_evidence():
    made = bill()
    require_same(made, paid=made.paid, fee=made.fee, refund=made.refund)
    with pytest.raises(ClearingError, match="evidence") as caught:
        require_same(made, paid=made.paid + 1, fee=made.fee, refund=made.refund - 1)
    assert caught.value.values["lease"] == LEASE


def test_terms_survive_their_json_form_and_name_what_is_missing():
    assert LeaseTerms.parse(TERMS.to_json()) == TERMS
    with pytest.raises(MalformedMessage, match="price"):
        LeaseTerms.parse({name: value for name, value in TERMS.to_json().items() if name != "price"})
    assert replace(TERMS, price=1).to_json()["price"] == "1"
