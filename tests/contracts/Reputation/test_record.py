"""recordOf(provider): one counter for each end of a lease, read from the account that the escrow keeps."""

from marketplace.protocol.enums import Outcome
from tests.contracts.world import FEE, HOUR, PRICE


def test_a_provider_without_a_lease_has_an_empty_record(world):
    record = world.reputation.recordOf(world.provider).dict()
    assert record.pop("since") == world.bond()["since"]
    assert set(record.values()) == {0}


def test_who_never_staked_has_no_record_at_all(world):
    assert set(world.reputation.recordOf(world.stranger).dict().values()) == {0}


def test_every_end_has_its_counter(world, chain):
    leases = world.open_all(*(world.match(ask=world.ask(units=9)) for _ in range(6)))
    for lease in leases[4:]:
        world.claim(lease)
    world.settle(
        world.verdict(leases[0], pay=PRICE),
        world.verdict(leases[1], Outcome.FAILED),
        world.verdict(leases[2], Outcome.FRAUD),
    )
    world.release(leases[4], sender=world.renter)
    world.settle_claims(world.verdict(leases[5], Outcome.FAILED))
    chain.sleep(3 * HOUR)
    world.refund(leases[3])
    expected = {"settled": 2, "failed": 2, "slashed": 1, "expired": 1, "volume": 2 * (PRICE - FEE)}
    assert world.record() == expected


def test_a_dispute_that_nobody_decided_counts_as_nothing(world, chain):
    lease = world.open()
    world.claim(lease)
    world.dispute(lease)
    chain.sleep(world.escrow.disputeWindow() + 1)
    world.expire_dispute(lease)
    assert world.record() == {}


def test_the_volume_is_net_of_fees_and_adds_up(world):
    for pay in (PRICE, 1):
        world.settle(world.verdict(world.open(), pay=pay))
    assert world.record() == {"settled": 2, "volume": PRICE - FEE + 1}


def test_a_withdrawal_takes_nothing_from_the_volume(world):
    world.settle(world.verdict(world.open(), pay=PRICE))
    world.escrow.withdraw(PRICE - FEE, {"from": world.provider})
    assert world.record() == {"settled": 1, "volume": PRICE - FEE}


def test_a_full_counter_stays_full_instead_of_blocking_a_settlement(world):
    world.stake.stake(900 * 10**6, {"from": world.provider})
    ask = world.ask(units=1_000, minimum_charge=0, gpu_hour_rate=0, vcpu_hour_rate=0, gb_hour_rate=0, gfuel_rate=0,
                    egress_gb_rate=0)  # fmt: skip
    for _ in range(4):
        leases = world.open_all(*(world.match(world.bid(), ask, price=1) for _ in range(64)))
        world.settle(*(world.verdict(lease, Outcome.FRAUD) for lease in leases))
    assert world.record() == {"slashed": 255}
