"""The draw of random audits: uniform if one share is, changed by any change, and read from valid signatures alone."""

import re
from dataclasses import replace
from random import Random

import pytest
from eth_abi import encode as abi_encode
from eth_account import Account
from eth_utils import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.errors import InvalidJobSpec
from marketplace.protocol.audits import (
    ALL_PPM,
    AUDIT_MESSAGES,
    LEAST_RATE_PPM,
    Audit,
    AuditSeal,
    AuditShare,
    Draw,
    compute_commitment,
    is_draw_wanted,
    is_drawn,
)
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import SIGNED_MESSAGES, VerdictSeal
from scripts.toolchain import ROOT
from tests.unit.agent.test_work import script_spec

KEYS = {one.address: one for one in (Account.from_key(bytes([number]) * 32) for number in (3, 4, 5))}
MEMBERS = tuple(sorted(KEYS))
STRANGER = Account.from_key(bytes([9]) * 32)
LEASE, ATTESTATION = "0x" + "11" * 32, "0x" + "a7" * 32
DRAW = Draw(Domain(1337, "0x" + "ee" * 20), MEMBERS, LEASE, ATTESTATION)
words = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
share_lists = st.lists(words, min_size=3, max_size=3)


def commitments_of(draw: Draw, shares: list[str]) -> dict[str, str]:
    return {
        member: compute_commitment(member, draw.lease_id, draw.attestation, share)
        for member, share in zip(MEMBERS, shares, strict=True)
    }


def signed(draw: Draw, shares: list[str], seals: str | None = None) -> dict[str, list]:
    """All that members sign about a draw, as a market shows it."""
    commitments = commitments_of(draw, shares)
    seals = seals or draw.seals_digest(commitments)
    found = {"seals": [], "shares": []}
    for member, share in zip(MEMBERS, shares, strict=True):
        place = {"lease_id": draw.lease_id, "attestation": draw.attestation}
        for kind, message in (
            ("seal", AuditSeal(**place, commitment=commitments[member])),
            ("share", AuditShare(**place, seals=seals, share=share)),
        ):
            signature = message.sign(draw.domain, KEYS[member].key)
            found[f"{kind}s"].append({"oracle": member, kind: message.to_json(), f"{kind}Signature": signature})
    return found


SHARES = [f"0x{number:064x}" for number in (1, 2, 3)]


def draw_of(draw: Draw, shares: list[str]) -> int:
    return draw.compute(dict(zip(MEMBERS, shares, strict=True)))


# --- the number ---


@pytest.mark.parametrize("rate_ppm", [500_000, 750_000, 900_000])
def test_leases_are_drawn_as_often_as_the_rate_says(rate_ppm):
    """Only the first member's share is random; the others chose theirs."""
    random, leases = Random(7), 4_000
    hits = sum(
        is_drawn(draw_of(DRAW, ["0x" + random.randbytes(32).hex(), *SHARES[1:]]), rate_ppm) for _ in range(leases)
    )
    share = rate_ppm / ALL_PPM
    assert abs(hits / leases - share) < 3.3 * (share * (1 - share) / leases) ** 0.5


def test_draws_fill_all_their_range_evenly():
    random, cells = Random(3), [0] * 16
    for _ in range(3_200):
        cells[draw_of(DRAW, ["0x" + random.randbytes(32).hex(), *SHARES[1:]]) >> 252] += 1
    assert sum((count - 200) ** 2 / 200 for count in cells) < 37.7, "chi-squared, 15 degrees, 0.1%"


@settings(derandomize=True)
@given(share_lists, st.integers(0, 2), words)
def test_any_other_share_of_any_member_gives_another_draw(shares, place, other):
    changed = [other if at == place else share for at, share in enumerate(shares)]
    assert (draw_of(DRAW, changed) == draw_of(DRAW, shares)) is (changed == shares)


@pytest.mark.parametrize(
    "other",
    [
        replace(DRAW, lease_id="0x" + "22" * 32),
        replace(DRAW, attestation="0x" + "a8" * 32),
        replace(DRAW, domain=Domain(1, DRAW.domain.escrow)),
        replace(DRAW, domain=Domain(1337, "0x" + "ef" * 20)),
    ],
    ids=["lease", "attestation", "chain", "escrow"],
)
def test_another_lease_attestation_chain_or_escrow_gives_another_draw(other):
    assert draw_of(other, SHARES) != draw_of(DRAW, SHARES)


