"""settleWork(…): what keeps one job from being paid leaves the others alone, with a reason."""

from dataclasses import replace

import brownie
import pytest

from marketplace.protocol.enums import CancelKind, Outcome
from marketplace.protocol.prepaid import WorkRefusal
from tests.contracts.Prepaid.paid import DELAY, PAID_IN, PAY
from tests.contracts.world import DAY, HOUR, QUOTE, UINT64_MAX, events_of, now, project, reverts_with


def passed(seconds):
    """So much time passes."""
    brownie.chain.sleep(seconds)
    brownie.chain.mine()


def expired_ask(paid):
    job = paid.job(ask=paid.world.ask(valid_until=now() + HOUR))
    passed(HOUR + 1)
    return job


def cancelled_ask(paid):
    job = paid.job(ask=paid.world.ask(salt=50))
    paid.contract.cancelAsks(51, {"from": paid.world.provider})
    return job


def expired_bid(paid):
    job = paid.job(paid.bid(deadline=now() + HOUR))
    passed(HOUR + 1)
    return job


def used_salt(paid):
    job = paid.job()
    paid.settle(job)
    return replace(paid.job(paid.bid(salt=job.bid.salt, fuel=1)), pay=1)


def salt_below_the_window(paid):
    old = paid.job(paid.bid(salt=10))
    paid.settle(paid.job(paid.bid(salt=10 + 144)))
    return old


def lower_replica_first(paid):
    bid = paid.bid(replicas=2)
    low, high = sorted(paid.world.providers[1:], key=lambda each: int(each.address, 16))
    return [paid.job(bid, paid.world.ask(high)), paid.job(bid, paid.world.ask(low))]


def same_provider_twice(paid):
    bid, world = paid.bid(replicas=2), paid.world
    asks = [world.ask(world.providers[1]), world.ask(world.providers[1])]
    return [paid.job(bid, ask) for ask in asks]


def one_replica_too_many(paid):
    bid = paid.bid(replicas=2)
    providers = sorted(paid.world.providers, key=lambda each: int(each.address, 16))
    return [paid.job(bid, paid.world.ask(provider)) for provider in providers]


def bid_of_an_account_contract(paid):
    world = paid.world
    account = world.stranger.deploy(project().SmartAccount, world.operator)
    world.token.approve(paid.contract, PAY, {"from": world.renters[1]})
    paid.contract.depositFor(account, PAY, {"from": world.renters[1]})
    return paid.job(paid.bid(account), signers=(world.operator, world.provider), bid_by_key=False)


def signed_for_a_delegated_agent_by_another(paid):
    world = paid.world
    world.escrow.setAgent(world.operator, True, {"from": world.provider})
    return paid.job(ask=world.ask(agent=world.operator.address), signers=(world.renter, world.stranger))


def one_bid_twice(paid):
    job = paid.job()
    return [job, job]


GREATEST = {"gpus": 2**16 - 1, "duration_seconds": 2**32 - 1, "max_price": UINT64_MAX}
DEAR = {"gpu_hour_rate": 2**48 - 1}

