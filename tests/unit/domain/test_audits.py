"""Which leases members of the committee draw about at all."""

import pytest

from marketplace.client.private import JobKey
from marketplace.domain.audits import is_draw_due
from marketplace.protocol.audits import Audit
from marketplace.protocol.enums import ExitKind
from tests.unit.agent.test_work import script_spec
from tests.unit.client.test_results import attestation

SPEC = script_spec().model_copy(update={"audit": Audit(rate_ppm=750_000)})


def test_a_job_with_a_rate_is_drawn_about_where_its_end_can_be_found_again():
    assert is_draw_due(SPEC, attestation())
    assert not is_draw_due(SPEC, attestation(exit_kind=int(ExitKind.TIMEOUT)))


@pytest.mark.parametrize("rate_ppm", [500_000, 999_999])
def test_a_private_job_is_always_run_as_nobody_can_see_without_its_key_what_was_attested(rate_ppm):
    hidden = {"privacy": JobKey.new().privacy, "audit": Audit(rate_ppm=rate_ppm)}
    assert not is_draw_due(SPEC.model_copy(update=hidden), attestation())