@settings(derandomize=True)
@given(st.integers(0, 2**256 - 1))
def test_at_a_rate_of_one_every_job_is_run(draw):
    assert is_drawn(draw, ALL_PPM)


def test_the_threshold_is_exact():
    half = 2**255
    assert is_drawn(half - 1, 500_000) and not is_drawn(half, 500_000)


@settings(derandomize=True)
@given(st.integers(0, 2**256 - 1), st.integers(LEAST_RATE_PPM, ALL_PPM), st.integers(0, ALL_PPM))
def test_what_is_drawn_at_a_rate_is_drawn_at_every_higher_one(draw, rate, more):
    assert not is_drawn(draw, rate) or is_drawn(draw, min(ALL_PPM, rate + more))


def test_hashes_are_those_that_the_protocol_documents():
    """Taken from the page, and computed without the code under test."""
    page = (ROOT / "docs" / "protocol.md").read_text().split("### The draw of an audit")[1]
    kinds = [one.split(", ") for one in re.findall(r"`\(((?:\w+(?:\[\])?(?:, )?)+)\)`", page)]
    names = re.findall(r'"(ComputeHive audit \w+)"', page)
    words, lease, attestation = [bytes.fromhex(one[2:]) for one in SHARES], bytes.fromhex("11" * 32), bytes([0xA7]) * 32

    def digest(place: int, *values) -> str:
        return "0x" + keccak(abi_encode(kinds[place], [names[place], *values])).hex()

    assert names == [f"ComputeHive audit {one}" for one in ("share", "seals", "draw")]
    commitments = commitments_of(DRAW, SHARES)
    assert commitments[MEMBERS[0]] == digest(0, MEMBERS[0], lease, attestation, words[0])
    sealed = [bytes.fromhex(commitments[one][2:]) for one in MEMBERS]
    assert DRAW.seals_digest(commitments) == digest(1, lease, attestation, MEMBERS, sealed)
    drawn = digest(2, 1337, DRAW.domain.escrow, lease, attestation, MEMBERS, words)
    assert draw_of(DRAW, SHARES) == int(drawn, 16)


# --- what members signed ---


def test_the_draw_is_read_from_the_signed_seals_and_shares_of_all():
    assert DRAW.read(signed(DRAW, SHARES)) == draw_of(DRAW, SHARES)


