"""settleWork(…): finished work is paid from prepaid balances, in one transaction."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import VerdictBatch
from tests.contracts.Prepaid.paid import PAID_IN, PAY, PAY_FEE, PaidWorld
from tests.contracts.world import QUOTE, ROUND, event_of, events_of, project, undone


def net_of_fee(pay):
    """What of a pay the provider gets."""
    return pay - pay * 500 // 10_000


FREE_OF_PAY = {"pay": 0, "outcome": Outcome.FAILED}


def test_a_finished_job_is_paid_net_of_the_fee(paid, world):
    job = paid.job()
    tx = paid.settle(job)
    assert paid.balance() == PAID_IN - PAY
    assert paid.provider() == {
        "balance": PAY - PAY_FEE, "volume": PAY - PAY_FEE, "askSalt": 0, "settled": 1, "failed": 0, "frauds": 0,
    }  # fmt: skip
    assert event_of(tx, "WorkSettled") == {
        "market": world.operator,
        "roundDigest": "0x" + ROUND.hex(),
        "verdictsHash": VerdictBatch.of([job.verdict()]).struct_hash(),
        "epoch": 1,
        "signers": 7,
        "fees": PAY_FEE,
        "renters": ((world.renter, PAID_IN - PAY | 1 << 112 + job.bid.salt),),
        "credits": (int(world.provider.address, 16) | PAY - PAY_FEE << 160 | 1 << 224,),
    }
    assert "WorkSkipped" not in tx.events
    assert paid.is_sound()


def test_a_fifth_of_the_fee_goes_to_the_oracles_that_signed(paid, world):
    paid.settle(paid.job(), oracles=[world.oracles[index] for index in (0, 2, 4)])
    each = PAY_FEE // 5 // 3
    assert paid.purses() == [each, 0, each, 0, each]
    assert paid.contract.fees(1) == PAY_FEE - 3 * each


@pytest.mark.parametrize("outcome, counter", [(Outcome.FAILED, "failed"), (Outcome.FRAUD, "frauds")])
def test_a_job_without_result_costs_nothing_and_counts(paid, outcome, counter):
    tx = paid.settle(paid.job(pay=0, outcome=outcome))
    assert paid.balance() == PAID_IN
    assert paid.provider() == {
        "balance": 0, "volume": 0, "askSalt": 0, "settled": 0, "failed": 0, "frauds": 0, counter: 1,
    }  # fmt: skip
    assert event_of(tx, "WorkSettled")["fees"] == 0
    assert paid.is_sound()


def test_a_settled_bid_is_never_settled_again(paid):
    job = paid.job(bid=paid.bid(salt=9), **FREE_OF_PAY)
    paid.settle(job)
    assert paid.contract.isVoid(job.bid.renter, 9)
    tx = paid.settle(replace(job, pay=PAY, outcome=Outcome.PAID), paid.job())
    assert [event["index"] for event in events_of(tx, "WorkSkipped")] == [0]


def test_the_escrow_refuses_a_bid_for_finished_work(paid, world):
    tx = world.send_open(world.match(), world.match(bid=paid.bid()))
    assert event_of(tx, "MatchSkipped") == {"index": 1, "reason": 12}


def test_many_jobs_of_many_renters_and_providers(paid, world):
    asks = [world.ask(provider) for provider in world.providers]
    jobs = [
        paid.job(paid.bid(renter), ask, pay=PAY + 7 * place + number)
        for place, ask in enumerate(asks)
        for number, renter in enumerate(paid.renters)
    ]
    paid.settle(*jobs)
    for renter in paid.renters:
        assert paid.balance(renter) == PAID_IN - sum(job.pay for job in jobs if job.bid.renter == renter)
    for provider in world.providers:
        own = [job for job in jobs if job.ask.provider == provider]
        earned = sum(net_of_fee(job.pay) for job in own)
        assert paid.provider(provider)["balance"] == paid.provider(provider)["volume"] == earned
        assert paid.provider(provider)["settled"] == 3
    assert paid.is_sound()


def test_the_fee_of_each_pay_is_rounded_down(paid, world):
    ask = world.ask()
    tx = paid.settle(*(paid.job(ask=ask, pay=pay) for pay in (19, 19, 39, 40)))
    assert event_of(tx, "WorkSettled")["fees"] == 0 + 0 + 1 + 2
    assert paid.provider()["balance"] == 19 + 19 + 39 + 40 - 3


def test_jobs_of_one_provider_need_not_stand_together(paid, world):
    mine, others = world.ask(), world.ask(world.providers[1])
    again = world.ask(agent=world.operator.address)
    jobs = [paid.job(ask=ask) for ask in (mine, others, mine, again, others)]
    paid.settle(*jobs)
    assert paid.provider()["settled"] == 3 and paid.provider()["balance"] == 3 * (PAY - PAY_FEE)
    assert paid.provider(world.providers[1])["settled"] == 2
    assert paid.is_sound()


def test_outcomes_stand_three_a_word(paid):
    outcomes = [Outcome.PAID, Outcome.FAILED, Outcome.PAID, Outcome.FRAUD, Outcome.PAID, Outcome.FAILED, Outcome.PAID]
    pays = [PAY + place if outcome == Outcome.PAID else 0 for place, outcome in enumerate(outcomes)]
    ask = paid.world.ask()
    paid.settle(*(paid.job(ask=ask, outcome=one, pay=pay) for one, pay in zip(outcomes, pays, strict=True)))
    account = paid.provider()
    assert (account["settled"], account["failed"], account["frauds"]) == (4, 2, 1)
    assert paid.balance() == PAID_IN - sum(pays)


def test_an_account_can_be_renter_and_provider_at_once(paid, world):
    tx = paid.settle(paid.job(ask=world.ask(world.renter)))
    assert "WorkSkipped" not in tx.events
    assert paid.balance() == PAID_IN - PAY
    assert paid.provider(world.renter)["balance"] == PAY - PAY_FEE


def test_work_is_paid_from_what_is_asked_back_too(paid, world):
    paid.contract.requestWithdrawal(PAID_IN, {"from": world.renter})
    tx = paid.settle(paid.job())
    assert "WorkSkipped" not in tx.events
    assert paid.balance() == PAID_IN - PAY


def test_the_fee_is_the_one_in_force(paid, world):
    world.govern(paid.contract, paid.contract.setFee.encode_input(1_000))
    paid.settle(paid.job())
    assert paid.provider()["balance"] == PAY - PAY // 10


def test_an_ask_by_a_delegated_agent_serves(paid, world):
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    paid.settle(paid.job(signers=(world.renter, world.stranger)))
    assert paid.provider()["settled"] == 1


def test_an_account_contract_provides_by_erc_1271(paid, world):
    account = world.stranger.deploy(project().SmartAccount, world.operator)
    job = paid.job(ask=world.ask(account), signers=(world.renter, world.operator), ask_by_key=False)
    paid.settle(job)
    assert paid.provider(account)["balance"] == PAY - PAY_FEE


@pytest.mark.parametrize("replicas", [2, 3])
def test_replicas_are_paid_to_distinct_providers(paid, world, replicas):
    providers = sorted(world.providers, key=lambda each: int(each.address, 16))[:replicas]
    bid = paid.bid(replicas=replicas)
    paid.settle(*(paid.job(bid, world.ask(provider)) for provider in providers))
    assert all(paid.provider(provider)["settled"] == 1 for provider in providers)
    assert paid.balance() == PAID_IN - replicas * PAY


@given(
    price=st.integers(QUOTE, 1_000_000),
    share=st.integers(0, 1_000),
    fee_bps=st.sampled_from([0, 1, 333, 500, 1_000]),
)
def test_pay_splits_into_fee_and_earnings_to_the_last_micro_usdc(deployed, price, share, fee_bps):
    with undone():
        paid = PaidWorld(deployed)
        if fee_bps != 500:
            deployed.govern(paid.contract, paid.contract.setFee.encode_input(fee_bps))
        pay = price * share // 1_000
        paid.settle(paid.job(paid.bid(max_price=price), pay=pay))
        fee = pay * fee_bps // 10_000
        assert paid.balance() == PAID_IN - pay
        assert paid.provider()["balance"] == pay - fee
        assert paid.contract.fees(1) + sum(paid.purses()) == fee


def test_a_batch_of_thirty_jobs_of_one_pair(paid, world):
    ask = world.ask()
    bids = [paid.bid() for _ in range(30)]
    paid.settle(*(paid.job(bid, ask) for bid in bids))
    assert paid.provider()["settled"] == 30
    assert paid.balance() == PAID_IN - 30 * PAY
