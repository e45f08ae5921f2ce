"""What a quote must say of a result, and what a renter may trust."""

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from marketplace.errors import InvalidJobSpec
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Verification
from marketplace.protocol.evidence import (
    COLLATERAL_PATH,
    MAX_EVIDENCE_BYTES,
    QUOTE_PATH,
    EvidenceBinding,
    choose_evidence_time,
    compute_output_bytes,
    content_of,
)
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.messages import Attestation
from tests.unit.clearing.market import bid

DOMAIN = Domain(1337, "0x" + "ee" * 20)
AGENT, OTHER_AGENT = "0x" + "11" * 20, "0x" + "22" * 20
OUTPUT = ManifestEntry.of("out/result", b"42")
EVIDENCE = [ManifestEntry.of(QUOTE_PATH, b"quote"), ManifestEntry.of(COLLATERAL_PATH, b"{}")]
PROGRAM = {"kind": "module", "digest": "0x" + "ab" * 32, "size": 1}
GUEST = {"technology": "tdx", "mrtd": "0x" + "1a" * 48, "rtmr1": "0x" + "1b" * 48, "rtmr2": "0x" + "1c" * 48}
ENCLAVE = {"technology": "sgx", "mrenclave": "0x" + "1d" * 32}


def attested(manifest: Manifest, **changes) -> Attestation:
    values = {
        "lease_id": "0x" + "01" * 32, "job_digest": "0x" + "02" * 32, "result_digest": manifest.root(), "fuel": 5,
        "wall_seconds": 1, "egress_bytes": manifest.egress_bytes, "exit_kind": ExitKind.EXITED, "exit_code": 0,
        "sandbox_digest": "0x" + "03" * 32, "started_at": 1, "finished_at": 2,
    } | changes  # fmt: skip
    return Attestation(**values)


def report_data(manifest=None, agent=AGENT, domain=DOMAIN, **changes) -> bytes:
    manifest = manifest or Manifest.build([OUTPUT])
    return EvidenceBinding.of(attested(manifest, **changes), agent, manifest).report_data(domain)


def test_report_data_are_the_digest_of_the_binding_and_zeros():
    said = report_data()
    assert len(said) == 64 and said[32:] == bytes(32)
    manifest = Manifest.build([OUTPUT])
    assert "0x" + said[:32].hex() == EvidenceBinding.of(attested(manifest), AGENT, manifest).digest(DOMAIN)


def test_report_data_are_what_any_eip_712_library_makes_of_the_binding():
    manifest = Manifest.build([OUTPUT])
    message = encode_typed_data(full_message=EvidenceBinding.of(attested(manifest), AGENT, manifest).typed_data(DOMAIN))
    assert report_data()[:32] == keccak(b"\x19" + message.version + message.header + message.body)


@pytest.mark.parametrize(
    "other",
    [
        {"lease_id": "0x" + "09" * 32},
        {"job_digest": "0x" + "09" * 32},
        {"fuel": 6},
        {"exit_code": 1},
        {"sandbox_digest": "0x" + "09" * 32},
        {"agent": OTHER_AGENT},
        {"domain": Domain(1, DOMAIN.escrow)},
        {"domain": Domain(1337, "0x" + "ef" * 20)},
        {"manifest": Manifest.build([ManifestEntry.of("out/result", b"43")])},
        {"manifest": Manifest.build([OUTPUT, ManifestEntry.of("evidence/padding", b"x")])},
    ],
)
def test_a_quote_for_one_result_says_nothing_of_another(other):
    assert report_data(**other) != report_data()


def test_a_quote_can_lie_in_the_result_that_it_is_about():
    with_evidence = Manifest.build([OUTPUT, *EVIDENCE])
    assert report_data(with_evidence) == report_data()
    assert with_evidence.root() != Manifest.build([OUTPUT]).root()
    assert content_of(with_evidence) == Manifest.build([OUTPUT])


@pytest.mark.parametrize(("finished_at", "at"), [(50, 100), (150, 150), (250, 200)])
def test_evidence_must_hold_when_the_job_ended_but_within_its_lease(finished_at, at):
    assert choose_evidence_time(finished_at, opened_at=100, deadline=200) == at


def test_an_attested_program_leaves_room_for_the_evidence():
    assert compute_output_bytes(bid(egress_mb=1).bid) == 1_000_000
    attested_bid = bid(egress_mb=1, verification=int(Verification.ATTESTED)).bid
    assert compute_output_bytes(attested_bid) == 1_000_000 - MAX_EVIDENCE_BYTES


# --- what a renter trusts ---------------------------------------------------------------------------------------------


def test_a_renter_trusts_up_to_date_platforms_unless_it_says_otherwise():
    spec = JobSpec.parse({"program": PROGRAM, "tee": {"allowed": [GUEST, ENCLAVE]}})
    assert spec.tee.tcb_statuses == ("UpToDate",)
    assert spec.tee.technologies == {"tdx", "sgx"}


def test_a_job_that_trusts_nothing_says_so_in_its_digest():
    assert JobSpec.parse({"program": PROGRAM}).to_json()["tee"] is None


@pytest.mark.parametrize(
    ("tee", "problem"),
    [
        ({"allowed": []}, r"tee\.allowed"),
        ({"allowed": [GUEST | {"mrtd": "1a" * 48}]}, r"tee\.allowed\.0\.tdx\.mrtd"),
        ({"allowed": [GUEST | {"mrtd": "0x" + "1a" * 32}]}, r"tee\.allowed\.0\.tdx\.mrtd"),
        ({"allowed": [{"technology": "tdx", "mrtd": GUEST["mrtd"]}]}, r"tee\.allowed\.0\.tdx\.rtmr1"),
        ({"allowed": [{"technology": "sgx"}]}, "expected mrenclave, or mrsigner with isvProdId"),
        ({"allowed": [{"technology": "sgx", "mrsigner": "0x" + "1d" * 32}]}, "mrsigner with isvProdId"),
        ({"allowed": [GUEST], "tcbStatuses": []}, r"tee\.tcbStatuses"),
        ({"allowed": [GUEST], "tcbStatuses": ["Revoked"]}, r"tee\.tcbStatuses\.0"),
        ({"allowed": [GUEST] * 17}, r"tee\.allowed"),
    ],
)
def test_trust_with_a_fault_is_refused_by_name(tee, problem):
    with pytest.raises(InvalidJobSpec, match=problem):
        JobSpec.parse({"program": PROGRAM, "tee": tee})


@pytest.mark.parametrize("technology", ["sev-snp", "nvidia", "nitro"])
def test_trust_in_what_nobody_here_can_verify_is_refused_by_its_name(technology):
    with pytest.raises(InvalidJobSpec, match=f"{technology}.*'tdx', 'sgx'"):
        JobSpec.parse({"program": PROGRAM, "tee": {"allowed": [{"technology": technology}]}})