@pytest.mark.parametrize("kind", ["seals", "shares"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_without_a_seal_or_a_share_of_each_member_there_is_no_draw(kind, place):
    document = signed(DRAW, SHARES)
    del document[kind][place]
    assert DRAW.read(document) is None


def tampered(kind: str, **changes) -> dict:
    """The first member's message changed, and signed by it again."""
    document = signed(DRAW, SHARES)
    model, field = {"seals": (AuditSeal, "seal"), "shares": (AuditShare, "share")}[kind]
    message = model.parse(document[kind][0][field]).model_copy(update=changes)
    signature = message.sign(DRAW.domain, KEYS[MEMBERS[0]].key)
    document[kind][0] |= {field: message.to_json(), f"{field}Signature": signature}
    return document


OTHER = "0x" + "77" * 32


@pytest.mark.parametrize(
    "document",
    [
        tampered("seals", commitment=OTHER),
        tampered("seals", lease_id=OTHER),
        tampered("seals", attestation=OTHER),
        tampered("shares", share=OTHER),
        tampered("shares", lease_id=OTHER),
        tampered("shares", attestation=OTHER),
        tampered("shares", seals=OTHER),
        signed(DRAW, SHARES) | {"seals": signed(replace(DRAW, domain=Domain(1, DRAW.domain.escrow)), SHARES)["seals"]},
        signed(DRAW, SHARES) | {"shares": signed(replace(DRAW, lease_id=OTHER), SHARES)["shares"]},
        signed(DRAW, SHARES) | {"shares": signed(DRAW, [OTHER, *SHARES[1:]])["shares"]},
        signed(DRAW, SHARES, seals=OTHER),
        {"seals": "none", "shares": [3, None, {}]},
        {},
    ],
)
def test_what_is_forged_replayed_or_of_another_lease_attestation_or_chain_counts_for_nothing(document):
    assert DRAW.read(document) is None


def test_a_stranger_has_no_part_in_the_draw():
    document = signed(DRAW, SHARES)
    message = AuditSeal.parse(document["seals"][0]["seal"])
    document["seals"][0]["sealSignature"] = message.sign(DRAW.domain, STRANGER.key)
    assert DRAW.read(document) is None


def test_nobody_can_pass_off_anothers_commitment_as_its_own():
    document, (first, second, _) = signed(DRAW, SHARES), MEMBERS
    copied = AuditSeal.parse(document["seals"][0]["seal"])
    document["seals"][1] |= {"seal": copied.to_json(), "sealSignature": copied.sign(DRAW.domain, KEYS[second].key)}
    commitments = DRAW.read_seals(document["seals"])
    assert commitments[first] == commitments[second]
    shown = signed(DRAW, [SHARES[0], SHARES[0], SHARES[2]], seals=DRAW.seals_digest(commitments))["shares"]
    assert set(DRAW.read_shares(shown, commitments)) == {first, MEMBERS[2]}


def test_seals_shown_to_two_members_that_differ_give_shares_that_fit_neither():
    """One member makes two seals, and the market shows each of the others another one of them."""
    other = [OTHER, *SHARES[1:]]
    one, two = signed(DRAW, SHARES), signed(DRAW, other)
    mixed = {"seals": one["seals"], "shares": [one["shares"][0], one["shares"][1], two["shares"][2]]}
    assert DRAW.read(mixed) is None
    assert DRAW.read(mixed | {"seals": two["seals"]}) is None


def test_a_committee_of_nobody_draws_nothing():
    assert replace(DRAW, members=()).read({"seals": [], "shares": []}) is None


@pytest.mark.parametrize("message", AUDIT_MESSAGES)
def test_nothing_signed_for_a_draw_can_be_taken_for_any_other_message(message):
    kinds = {one.type_string() for one in (*SIGNED_MESSAGES, *AUDIT_MESSAGES)}
    assert len(kinds) == len(SIGNED_MESSAGES) + len(AUDIT_MESSAGES)
    seal = AuditSeal(lease_id=LEASE, attestation=ATTESTATION, commitment=OTHER)
    verdict = VerdictSeal(lease_id=LEASE, commitment=OTHER)
    signature = seal.sign(DRAW.domain, STRANGER.key)
    assert verdict.recover(DRAW.domain, signature) != STRANGER.address


# --- the job specification ---


@pytest.mark.parametrize("rate", [0, 1, 100_000, 499_999, 1_000_001, -1])
def test_a_rate_at_which_lying_would_pay_or_that_is_none_is_refused_with_the_figures(rate):
    document = script_spec().to_json() | {"audit": {"ratePpm": rate}}
    with pytest.raises(InvalidJobSpec, match=r"audit\.ratePpm.*expected 500000 to 1000000") as refused:
        JobSpec.parse(document)
    assert ("lying would pay" in str(refused.value)) is (rate < LEAST_RATE_PPM)


@pytest.mark.parametrize("rate", [500_000, 750_000, 1_000_000])
def test_a_rate_from_the_floor_to_one_is_part_of_the_jobs_digest(rate):
    plain = script_spec()
    spec = JobSpec.parse(plain.to_json() | {"audit": {"ratePpm": rate}})
    assert spec.audit == Audit(rate_ppm=rate) and spec.digest() != plain.digest()
    assert is_draw_wanted(spec.audit) is (rate < ALL_PPM)


def test_unless_a_job_says_otherwise_every_one_is_run():
    assert script_spec().audit is None and not is_draw_wanted(None)


def test_a_sandbox_that_is_not_deterministic_has_no_audits():
    document = script_spec().to_json() | {
        "sandbox": "docker",
        "program": {"kind": "container", "digest": OTHER, "size": 1},
        "audit": {"ratePpm": 500_000},
    }
    with pytest.raises(InvalidJobSpec, match="not deterministic"):
        JobSpec.parse(document)
