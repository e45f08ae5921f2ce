"""Real quotes of Intel TDX and SGX machines, verified offline; and, for what no sample has, quotes under our own root.

The samples are foreign machines': what they say about a result of ours is only ever "nothing".
"""

import json
import random
import sys
from dataclasses import replace

import pytest

from agent.tee import Claims, DcapVerifier, judge
from agent.tee.claims import UNLISTED
from marketplace.errors import InvalidEvidence, UnsupportedTee
from marketplace.protocol.enums import Outcome
from marketplace.protocol.tee import SgxEnclave, TdxGuest, TeeTrust
from tests.unit.agent.played_tee import (
    OLD_SAMPLED_AT,
    OLD_TDX,
    SAMPLED_AT,
    SGX,
    TDX,
    VALID_DAYS,
    PlayedProcessor,
    sample,
)

SAMPLES = [(SGX, SAMPLED_AT), (TDX, SAMPLED_AT), (OLD_TDX, OLD_SAMPLED_AT)]
TODAY = 1_795_000_000
"""2026-11-18, UTC: long after every sample's collateral."""
DAY, NOW = 86_400, 1_800_000_000
SAID = bytes(range(64))


def claims_of(name: str, at: int) -> Claims:
    return DcapVerifier().verify(*sample(name), at)


def trust_in(claims: Claims, **changes) -> TeeTrust:
    """A renter that trusts exactly the environment that these claims are of, and its platform as it is."""
    kind = TdxGuest if claims.technology == "tdx" else SgxEnclave
    return TeeTrust(
        allowed=(kind(**claims.measurements, isv_prod_id=0) if kind is SgxEnclave else kind(**claims.measurements),),
        **changes,
    )


# --- real quotes ------------------------------------------------------------------------------------------------------


def test_a_real_tdx_quote_verifies_at_its_time():
    claims = claims_of(TDX, SAMPLED_AT)
    assert (claims.technology, claims.tcb_status, claims.is_current, claims.is_debug) == (
        "tdx",
        "UpToDate",
        True,
        False,
    )
    assert claims.measurements["mrtd"].startswith("0x91eb2b44d141d4ec") and len(claims.measurements["mrtd"]) == 98
    assert set(claims.measurements) == {"mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"}
    assert claims.report_data.hex().startswith("9a9d48e7f6799642")


def test_a_real_sgx_quote_verifies_at_its_time_with_its_advisories():
    claims = claims_of(SGX, SAMPLED_AT)
    assert (claims.technology, claims.is_current, claims.is_debug) == ("sgx", True, False)
    assert claims.tcb_status == "ConfigurationAndSWHardeningNeeded"
    assert claims.advisory_ids == ("INTEL-SA-00289", "INTEL-SA-00615")
    assert claims.report_data == b"Hello, world!".ljust(64, b"\0")
    assert claims.measurements["mrsigner"].startswith("0x815f42f11cf64430")
    assert (claims.isv_prod_id, claims.isv_svn) == (0, 0)


def test_a_platform_below_every_level_of_the_list_is_told_as_such():
    claims = claims_of(OLD_TDX, OLD_SAMPLED_AT)
    assert (claims.technology, claims.tcb_status, claims.is_current) == ("tdx", UNLISTED, True)
    found = judge(claims, trust_in(claims), claims.report_data)
    assert (found.outcome, found.reason) == (
        Outcome.FAILED, "the platform's TCB status is Unlisted; accepted is UpToDate",
    )  # fmt: skip


@pytest.mark.parametrize(("name", "at"), SAMPLES)
def test_out_of_date_collateral_is_no_forgery(name, at):
    then, now = claims_of(name, at), claims_of(name, TODAY)
    assert not now.is_current and now == replace(then, is_current=False)
    found = judge(now, trust_in(now, tcb_statuses=("UpToDate",)), now.report_data)
    assert (found.outcome, found.reason) == (Outcome.FAILED, "the collateral was not valid when the job ended")


@pytest.mark.parametrize(("name", "at"), SAMPLES)
def test_collateral_from_after_the_job_is_not_valid_for_it(name, at):
    assert not claims_of(name, at - 30 * DAY).is_current


def flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


SGX_SIGNATURE, TDX_SIGNATURE = 48 + 384 + 4, 48 + 584 + 4
QUOTE_PARTS = {
    "version": 0, "key type": 2, "technology": 4, "vendor": 12, "microcode": 48, "report data": -1, "signature": 0,
    "attestation key": 64, "quoting enclave": 134, "its report data": 134 + 320, "its signature": 134 + 384,
    "authentication": 134 + 384 + 64 + 2,
}  # fmt: skip


