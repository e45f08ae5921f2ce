"""Usage reports at the market: taken with the attestation, held against it, served with the lease."""

import pytest

from marketplace.errors import ConflictError, InvalidSignature, MalformedMessage, NotFound
from marketplace.protocol.enums import FigureOrigin
from marketplace.protocol.usage import SignedUsage, UsageReport
from marketplace.services.record_evidence import record_attestation
from marketplace.services.show_lease import list_claims, show_attestation, show_lease
from tests.fakes.world import AGENT, DOMAIN, ORACLES, RENTER


def report_on(attestation, **changes):
    figures = {
        "cpu_milliseconds": (2_100, FigureOrigin.MEASURED),
        "egress_bytes": (attestation.egress_bytes, FigureOrigin.MEASURED),
        "energy_millijoules": (35_000, FigureOrigin.MODELLED),
    }
    return UsageReport.of(attestation.lease_id, attestation.result_digest, figures | changes)


def post(world, attestation, report=None, key=AGENT.key):
    usage = SignedUsage(report=report, signature=report.sign(DOMAIN, key)) if report else None
    signature = attestation.sign(DOMAIN, AGENT.key)
    return record_attestation(world.market, attestation.lease_id, attestation, signature, world.manifest(), usage)


def test_report_is_served_with_its_lease_its_evidence_and_to_oracles(world):
    attestation = world.attestation(world.open_lease())
    report = report_on(attestation)
    assert post(world, attestation, report)
    lease_id = attestation.lease_id
    assert show_lease(world.market, lease_id)["usage"] == report.to_json()
    assert SignedUsage.parse(show_attestation(world.market, lease_id)["usage"]).report == report
    (claim,) = list_claims(world.market, ORACLES[0].address)["claims"]
    assert claim["usage"] == SignedUsage.parse(claim["usage"]).to_json()


def test_attestation_without_a_report_is_as_good(world):
    attestation = world.attestation(world.open_lease())
    assert post(world, attestation)
    assert show_lease(world.market, attestation.lease_id)["usage"] is None
    assert show_attestation(world.market, attestation.lease_id)["usage"] is None


def test_same_evidence_again_is_not_new_with_its_report_or_without(world):
    attestation = world.attestation(world.open_lease())
    post(world, attestation, report_on(attestation))
    assert not post(world, attestation, report_on(attestation))
    assert not post(world, attestation)


def test_second_report_on_a_lease_is_refused(world):
    attestation = world.attestation(world.open_lease())
    post(world, attestation, report_on(attestation))
    with pytest.raises(ConflictError, match="Another usage report"):
        post(world, attestation, report_on(attestation, cpu_milliseconds=(1, FigureOrigin.MEASURED)))


def test_report_after_an_attestation_that_had_none_is_refused(world):
    attestation = world.attestation(world.open_lease())
    post(world, attestation)
    with pytest.raises(ConflictError, match="without a usage report"):
        post(world, attestation, report_on(attestation))


def test_report_that_its_agent_did_not_sign_takes_nothing_in(world):
    attestation = world.attestation(world.open_lease())
    with pytest.raises(InvalidSignature, match="UsageReport was not signed by"):
        post(world, attestation, report_on(attestation), RENTER.key)
    with pytest.raises(NotFound):
        show_attestation(world.market, attestation.lease_id)


@pytest.mark.parametrize(
    ("field", "figure"),
    [
        ("cpuMilliseconds", {"cpu_milliseconds": (3_801, FigureOrigin.MEASURED)}),
        ("peakMemoryBytes", {"peak_memory_bytes": (512_000_001, FigureOrigin.MEASURED)}),
        ("egressBytes", {"egress_bytes": (7, FigureOrigin.MEASURED)}),
    ],
)
def test_report_that_cannot_be_is_refused_by_field_and_takes_nothing_in(world, field, figure):
    attestation = world.attestation(world.open_lease())
    with pytest.raises(MalformedMessage, match=rf"UsageReport\.{field}"):
        post(world, attestation, report_on(attestation, **figure))
    with pytest.raises(NotFound):
        show_attestation(world.market, attestation.lease_id)
