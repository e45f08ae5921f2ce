"""Draws of random audits at the market: what it takes, in which order, what it shows to whoever draws again."""

import pytest

from marketplace.api.app import build_app
from marketplace.client import MarketClient
from marketplace.errors import ConflictError, InvalidSignature, MalformedMessage, NotFound, WrongSigner
from marketplace.protocol.audits import Audit, AuditSeal, AuditShare, Draw, compute_commitment, is_drawn
from marketplace.protocol.enums import ExitKind, Verification
from marketplace.protocol.messages import Attestation
from marketplace.services.audits import record_audit_seal, record_audit_share, show_audit
from marketplace.services.place_order import place_bid
from marketplace.services.show_lease import list_claims, show_attestation, show_lease
from tests.fakes.http import AppTransport
from tests.fakes.world import DOMAIN, ORACLES, OTHER_RULES, RENTER, World, key
from tests.unit.market.sealing import close_by_receipt, job_events

RATE = 500_000
STRANGER = key(99)
EMPTY = "0x" + "00" * 32


def audited_world(folder, rate_ppm: int | None = RATE) -> World:
    """A market whose jobs all have this rate of audits."""
    world = World(folder, OTHER_RULES)
    audit = Audit(rate_ppm=rate_ppm) if rate_ppm is not None else None
    plain = world.job_spec()
    world.job_spec = lambda: plain.model_copy(update={"audit": audit})
    return world


@pytest.fixture
def world(tmp_path) -> World:
    return audited_world(tmp_path)


@pytest.fixture
def lease_id(world) -> str:
    """A lease with evidence."""
    lease_id = world.open_lease()
    world.attest(lease_id)
    return lease_id


def draw_of(world, lease_id: str) -> Draw:
    shown = show_audit(world.market, lease_id)
    return Draw(DOMAIN, tuple(shown["members"]), lease_id, shown["attestation"])


def share_of(oracle, number: int = 0) -> str:
    return f"0x{int(oracle.address, 16) + number:064x}"


def seal(world, lease_id: str, oracle, number: int = 0, signer=None, **changes) -> bool:
    draw = draw_of(world, lease_id)
    commitment = compute_commitment(oracle.address, lease_id, draw.attestation, share_of(oracle, number))
    fields = {"lease_id": lease_id, "attestation": draw.attestation, "commitment": commitment}
    message = AuditSeal(**fields | changes)
    signature = message.sign(DOMAIN, (signer or oracle).key)
    return record_audit_seal(world.market, lease_id, message, oracle.address, signature)


def show(world, lease_id: str, oracle, number: int = 0, signer=None, **changes) -> bool:
    draw = draw_of(world, lease_id)
    commitments = draw.read_seals(show_audit(world.market, lease_id)["seals"])
    seals = draw.seals_digest(commitments) if draw.is_complete(commitments) else EMPTY
    fields = {
        "lease_id": lease_id,
        "attestation": draw.attestation,
        "seals": seals,
        "share": share_of(oracle, number),
    }
    message = AuditShare(**fields | changes)
    signature = message.sign(DOMAIN, (signer or oracle).key)
    return record_audit_share(world.market, lease_id, message, oracle.address, signature)


def draw_all(world, lease_id: str, *, drawn: bool) -> None:
    """All members seal and show, the last of them a share with which the draw falls as wanted."""
    draw, (first, second, third) = draw_of(world, lease_id), ORACLES
    shares = {first.address: share_of(first), second.address: share_of(second)}
    numbers = (
        number
        for number in range(1_000)
        if is_drawn(draw.compute(shares | {third.address: share_of(third, number)}), RATE) is drawn
    )
    number = next(numbers)
    for oracle, its in ((first, 0), (second, 0), (third, number)):
        seal(world, lease_id, oracle, its)
    for oracle, its in ((first, 0), (second, 0), (third, number)):
        show(world, lease_id, oracle, its)


# --- taking in ---


@pytest.mark.parametrize("drawn", [True, False])
def test_a_draw_goes_into_the_jobs_story_once_it_is_complete(world, lease_id, drawn):
    assert show_lease(world.market, lease_id)["audit"] == {"ratePpm": RATE, "drawn": None}
    draw_all(world, lease_id, drawn=drawn)
    assert show_lease(world.market, lease_id)["audit"] == {"ratePpm": RATE, "drawn": drawn}
    kinds = [one["event"] for one in job_events(world, lease_id) if one["event"].startswith("audit")]
    assert kinds == ["audit_drawn" if drawn else "audit_not_drawn"]


def test_the_same_seal_and_share_again_are_no_error_and_change_nothing(world, lease_id):
    assert seal(world, lease_id, ORACLES[0]) and not seal(world, lease_id, ORACLES[0])
    for oracle in ORACLES[1:]:
        seal(world, lease_id, oracle)
    assert show(world, lease_id, ORACLES[0]) and not show(world, lease_id, ORACLES[0])
    for oracle in ORACLES[1:]:
        show(world, lease_id, oracle)
    before = show_audit(world.market, lease_id)
    assert not show(world, lease_id, ORACLES[2]) and show_audit(world.market, lease_id) == before
    assert len([one for one in job_events(world, lease_id) if one["event"].startswith("audit")]) == 1


def test_an_oracle_seals_one_share_a_lease(world, lease_id):
    seal(world, lease_id, ORACLES[0])
    with pytest.raises(ConflictError, match="Another audit seal"):
        seal(world, lease_id, ORACLES[0], number=1)


def test_no_share_is_taken_before_every_member_has_sealed(world, lease_id):
    for oracle in ORACLES[:2]:
        seal(world, lease_id, oracle)
    with pytest.raises(ConflictError, match="Not every member has sealed"):
        show(world, lease_id, ORACLES[0])
    assert show_audit(world.market, lease_id)["shares"] == []


