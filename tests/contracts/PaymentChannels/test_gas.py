"""What a redemption may cost, everything included."""

from scripts.bench.channels import measure_channels

MOST_ALONE, MOST_OF_A_HUNDRED = 45_000, 15_000


def test_redeeming_costs_no_more_than_was_promised(world):
    gas = measure_channels(world)
    print(gas)
    assert gas["voucher_redeem"] <= MOST_ALONE
    assert gas["voucher_redeem_each_of_100"] <= MOST_OF_A_HUNDRED