@pytest.mark.parametrize("part", QUOTE_PARTS)
@pytest.mark.parametrize(("name", "at"), [SAMPLES[0], SAMPLES[1]])
def test_a_flipped_bit_in_any_part_of_a_quote_is_refused(name, at, part):
    quote, collateral = sample(name)
    signature = SGX_SIGNATURE if name == SGX else TDX_SIGNATURE
    place = QUOTE_PARTS[part]
    if part == "report data":
        place = signature - 4 - 64
    elif list(QUOTE_PARTS).index(part) >= list(QUOTE_PARTS).index("signature"):
        place += signature - (6 if name == SGX and place >= 134 else 0)  # version 3 has no outer certification data
    with pytest.raises(InvalidEvidence, match="does not verify"):
        DcapVerifier().verify(flip(quote, place), collateral, at)


@pytest.mark.parametrize(
    "part",
    ["root_ca_crl", "pck_crl", "tcb_info_issuer_chain", "tcb_info", "tcb_info_signature", "qe_identity_issuer_chain",
     "qe_identity", "qe_identity_signature"],
)  # fmt: skip
@pytest.mark.parametrize(("name", "at"), [SAMPLES[0], SAMPLES[1]])
def test_a_changed_character_in_any_part_of_the_collateral_is_refused(name, at, part):
    quote, collateral = sample(name)
    document = json.loads(collateral)
    middle = document[part][400] if len(document[part]) > 400 else document[part][20]
    place = 400 if len(document[part]) > 400 else 20
    other = "1" if middle != "1" else "2"
    document[part] = document[part][:place] + other + document[part][place + 1 :]
    with pytest.raises(InvalidEvidence):
        DcapVerifier().verify(quote, json.dumps(document).encode(), at)


@pytest.mark.parametrize(("name", "at"), SAMPLES)
def test_no_flipped_bit_anywhere_changes_what_a_quote_claims(name, at):
    """Some bits carry nothing (padding, spaces of PEM): with one of these flipped the claims are the same."""
    draw, (quote, collateral), refused = random.Random(7), sample(name), 0
    honest = claims_of(name, at)
    for _ in range(150):
        try:
            claims = DcapVerifier().verify(flip(quote, draw.randrange(len(quote))), collateral, at)
        except InvalidEvidence:
            refused += 1
        else:
            assert claims == honest
    assert refused > 100


@pytest.mark.parametrize("length", [0, 1, 47, 48, 400, 636, 2_000])
def test_a_quote_cut_short_is_refused(length):
    quote, collateral = sample(TDX)
    with pytest.raises(InvalidEvidence, match="does not verify"):
        DcapVerifier().verify(quote[:length], collateral, SAMPLED_AT)


@pytest.mark.parametrize(
    "collateral",
    [b"", b"\xff", b"[]", b"{}", b'{"tcb_info": 1}', b"[" * 60_000, sample(TDX)[1].replace(b"issueDate", b"issueDatf")],
    ids=["nothing", "no text", "a list", "no fields", "a number", "too deep", "no date"],
)
def test_collateral_that_is_none_is_refused(collateral):
    with pytest.raises(InvalidEvidence, match="collateral"):
        DcapVerifier().verify(sample(TDX)[0], collateral, SAMPLED_AT)


@pytest.mark.parametrize(
    "date", ["1900-01-01T00:00:00Z", "9999-12-31T23:59:59-23:00", "2025-06-19T10:16:03", "soon", ""]
)
def test_a_false_date_in_the_collateral_is_refused_and_disturbs_nobody(date):
    quote, collateral = sample(TDX)
    document = json.loads(collateral)
    for part in ("tcb_info", "qe_identity"):
        document[part] = json.dumps(json.loads(document[part]) | {"issueDate": date})
    with pytest.raises(InvalidEvidence):
        DcapVerifier().verify(quote, json.dumps(document).encode(), SAMPLED_AT)


def test_one_machines_collateral_does_not_serve_another():
    with pytest.raises(InvalidEvidence):
        DcapVerifier().verify(sample(TDX)[0], sample(SGX)[1], SAMPLED_AT)


def test_without_the_package_a_quote_is_unsupported_and_not_false(monkeypatch):
    monkeypatch.setitem(sys.modules, "dcap_qvl", None)
    with pytest.raises(UnsupportedTee, match="not supported on this build"):
        claims_of(TDX, SAMPLED_AT)


# --- what no sample has: a machine under a root of our own ------------------------------------------------------------

PROCESSOR = PlayedProcessor()


def played(quote: bytes, collateral: bytes, at: int = NOW + DAY) -> Claims:
    return DcapVerifier(PROCESSOR.root_der).verify(quote, collateral, at)


def test_a_quote_says_what_its_environment_put_into_it():
    claims = played(PROCESSOR.quote(SAID), PROCESSOR.collateral(NOW))
    assert (claims.report_data, claims.tcb_status, claims.is_current) == (SAID, "UpToDate", True)
    assert claims.measurements == claims_of(TDX, SAMPLED_AT).measurements


def test_only_intels_root_counts_unless_a_test_says_otherwise():
    with pytest.raises(InvalidEvidence):
        DcapVerifier().verify(PROCESSOR.quote(SAID), PROCESSOR.collateral(NOW), NOW + DAY)
    with pytest.raises(InvalidEvidence):
        played(*sample(TDX), SAMPLED_AT)


