"""The market of all contract tests, whose renters have paid in."""

import pytest

from tests.contracts.Prepaid.paid import PaidWorld


@pytest.fixture
def paid(world):
    """Every renter has `PAID_IN` in the prepaid contract, and has approved the rest of its tokens to it."""
    return PaidWorld(world)
