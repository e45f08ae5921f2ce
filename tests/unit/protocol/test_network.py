"""Hosts that a job may talk to: what names one, what a provider lets through, and which egress can then be attested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from marketplace.client.jobs import default_verification
from marketplace.errors import InvalidJobSpec, InvalidManifest, MalformedMessage
from marketplace.protocol.enums import FigureOrigin, Verification
from marketplace.protocol.jobspec import ContainerProgram, JobSpec
from marketplace.protocol.messages import Attestation
from marketplace.protocol.network import Destination, Network, Pattern, find_forbidden, require_egress
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.usage import UsageReport
from marketplace.services.validate_job import _validate_network
from tests.unit.clearing.market import bid, profile

DIGEST = "0x" + "ab" * 32
CONTAINER = {"sandbox": "docker", "program": {"kind": "container", "digest": DIGEST, "size": 5}}
LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAME = st.lists(LABEL, min_size=2, max_size=4).map(".".join)
PORT = st.integers(1, 65_535)


def networked(*hosts: str, **more) -> JobSpec:
    return JobSpec.parse(CONTAINER | {"network": {"hosts": list(hosts), **more}})


@given(NAME, PORT)
def test_every_name_with_a_dot_and_a_port_is_a_destination(name, port):
    assert networked(f"{name}:{port}").network_hosts == (f"{name}:{port}",)


@pytest.mark.parametrize(
    "wrong",
    [
        "example.org", "example.org:", "example.org:0", "example.org:65536", "example.org:0443", "Example.org:443",
        "localhost:443", "127.0.0.1:443", "127.1:443", "0x7f.0x1:443", "2130706433:80", "[::1]:443", "example.org.:443",
        ".example.org:443", "*.example.org:443", "any:443", "http://example.org:443", "user@example.org:443",
        "exa mple.org:443", "example.org:443\n", "exämple.org:443", "-a.org:443", f"{'a.' * 130}org:443", "",
    ],
)  # fmt: skip
def test_what_is_no_name_and_port_is_refused_by_field(wrong):
    with pytest.raises(InvalidJobSpec, match=r"^JobSpec\.network\.hosts\.0: "):
        networked(wrong)


def test_a_job_lists_one_to_sixteen_different_hosts():
    for hosts in ([], ["a.org:1", "a.org:1"], [f"a{n}.org:1" for n in range(17)]):
        with pytest.raises(InvalidJobSpec, match=r"^JobSpec\.network\.hosts: "):
            networked(*hosts)


@pytest.mark.parametrize(
    "program",
    [
        {"kind": "module", "digest": DIGEST, "size": 5},
        {"kind": "tool", "module": "chain://tools@1.0.0", "digest": DIGEST, "tool": "t"},
    ],
)
def test_only_containers_have_network(program):
    sandbox = "mcp" if program["kind"] == "tool" else "wasm"
    with pytest.raises(InvalidJobSpec, match="only containers can buy it"):
        JobSpec.parse({"sandbox": sandbox, "program": program, "network": {"hosts": ["a.org:1"]}})


def test_network_is_covered_by_the_jobs_digest_and_read_back():
    spec = networked("a.org:443", maxReceivedMb=7)
    assert JobSpec.parse(spec.to_json()) == spec
    assert spec.digest() != networked("a.org:443", maxReceivedMb=8).digest() != JobSpec.parse(CONTAINER).digest()
    assert (spec.network.received_bytes, JobSpec.parse(CONTAINER).network_hosts) == (7_000_000, ())


# --- what a provider lets through -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "let_through", "kept_out"),
    [
        ("any", ["a.org:443", "b.c.net:443"], ["a.org:80", "a.org:4433"]),
        ("any:25", ["a.org:25"], ["a.org:443"]),
        ("a.org", ["a.org:443"], ["b.a.org:443", "xa.org:443", "a.org.evil.net:443", "a.org:80"]),
        ("*.a.org", ["b.a.org:443", "c.b.a.org:443"], ["a.org:443", "xa.org:443", "a.org.net:443"]),
        ("*.a.org:8443", ["b.a.org:8443"], ["b.a.org:443"]),
    ],
)
def test_pattern_lets_through_what_it_names_on_its_port_alone(pattern, let_through, kept_out):
    assert TypeAdapter(Pattern).validate_python(pattern) == pattern
    assert find_forbidden([*let_through, *kept_out], [pattern]) == kept_out


@given(st.lists(st.tuples(NAME, PORT).map(lambda pair: f"{pair[0]}:{pair[1]}"), max_size=4))
def test_a_provider_that_allows_nothing_lets_nothing_through(wanted):
    assert find_forbidden(wanted, ()) == wanted


@given(NAME, PORT)
def test_a_destination_is_a_pattern_that_lets_itself_through(name, port):
    destination = TypeAdapter(Destination).validate_python(f"{name}:{port}")
    assert find_forbidden([destination], [TypeAdapter(Pattern).validate_python(destination)]) == []


@pytest.mark.parametrize(
    "wrong", ["*", "*.*.org", "a", "10.0.0.0/8", "127.0.0.1", "ANY", "any:0", "a.org:99999", "*.any"]
)
def test_what_names_no_hosts_is_no_pattern(wrong):
    with pytest.raises(ValidationError):
        TypeAdapter(Pattern).validate_python(wrong)


def test_profile_without_network_keeps_the_digest_that_it_had():
    plain = profile()
    assert "networkHosts" not in plain.to_json()
    reaching = NodeProfile.parse(plain.to_json() | {"networkHosts": ["any"]})
    assert reaching.digest() != plain.digest() == NodeProfile.parse(plain.to_json() | {"networkHosts": []}).digest()


# --- what is attested and taken ---------------------------------------------------------------------------------------


def test_without_network_the_attested_egress_is_the_manifests():
    require_egress(10, 10, None)
    for attested in (9, 11):
        with pytest.raises(InvalidManifest, match="expected as many"):
            require_egress(attested, 10, None)


def test_with_network_what_was_sent_comes_on_top_and_never_less():
    network = Network(hosts=("a.org:443",))
    require_egress(10, 10, network)
    require_egress(11, 10, network)
    with pytest.raises(InvalidManifest, match="expected at least as many"):
        require_egress(9, 10, network)


def test_egress_that_nobody_can_recompute_is_bounded_by_what_the_bid_reserves():
    reserved = bid(egress_mb=2, fuel=0).bid.resources
    assert attested(2_000_000).usage_of(reserved).egress_mb == 2
    with pytest.raises(MalformedMessage, match="egress"):
        attested(2_000_001).usage_of(reserved)


def attested(egress: int) -> Attestation:
    return Attestation(
        lease_id=DIGEST, job_digest=DIGEST, result_digest=DIGEST, fuel=0, wall_seconds=1, egress_bytes=egress,
        exit_kind=0, exit_code=0, sandbox_digest=DIGEST, started_at=1, finished_at=2,
    )  # fmt: skip


@pytest.mark.parametrize("policy", [one for one in Verification if one is not Verification.ACCEPT])
def test_policies_that_a_network_makes_meaningless_or_unjust_are_refused_by_field(policy):
    placed = bid(verification=int(policy), egress_mb=1).bid
    with pytest.raises(MalformedMessage, match=r"^Bid\.verification: .*expected 2 \(accept\)"):
        _validate_network(placed, networked("a.org:443"))
    _validate_network(placed, JobSpec.parse(CONTAINER))


def test_acceptance_is_taken_if_egress_is_bought_and_is_what_a_client_asks_for():
    job = networked("a.org:443")
    _validate_network(bid(verification=int(Verification.ACCEPT), egress_mb=1).bid, job)
    with pytest.raises(MalformedMessage, match=r"^Bid\.egressMb: 0"):
        _validate_network(bid(verification=int(Verification.ACCEPT), egress_mb=0).bid, job)
    assert [default_verification(job, replicas) for replicas in (1, 3)] == [Verification.ACCEPT] * 2
    assert default_verification(JobSpec.parse(CONTAINER), 3) is Verification.REPLICATE


def test_usage_report_may_count_what_the_network_brought_and_no_more():
    job = networked("a.org:443", maxReceivedMb=1)
    assert isinstance(job.program, ContainerProgram)
    possible = 1_000_000 + job.program.size
    for bytes_in, is_possible in ((possible, True), (possible + 1, False)):
        report = UsageReport.of(DIGEST, DIGEST, {"ingress_bytes": (bytes_in, FigureOrigin.MEASURED)})
        if is_possible:
            report.require_possible(attested(0), bid().bid, job)
        else:
            with pytest.raises(MalformedMessage, match="ingressBytes"):
                report.require_possible(attested(0), bid().bid, job)