@pytest.mark.parametrize(
    ("at", "is_current"),
    [(NOW - 1, False), (NOW, True), (NOW + VALID_DAYS * DAY - 1, True), (NOW + VALID_DAYS * DAY + 1, False)],
)
def test_collateral_is_valid_from_its_issue_to_its_next_update(at, is_current):
    assert played(PROCESSOR.quote(SAID), PROCESSOR.collateral(NOW), at).is_current is is_current


def test_a_machine_whose_certificate_intel_revoked_proves_nothing():
    revoked = PROCESSOR.collateral(NOW, revoked=(PROCESSOR.PCK_SERIAL,))
    with pytest.raises(InvalidEvidence, match="certificate chain"):
        played(PROCESSOR.quote(SAID), revoked)


def test_an_environment_in_debug_mode_is_told_and_refused():
    claims = played(PROCESSOR.quote(SAID, is_debug=True), PROCESSOR.collateral(NOW))
    assert claims.is_debug
    found = judge(claims, trust_in(claims), SAID)
    assert found.outcome is Outcome.FRAUD and "debug mode" in found.reason


@pytest.mark.parametrize("status", ["OutOfDate", "SWHardeningNeeded", "Revoked"])
def test_a_platform_in_a_state_that_the_renter_does_not_accept_fails(status):
    claims = played(PROCESSOR.quote(SAID), PROCESSOR.collateral(NOW, status=status))
    found = judge(claims, trust_in(claims), SAID)
    assert (found.outcome, found.reason) == (
        Outcome.FAILED, f"the platform's TCB status is {status}; accepted is UpToDate",
    )  # fmt: skip


def test_a_renter_may_accept_a_platform_that_is_not_up_to_date():
    claims = played(PROCESSOR.quote(SAID), PROCESSOR.collateral(NOW, status="OutOfDate"))
    assert judge(claims, trust_in(claims, tcb_statuses=("UpToDate", "OutOfDate")), SAID).outcome is Outcome.PAID


# --- claims against trust ---------------------------------------------------------------------------------------------

GOOD = played(PROCESSOR.quote(SAID), PROCESSOR.collateral(NOW))
ENCLAVE = replace(claims_of(SGX, SAMPLED_AT), tcb_status="UpToDate", isv_prod_id=7, isv_svn=3)


def outcome(claims: Claims, *allowed, said: bytes | None = None) -> Outcome:
    return judge(claims, TeeTrust(allowed=allowed), claims.report_data if said is None else said).outcome


def test_evidence_of_what_is_trusted_is_paid():
    assert judge(GOOD, trust_in(GOOD), SAID).outcome is Outcome.PAID


def test_evidence_about_another_result_is_fraud_even_when_it_is_old():
    for claims in (GOOD, replace(GOOD, is_current=False, tcb_status="OutOfDate")):
        found = judge(claims, trust_in(claims), bytes(64))
        assert found.outcome is Outcome.FRAUD and "0x0001020304050607…" in found.reason


@pytest.mark.parametrize("name", ["mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"])
def test_a_guest_that_differs_in_one_measurement_is_fraud(name):
    guest = TdxGuest(**GOOD.measurements | {name: "0x" + "00" * 47 + "01"})
    found = judge(GOOD, TeeTrust(allowed=(guest,)), SAID)
    assert found.outcome is Outcome.FRAUD and f"{name} is 0x" in found.reason


def test_registers_that_the_renter_does_not_name_may_be_anything():
    named = {name: GOOD.measurements[name] for name in ("mrtd", "rtmr1", "rtmr2")}
    assert outcome(GOOD, TdxGuest(**named)) is Outcome.PAID


def test_one_of_several_that_are_allowed_is_enough():
    other = TdxGuest(**GOOD.measurements | {"mrtd": "0x" + "00" * 48})
    assert outcome(GOOD, other, TdxGuest(**GOOD.measurements)) is Outcome.PAID


def test_an_enclave_is_allowed_by_itself_or_by_its_signers_product():
    own, signer = ENCLAVE.measurements["mrenclave"], ENCLAVE.measurements["mrsigner"]
    assert outcome(ENCLAVE, SgxEnclave(mrenclave=own)) is Outcome.PAID
    assert outcome(ENCLAVE, SgxEnclave(mrsigner=signer, isv_prod_id=7, min_isv_svn=3)) is Outcome.PAID
    assert outcome(ENCLAVE, SgxEnclave(mrsigner=signer, isv_prod_id=8)) is Outcome.FRAUD
    assert outcome(ENCLAVE, SgxEnclave(mrsigner=signer, isv_prod_id=7, min_isv_svn=4)) is Outcome.FRAUD
    assert outcome(ENCLAVE, SgxEnclave(mrenclave="0x" + "00" * 32)) is Outcome.FRAUD


def test_an_enclave_is_no_guest():
    assert outcome(ENCLAVE, TdxGuest(**GOOD.measurements)) is Outcome.FRAUD
    assert outcome(GOOD, SgxEnclave(mrenclave="0x" + "00" * 32)) is Outcome.FRAUD
