"""Usage reports: what they say, where it is from, and what cannot be."""

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InvalidSignature, MalformedMessage
from marketplace.protocol.enums import FigureOrigin
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import require_signed_by
from marketplace.protocol.usage import FIGURES, SignedUsage, UsageReport
from tests.unit.client.test_results import AGENT, BID, DOMAIN, LEASE, SPEC, STRANGER, attestation

GOOD = {
    "cpu_milliseconds": (2_100, FigureOrigin.MEASURED),
    "peak_memory_bytes": (81_000_000, FigureOrigin.MEASURED),
    "ingress_bytes": (SPEC.ingress_bytes, FigureOrigin.MEASURED),
    "egress_bytes": (attestation().egress_bytes, FigureOrigin.MEASURED),
    "energy_millijoules": (35_000, FigureOrigin.MODELLED),
    "carbon_milligrams": (4, FigureOrigin.MODELLED),
}


def report(**changes) -> UsageReport:
    return UsageReport.of(LEASE, attestation().result_digest, GOOD | changes)


def possible(told: UsageReport, bid=BID) -> None:
    told.require_possible(attestation(), bid, SPEC)


def test_report_that_fits_the_bid_and_the_attestation_is_possible():
    possible(report())


def test_report_that_knows_nothing_is_possible():
    possible(UsageReport.of(LEASE, attestation().result_digest, {}))


@pytest.mark.parametrize(
    ("field", "figure", "value"),
    [
        ("cpuMilliseconds", "cpu_milliseconds", 3_801),
        ("peakMemoryBytes", "peak_memory_bytes", 1_000_000_001),
        ("gpuMilliseconds", "gpu_milliseconds", 1),
        ("gpuPeakMemoryBytes", "gpu_peak_memory_bytes", 1),
        ("ingressBytes", "ingress_bytes", SPEC.ingress_bytes + 1),
        ("egressBytes", "egress_bytes", attestation().egress_bytes - 1),
    ],
)
def test_figure_beyond_what_is_reserved_or_attested_is_refused_by_field(field, figure, value):
    with pytest.raises(MalformedMessage, match=rf"UsageReport\.{field}"):
        possible(report(**{figure: (value, FigureOrigin.MEASURED)}))


@pytest.mark.parametrize(
    ("figure", "most"), [("cpu_milliseconds", 3_800), ("peak_memory_bytes", 10**9), ("ingress_bytes", 8)]
)
def test_figure_at_its_bound_is_possible(figure, most):
    possible(report(**{figure: (most, FigureOrigin.MEASURED)}))


def test_job_with_gpus_is_bounded_by_their_time():
    bid = BID.model_copy(update={"gpus": 2})
    possible(
        report(gpu_milliseconds=(6_000, FigureOrigin.MEASURED), gpu_peak_memory_bytes=(10**11, FigureOrigin.MEASURED)),
        bid,
    )
    with pytest.raises(MalformedMessage, match="what 2 GPUs have in 3 s"):
        possible(report(gpu_milliseconds=(6_001, FigureOrigin.MEASURED)), bid)


def test_report_about_another_lease_or_result_is_refused():
    for changes, field in (({"lease_id": "0x" + "78" * 32}, "leaseId"), ({"result_digest": LEASE}, "resultDigest")):
        with pytest.raises(MalformedMessage, match=field):
            possible(report().model_copy(update=changes))


def test_figure_that_is_not_known_has_no_value():
    with pytest.raises(MalformedMessage, match=r"cpuMilliseconds.*not known"):
        possible(report().model_copy(update={"origins": report().origins & ~0b11}))


def test_grams_of_an_energy_that_nobody_knows_are_refused():
    with pytest.raises(MalformedMessage, match=r"carbonMilligrams.*energy is not"):
        possible(report(energy_millijoules=(0, FigureOrigin.UNKNOWN)))


def test_bits_that_are_no_origin_are_refused():
    with pytest.raises(MalformedMessage, match=r"origins.*3 is no origin of cpu_milliseconds"):
        possible(report().model_copy(update={"origins": report().origins | 0b11}))


def test_every_figure_of_the_message_is_listed_with_its_origin():
    assert (*("lease_id", "result_digest"), *FIGURES, "origins") == tuple(UsageReport.model_fields)


@given(st.lists(st.sampled_from(list(FigureOrigin)), min_size=len(FIGURES), max_size=len(FIGURES)))
def test_each_figure_keeps_its_own_origin(origins):
    figures = {name: (0, origin) for name, origin in zip(FIGURES, origins, strict=True)}
    told = UsageReport.of(LEASE, LEASE, figures)
    assert [told.origin(name) for name in FIGURES] == origins
    assert [told.figure(name) is None for name in FIGURES] == [origin is FigureOrigin.UNKNOWN for origin in origins]


def test_figures_in_json_say_where_they_are_from():
    told = report().figures_json()
    assert told["energyMillijoules"] == {"value": "35000", "origin": "modelled"}
    assert told["gpuMilliseconds"] == {"value": None, "origin": "unknown"}


def test_signed_report_comes_through_json_as_it_was_and_is_its_agents_alone():
    usage = SignedUsage(report=report(), signature=report().sign(DOMAIN, AGENT.key))
    again = SignedUsage.parse(usage.to_json())
    assert again == usage
    require_signed_by(again.report, AGENT.address, DOMAIN, again.signature)
    with pytest.raises(InvalidSignature):
        require_signed_by(again.report, Account.from_key(STRANGER.key).address, DOMAIN, again.signature)


@pytest.mark.parametrize("document", [None, [], {}, {"report": {}}, {"report": {}, "signature": 3}])
def test_what_is_no_signed_report_is_refused(document):
    with pytest.raises(MalformedMessage, match="usage"):
        SignedUsage.parse(document)


def test_what_a_node_has_beforehand_is_not_fetched_and_not_counted():
    tool = {"kind": "tool", "module": "chain://words@1.0.0", "digest": "0x" + "11" * 32, "tool": "count"}
    entry = {"path": "a", "digest": "0x" + "22" * 32, "size": 7}
    assert JobSpec.parse({"sandbox": "mcp", "program": tool, "inputs": [entry]}).ingress_bytes == 7
