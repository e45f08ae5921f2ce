"""Payment channels on the market's chain: three payers with approved USDC, two payees, one authorizer for both."""

import pytest

from tests.contracts.PaymentChannels.channels import Channels


@pytest.fixture
def channels(world):
    """Channels of the freshly funded market; none is open."""
    return Channels(world)