CASES = {
    "an expired ask": (WorkRefusal.ASK_EXPIRED, expired_ask),
    "a cancelled ask": (WorkRefusal.ASK_CANCELLED, cancelled_ask),
    "another's ask": (
        WorkRefusal.ASK_SIGNATURE,
        lambda paid: paid.job(signers=(paid.world.renter, paid.world.operator)),
    ),
    "an agent that is not delegated": (
        WorkRefusal.ASK_SIGNATURE,
        lambda paid: paid.job(signers=(paid.world.renter, paid.world.stranger)),
    ),
    "a delegated agent who did not sign": (WorkRefusal.ASK_SIGNATURE, signed_for_a_delegated_agent_by_another),
    "a quote above the bid's maximum": (WorkRefusal.QUOTE, lambda paid: paid.job(paid.bid(max_price=QUOTE - 1), pay=1)),
    "a quote of more than 64 bits": (
        WorkRefusal.QUOTE,
        lambda paid: paid.job(paid.bid(**GREATEST), paid.world.ask(**DEAR)),
    ),
    "a bid past its deadline": (WorkRefusal.BID_EXPIRED, expired_bid),
    "another's bid": (
        WorkRefusal.BID_SIGNATURE,
        lambda paid: paid.job(signers=(paid.world.operator, paid.world.provider)),
    ),
    "an account contract's bid": (WorkRefusal.BID_SIGNATURE, bid_of_an_account_contract),
    "a balance too small": (
        WorkRefusal.BALANCE,
        lambda paid: paid.job(paid.bid(max_price=PAID_IN + 1), pay=PAID_IN + 1),
    ),
    "a renter who never paid in": (
        WorkRefusal.BALANCE,
        lambda paid: paid.job(paid.bid(paid.world.stranger), signers=(paid.world.stranger, paid.world.provider)),
    ),
    "a used salt": (WorkRefusal.SALT_USED, used_salt),
    "a bid twice": (WorkRefusal.REPLICAS, one_bid_twice),
    "a salt below the window": (WorkRefusal.SALT_USED, salt_below_the_window),
    "no replicas": (WorkRefusal.REPLICAS, lambda paid: paid.job(paid.bid(replicas=0))),
    "replicas out of order": (WorkRefusal.REPLICAS, lower_replica_first),
    "a provider twice": (WorkRefusal.REPLICAS, same_provider_twice),
    "a replica too many": (WorkRefusal.REPLICAS, one_replica_too_many),
    "an escrowed bid": (WorkRefusal.SETTLEMENT, lambda paid: paid.job(paid.bid(settlement=0))),
    "a netted bid": (WorkRefusal.SETTLEMENT, lambda paid: paid.job(paid.bid(settlement=2))),
    "an unknown settlement": (WorkRefusal.SETTLEMENT, lambda paid: paid.job(paid.bid(settlement=255))),
    "pay above the bid's maximum": (
        WorkRefusal.VERDICT,
        lambda paid: paid.job(paid.bid(max_price=QUOTE), pay=QUOTE + 1),
    ),
    "pay of all bits": (WorkRefusal.VERDICT, lambda paid: paid.job(pay=UINT64_MAX)),
    "pay of a failed job": (WorkRefusal.VERDICT, lambda paid: paid.job(outcome=Outcome.FAILED, pay=1)),
    "no outcome": (WorkRefusal.VERDICT, lambda paid: paid.job(outcome=Outcome.NONE, pay=0)),
    "an unknown outcome": (WorkRefusal.VERDICT, lambda paid: paid.job(outcome=4, pay=0)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_job_is_left_out_and_the_others_are_paid(paid, world, case):
    reason, arrange = CASES[case]
    bad = arrange(paid)
    bad = bad if isinstance(bad, list) else [bad]
    before = paid.provider(world.provider)["settled"], paid.provider(world.providers[2])["settled"]
    good = [paid.job(paid.bid(renter), world.ask(world.providers[2])) for renter in world.renters[1:]]
    tx = paid.settle(good[0], *bad, good[1])
    assert events_of(tx, "WorkSkipped") == [{"index": len(bad), "reason": int(reason)}]
    assert paid.provider(world.providers[2])["settled"] >= before[1] + 2
    if len(bad) == 1:
        assert paid.provider(world.provider)["settled"] == before[0]
    assert paid.is_sound(*{job.bid.renter for job in bad})


def test_a_skipped_job_can_be_settled_once_nothing_is_amiss(paid, world):
    job = paid.job(paid.bid(max_price=PAID_IN + 1), pay=PAID_IN + 1)
    paid.settle(job, paid.job(paid.bid(world.renters[1])))
    world.token.approve(paid.contract, 1, {"from": world.renter})
    paid.contract.deposit(1, {"from": world.renter})
    paid.settle(job)
    assert paid.balance() == 0


def test_nothing_settled_reverts_with_the_first_reason(paid):
    with reverts_with("NothingSettled", WorkRefusal.SETTLEMENT):
        paid.settle(paid.job(paid.bid(settlement=0)), paid.job(paid.bid(max_price=QUOTE - 1)))


def test_orders_of_another_market_are_nobodys(paid, world):
    with reverts_with("NothingSettled", WorkRefusal.ASK_SIGNATURE):
        paid.settle(paid.job(), sender=world.stranger)


def test_a_matched_bid_outlives_its_valid_until_and_not_its_deadline(paid):
    job = paid.job(paid.bid(valid_until=now() + 10, deadline=now() + 2 * HOUR))
    passed(HOUR)
    paid.settle(job)
    assert paid.balance() == PAID_IN - PAY


def test_a_renter_cannot_cancel_what_was_worked_for(paid, world):
    job = paid.job()
    cancel = world.cancel_message(world.renter, job.bid.salt, CancelKind.BID)
    world.escrow.cancelFor(cancel.as_tuple(), world.sign(cancel, world.renter), {"from": world.stranger})
    with reverts_with("BidsNotCancellable"):
        paid.contract.cancelAsksFor(cancel.as_tuple(), world.sign(cancel, world.renter), {"from": world.renter})
    paid.settle(job)
    assert paid.balance() == PAID_IN - PAY


def test_money_that_left_pays_for_nothing(paid, world):
    paid.contract.requestWithdrawal(PAID_IN, {"from": world.renter})
    job = paid.job(paid.bid(deadline=now() + 3 * DAY), world.ask(valid_until=now() + 3 * DAY))
    passed(DELAY + 1)
    paid.contract.withdraw({"from": world.renter})
    with reverts_with("NothingSettled", WorkRefusal.BALANCE):
        paid.settle(job)
