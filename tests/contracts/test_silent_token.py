"""A token that takes every call and moves nothing: an authorization that it says it has used is no deposit."""

import brownie
import pytest

from tests.contracts.deployed import furnished, project
from tests.contracts.PaymentChannels.channels import Channels
from tests.contracts.world import reverts_with

ANSWERS_ZERO = "0x600580600b6000396000f360206000f3"
"""Creates a contract that answers every call with 32 zero bytes."""
AMOUNT, LATER = 7, 2**40


@pytest.fixture
def hostile(world):
    """A market on such a token."""
    created = brownie.accounts[0].transfer(data=ANSWERS_ZERO).contract_address
    return furnished(project().FiatToken.at(created), minimum_bond=0)


@pytest.mark.parametrize("name", ["Escrow", "Prepaid"])
def test_an_authorization_that_moves_nothing_credits_nobody(hostile, name):
    given = (hostile.renter, hostile.renter, AMOUNT, 0, LATER, bytes(32), bytes(65))
    with reverts_with("TransferMismatch", AMOUNT, 0):
        hostile.contracts[name].depositWithAuthorization(*given, {"from": hostile.stranger})


def test_an_authorization_that_moves_nothing_opens_no_channel(hostile):
    channels = Channels(hostile)
    given = (channels.config().as_tuple(), AMOUNT, hostile.renter, 0, LATER, 1, bytes(65))
    with reverts_with("DepositMismatch", AMOUNT, 0):
        channels.contract.depositWithAuthorization(*given, {"from": hostile.stranger})
