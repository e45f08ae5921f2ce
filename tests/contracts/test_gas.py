"""What calls cost stays what `gas_snapshot.json` says, to 1%: dearer is a regression, cheaper asks for a new snapshot.

`make gas-snapshot` writes it anew. Everything is measured in the steady state, all accounts used before; keys, amounts
and orders are always the same. `make bench-gas` measures what a market pays, with more parties.
"""

import json
import os
from pathlib import Path

import pytest

from tests.contracts.PaymentChannels.channels import Channels
from tests.contracts.Prepaid.paid import PaidWorld
from tests.contracts.world import PRICE

SNAPSHOT = Path(__file__).with_name("gas_snapshot.json")
WRITE = "HIVE_WRITE_GAS_SNAPSHOT"
PAY = 301_234


def leases(world, count):
    """Gas of opening and of settling so many leases of three renters at three providers, the second time."""
    gas = {}
    for _ in range(2):
        asks = [world.ask(provider, units=64) for provider in world.providers]
        matches = [
            world.match(world.bid(world.renters[place % 3]), asks[place * 3 // count], PRICE) for place in range(count)
        ]
        opening = world.send_open(*matches, first_group=1)
        opened = world.leases_of(opening, matches)
        assert len(opened) == count
        settling = world.settle(*(world.verdict(lease, pay=PAY) for lease in opened))
        gas = {f"open_{count}": opening.gas_used, f"settle_{count}": settling.gas_used}
    return gas


def oneshot(world, count=20):
    """Gas of paying for so much finished work, the second time."""
    paid, gas = PaidWorld(world), 0
    for _ in range(2):
        asks = [world.ask(provider) for provider in world.providers]
        jobs = [
            paid.job(paid.bid(paid.renters[place % 3]), asks[place * 3 // count], pay=PAY) for place in range(count)
        ]
        transaction = paid.settle(*jobs)
        assert "WorkSkipped" not in transaction.events
        gas = transaction.gas_used
    return {f"settle_work_{count}": gas}


def netted(world, count=100):
    """Gas of moving the sums of so many jobs, the second time."""
    paid, gas = PaidWorld(world), 0
    for renter in paid.renters:
        paid.allow(paid.allowance(renter))
    for number in (1, 2):
        jobs = [
            paid.netted_job(paid.renters[place % 3], world.providers[place // 3 % 3], 10_007 + place)
            for place in range(count)
        ]
        gas = paid.settle_netted(paid.netted(*jobs, number=number)).gas_used
    return {f"settle_netted_{count}": gas}


def vouchers(world):
    """Gas of redeeming one voucher, and ten, whose channels were redeemed before."""
    channels = Channels(world)
    configs = [channels.open() for _ in range(10)]
    channels.redeem(*(channels.claim(config, 1_234_567) for config in configs))
    alone = channels.redeem(channels.claim(configs[0], 2_345_678)).gas_used
    together = channels.redeem(*(channels.claim(config, 3_456_789) for config in configs)).gas_used
    return {"redeem_1": alone, "redeem_10": together}


MEASURED = {
    "leases of one": lambda world: leases(world, 1),
    "leases of a group": lambda world: leases(world, 32),
    "one-shot": oneshot,
    "netted": netted,
    "vouchers": vouchers,
}


@pytest.mark.parametrize("what", MEASURED)
def test_calls_cost_what_the_snapshot_says(world, what):
    gas = MEASURED[what](world)
    snapshot = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    if os.environ.get(WRITE):
        SNAPSHOT.write_text(json.dumps(dict(sorted((snapshot | gas).items())), indent=2) + "\n")
        return
    for name, used in gas.items():
        expected = snapshot[name]
        assert used * 100 <= expected * 101, f"{name} takes {used:,} gas, more than {expected:,} by over 1%"
        assert used * 100 >= expected * 99, (
            f"{name} takes {used:,} gas, less than {expected:,} by over 1%: run `make gas-snapshot` and commit it"
        )


def test_the_snapshot_names_what_is_measured_and_nothing_else():
    names = {
        "open_1",
        "settle_1",
        "open_32",
        "settle_32",
        "settle_work_20",
        "settle_netted_100",
        "redeem_1",
        "redeem_10",
    }
    assert set(json.loads(SNAPSHOT.read_text())) == names
