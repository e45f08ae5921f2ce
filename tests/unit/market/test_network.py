"""Jobs with network at the market: which bids are taken, who is matched, which egress may be attested and billed."""

import pytest

from marketplace.errors import InvalidManifest, MalformedMessage
from marketplace.protocol.enums import ExitKind, Verification
from marketplace.protocol.profile import NodeProfile
from marketplace.services.clear_round import run_round
from marketplace.services.place_order import place_ask
from marketplace.services.show_lease import show_lease
from tests.fakes.world import DOMAIN, PROVIDER
from tests.unit.market.test_unmetered import container, place

NETWORK = {"network": {"hosts": ["api.example.org:443"]}}
ACCEPTED = {"fuel": 0, "verification": int(Verification.ACCEPT)}
FILES = len(b"hello\n")


def offer(world, *hosts: str) -> None:
    """An ask for containers, on a node that lets them reach these hosts."""
    profile = NodeProfile.parse(world.profile().to_json() | {"sandboxes": ["docker"], "networkHosts": list(hosts)})
    ask = world.ask(profile_digest=profile.digest())
    place_ask(world.market, ask, ask.sign(DOMAIN, PROVIDER.key), profile)


def lease(world, **spec) -> str:
    offer(world, "*.example.org")
    job_id = place(world, container(**spec), **ACCEPTED)
    run_round(world.market)
    world.drain()
    return world.lease_of(job_id)


@pytest.mark.parametrize("policy", [one for one in Verification if one is not Verification.ACCEPT])
def test_bid_that_would_have_it_run_again_voted_on_or_proven_is_refused_by_field(world, policy):
    with pytest.raises(MalformedMessage, match=r"^Bid\.verification: .*expected 2 \(accept\)"):
        place(world, container(**NETWORK), fuel=0, verification=int(policy), replicas=2)


def test_bid_that_buys_no_egress_is_refused(world):
    with pytest.raises(MalformedMessage, match=r"^Bid\.egressMb: 0"):
        place(world, container(**NETWORK), egress_mb=0, **ACCEPTED)


@pytest.mark.parametrize("hosts", [(), ("example.org",), ("any:80",)])
def test_node_that_does_not_let_it_reach_its_host_is_not_matched(world, hosts):
    offer(world, *hosts)
    job_id = place(world, container(**NETWORK), **ACCEPTED)
    run_round(world.market)
    with world.market.store.read() as tx:
        assert tx.leases.of_bid(job_id) == []


def test_what_was_sent_is_attested_beside_the_files_up_to_the_reservation_and_billed(world):
    lease_id = lease(world, **NETWORK)
    with pytest.raises(MalformedMessage, match="egress"):
        world.attest(lease_id, fuel=0, egress_bytes=1_000_001)
    with pytest.raises(InvalidManifest, match="expected at least as many"):
        world.attest(lease_id, fuel=0, egress_bytes=FILES - 1)
    world.attest(lease_id, fuel=0, egress_bytes=900_000)
    with world.market.store.read() as tx:
        attested, bid = tx.evidence.attestation(lease_id).attestation, tx.bids.get(tx.leases.get(lease_id).bid_hash).bid
    assert attested.usage_of(bid.resources).egress_mb == 1


def test_without_network_nothing_but_the_files_is_attested(world):
    lease_id = lease(world)
    with pytest.raises(InvalidManifest, match="expected as many"):
        world.attest(lease_id, fuel=0, egress_bytes=FILES + 1)


def test_end_by_more_than_was_bought_is_shown_as_what_it_is(world):
    lease_id = lease(world, **NETWORK)
    world.attest(lease_id, fuel=0, egress_bytes=900_000, exit_kind=int(ExitKind.NETWORK_LIMIT))
    assert show_lease(world.market, lease_id)["exit"] == "network_limit"
