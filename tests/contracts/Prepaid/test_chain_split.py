"""When a chain splits in two, what was signed before counts on the one that keeps the id, and on the other no more."""

from dataclasses import replace

import brownie
import pytest

from marketplace.protocol.prepaid import WorkRefusal
from tests.contracts.Prepaid.paid import PAID_IN, PAY
from tests.contracts.world import reverts_with

OTHER = 4_242


@pytest.fixture
def split(paid, world, monkeypatch):
    """From the call on, the chain has another id, and so has what is signed."""

    def go():
        assert "error" not in brownie.web3.provider.make_request("hive_setChainId", [OTHER])
        monkeypatch.setattr(paid, "domain", replace(paid.domain, chain_id=OTHER))
        monkeypatch.setattr(world, "domain", replace(world.domain, chain_id=OTHER))

    yield go
    brownie.web3.provider.make_request("hive_setChainId", [None])


def test_work_signed_before_the_split_is_not_settled_on_the_other_chain(paid, split):
    args = paid.work_args([paid.job()])
    split()
    with reverts_with("NothingSettled", WorkRefusal.ASK_SIGNATURE):
        paid.send(args)


def test_work_signed_for_the_other_chain_is_settled_there(paid, split):
    split()
    paid.settle(paid.job())
    assert paid.balance() == PAID_IN - PAY


def test_orders_of_leases_are_signed_for_one_of_both_chains(world, split):
    match = world.match()
    split()
    with reverts_with("NothingOpened"):
        world.send_open(match)
    world.open()


def test_the_escrow_says_which_domain_it_signs_for(world, split):
    split()
    assert world.escrow.domainSeparator() == "0x" + world.domain.separator().hex()