def test_a_share_without_a_seal_is_refused(world, lease_id):
    with pytest.raises(ConflictError, match="has sealed no share"):
        show(world, lease_id, ORACLES[0])


@pytest.mark.parametrize(
    ("changes", "field"), [({"share": EMPTY}, "AuditShare.share"), ({"seals": "0x" + "11" * 32}, "AuditShare.seals")]
)
def test_a_share_that_opens_another_seal_or_is_for_other_seals_is_refused_by_field(world, lease_id, changes, field):
    for oracle in ORACLES:
        seal(world, lease_id, oracle)
    with pytest.raises(MalformedMessage, match=field):
        show(world, lease_id, ORACLES[0], **changes)


def test_a_seal_about_another_attestation_or_lease_is_refused_by_field(world, lease_id):
    with pytest.raises(MalformedMessage, match=r"AuditSeal\.attestation"):
        seal(world, lease_id, ORACLES[0], attestation=EMPTY)
    other = AuditSeal(lease_id=EMPTY, attestation=EMPTY, commitment=EMPTY)
    with pytest.raises(MalformedMessage, match=r"AuditSeal\.leaseId"):
        record_audit_seal(world.market, lease_id, other, ORACLES[0].address, other.sign(DOMAIN, ORACLES[0].key))


def test_only_members_seal_and_in_their_own_name(world, lease_id):
    with pytest.raises(WrongSigner):
        seal(world, lease_id, STRANGER)
    with pytest.raises(InvalidSignature):
        seal(world, lease_id, ORACLES[0], signer=ORACLES[1])
    for oracle in ORACLES:
        seal(world, lease_id, oracle)
    with pytest.raises(InvalidSignature):
        show(world, lease_id, ORACLES[0], signer=ORACLES[1])


def test_a_closed_lease_takes_no_seal(world, lease_id):
    seal(world, lease_id, ORACLES[0])
    close_by_receipt(world, lease_id)
    with pytest.raises(ConflictError, match="closed"):
        seal(world, lease_id, ORACLES[1])


# --- what there is nothing to draw about ---


@pytest.mark.parametrize("rate", [None, 1_000_000])
def test_where_every_job_is_run_there_is_nothing_to_draw(tmp_path, rate):
    world = audited_world(tmp_path, rate)
    lease_id = world.open_lease()
    world.attest(lease_id)
    assert show_lease(world.market, lease_id)["audit"] is None
    with pytest.raises(ConflictError, match="nothing to draw"):
        show_audit(world.market, lease_id)


def test_before_evidence_and_about_an_end_that_none_can_reproduce_there_is_nothing_to_draw(world):
    lease_id = world.open_lease()
    with pytest.raises(ConflictError, match="not attested"):
        show_audit(world.market, lease_id)
    world.attest(lease_id, exit_kind=int(ExitKind.TIMEOUT))
    with pytest.raises(ConflictError, match="nothing to draw"):
        show_audit(world.market, lease_id)
    with pytest.raises(NotFound):
        show_audit(world.market, EMPTY)


def test_oracles_are_told_of_which_claims_they_draw(world, lease_id):
    (claim,) = list_claims(world.market, ORACLES[0].address)["claims"]
    assert claim["auditRatePpm"] == RATE


def test_a_rate_of_audits_of_a_job_that_no_oracle_runs_is_refused(world):
    bid = world.bid(verification=int(Verification.ACCEPT))
    with pytest.raises(MalformedMessage, match=r"Bid\.verification.*audit"):
        place_bid(world.market, bid, bid.sign(DOMAIN, RENTER.key), world.job_spec())


# --- drawing again ---


@pytest.mark.parametrize("drawn", [True, False])
def test_whoever_reads_the_seals_and_shares_over_http_draws_the_same(world, lease_id, drawn):
    draw_all(world, lease_id, drawn=drawn)
    with MarketClient("http://market.test", transport=AppTransport(build_app(world.market))) as client:
        shown, attested = client.audit(lease_id), show_attestation(world.market, lease_id)["attestation"]
    members = world.chain.committee().members
    draw = Draw(DOMAIN, members, lease_id, Attestation.parse(attested).digest(DOMAIN))
    assert is_drawn(draw.read(shown), shown["ratePpm"]) is drawn is shown["drawn"]


def test_a_draw_goes_over_http_as_it_does_in_the_process(world, lease_id):
    draw = draw_of(world, lease_id)
    with MarketClient("http://market.test", transport=AppTransport(build_app(world.market))) as client:
        for oracle in ORACLES:
            commitment = compute_commitment(oracle.address, lease_id, draw.attestation, share_of(oracle))
            message = AuditSeal(lease_id=lease_id, attestation=draw.attestation, commitment=commitment)
            for _ in range(2):
                client.post_audit_seal(message, oracle.address, message.sign(DOMAIN, oracle.key))
        seals = draw.seals_digest(draw.read_seals(client.audit(lease_id)["seals"]))
        for oracle in ORACLES:
            shared = AuditShare(lease_id=lease_id, attestation=draw.attestation, seals=seals, share=share_of(oracle))
            for _ in range(2):
                client.post_audit_share(shared, oracle.address, shared.sign(DOMAIN, oracle.key))
        assert client.audit(lease_id)["drawn"] is is_drawn(draw.read(client.audit(lease_id)), RATE)


def test_a_market_that_starts_again_goes_on_with_the_draw(world, lease_id):
    for oracle in ORACLES:
        seal(world, lease_id, oracle)
    world.market = world.restarted()
    for oracle in ORACLES:
        show(world, lease_id, oracle)
    assert show_audit(world.market, lease_id)["drawn"] is not None
