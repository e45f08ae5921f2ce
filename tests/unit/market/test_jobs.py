"""The life-cycle of jobs and leases: which steps exist, and where a job with several leases stands."""

import pytest

from marketplace.domain.jobs import (
    END_STATES,
    JobState,
    compute_job_state,
    is_legal_job_step,
    is_legal_lease_step,
    validate_job_step,
)
from marketplace.errors import IllegalTransition

S = JobState


@pytest.mark.parametrize("end", sorted(END_STATES))
@pytest.mark.parametrize("after", list(JobState))
def test_what_has_ended_stays_ended(end, after):
    assert is_legal_job_step(end, after) is (end is after)
    assert is_legal_lease_step(end, after) is (end is after)


@pytest.mark.parametrize("before", [S.RUNNING, S.ATTESTED, S.VERIFYING, S.SETTLING])
@pytest.mark.parametrize("after", [S.CANCELLED, S.EXPIRED])
def test_a_job_with_an_open_lease_is_neither_cancelled_nor_expired(before, after):
    with pytest.raises(IllegalTransition) as caught:
        validate_job_step(before, after)
    assert caught.value.values == {"before": before.value, "after": after.value}


def test_a_lease_goes_forward_and_back_only_from_a_settlement_that_failed():
    assert is_legal_lease_step(S.OPENING, S.RUNNING)
    assert is_legal_lease_step(S.RUNNING, S.PAID), "a rebuild sees the end at once"
    assert not is_legal_lease_step(S.ATTESTED, S.RUNNING)
    assert not is_legal_lease_step(S.RUNNING, S.MATCHED)
    assert is_legal_lease_step(S.SETTLING, S.VERIFYING)


@pytest.mark.parametrize(
    "leases, missing, waiting_end, expected",
    [
        ([], 1, None, S.QUEUED),
        ([], 1, S.CANCELLED, S.CANCELLED),
        ([], 1, S.EXPIRED, S.EXPIRED),
        ([S.RUNNING], 0, None, S.RUNNING),
        ([S.RUNNING, S.ATTESTED], 0, None, S.RUNNING),
        ([S.PAID, S.VERIFYING], 0, None, S.VERIFYING),
        ([S.PAID], 1, None, S.QUEUED),
        ([S.PAID], 1, S.EXPIRED, S.PAID),
        ([S.PAID, S.FRAUD], 0, None, S.PAID),
        ([S.FAILED, S.FRAUD], 0, None, S.FRAUD),
        ([S.FAILED, S.REFUNDED], 0, None, S.FAILED),
        ([S.REFUNDED], 0, S.CANCELLED, S.REFUNDED),
    ],
)
def test_where_a_job_stands_given_its_leases(leases, missing, waiting_end, expected):
    assert compute_job_state(lease_states=leases, missing=missing, waiting_end=waiting_end) is expected
