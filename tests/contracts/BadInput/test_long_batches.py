"""Batches of a thousand besides the leases': vouchers, and verdicts of which most are about nothing."""

from marketplace.protocol.enums import Outcome
from marketplace.protocol.vouchers import pack_payouts
from tests.contracts.PaymentChannels.channels import Channels
from tests.contracts.world import MOST_GAS, PRICE, event_of, events_of

MANY = 1_000
ROOM = 20_000_000
"""Less than a block of any chain that we name a profile for."""


def test_a_thousand_vouchers_are_redeemed_in_one_call_and_the_bad_ones_passed_over(world):
    channels = Channels(world)
    config = channels.open()
    claims = [channels.claim(config, total) for total in range(1, MANY)]
    claims.insert(MANY // 2, channels.claim(config, MANY, signer=channels.stranger))
    call = (pack_payouts(claims), {"from": channels.authorizer, "gas_limit": MOST_GAS})
    tx = channels.contract.redeem(*call)
    assert channels.earned() == MANY - 1
    assert len(channels.skipped(tx)) == 1
    assert tx.gas_used < ROOM


def test_a_thousand_verdicts_about_claims_close_the_one_that_there_is(world):
    lease = world.open()
    world.claim(lease)
    others = ["0x" + number.to_bytes(32).hex() for number in range(1, MANY)]
    verdicts = [world.verdict(other, Outcome.PAID, 1) for other in others] + [world.verdict(lease, pay=PRICE)]
    claimed = [(other, 0, 0) for other in others] + [lease.claimed()]
    tx = world.settle_claims(*verdicts, leases=claimed)
    assert len(events_of(tx, "LeaseClosed")) == 1
    assert event_of(tx, "LeaseClosed")["leaseId"] == lease.id
    assert tx.gas_used < ROOM
