"""One job from a signed bid to a settled lease, on a provider whose node is a Ray cluster."""

import pytest

from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.messages import Attestation
from tests.integration.local import (
    PROVIDER,
    RATES,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan,
    submit,
)

pytestmark = pytest.mark.timeout(400)


def test_job_is_run_on_the_cluster_judged_by_oracles_elsewhere_and_paid(ray_address, speaking, tmp_path):
    settings = {"RAY_ADDRESS": ray_address}
    people = plan(providers=[ProviderPlan(PROVIDER, "eu", 1, 50 * USDC, RATES, settings=settings)])
    with LocalMarket(people, tmp_path / "market") as market:
        market.start()
        job_id = submit(market, tmp_path, "print(6 * 7)\nopen('made', 'w').write('here')\n")
        job = finish(market, job_id, timeout=240)
        assert job["state"] == "paid"
        with market.client() as client:
            (lease,) = job["leases"]
            terms = client.lease_terms(lease["leaseId"])
            assert (terms.profile.cpu.cores, terms.profile.memory_mb) == (2, 1_000), "the cluster's, not this machine's"
            assert terms.profile.recipient is None, "it takes no private jobs"
            attestation = Attestation.parse(client.attestation(lease["leaseId"])["attestation"])
            assert (attestation.exit_kind, attestation.exit_code) == (ExitKind.EXITED, 0)
            assert attestation.sandbox_digest == terms.promised_sandbox and attestation.fuel > 0
        assert_every_micro_usdc_is_accounted_for(market)
