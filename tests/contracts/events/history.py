"""A history in which every contract emits each of its events at least once."""

import brownie

from marketplace.protocol.enums import CancelKind, Outcome
from marketplace.protocol.messages import Verdict
from marketplace.protocol.vouchers import EVERYTHING
from tests.contracts.deployed import BOND_DELAY, CLAIM_WINDOW, DISPUTE_WINDOW, ORACLE_BOND, UNBONDING_DELAY
from tests.contracts.ModuleRegistry.words import FIRST, NAME, SECOND, publish
from tests.contracts.OracleCommittee.test_contradictions import report
from tests.contracts.PaymentChannels.channels import DAY, Channels
from tests.contracts.world import HOUR, NO_PREDECESSOR, PRICE, TIMELOCK_DELAY, USDC

OPERATOR_ROLES = ("PROPOSER_ROLE", "CANCELLER_ROLE")


def verdict(lease, outcome, pay=0):
    """What the oracles say of a lease."""
    digest = lease.bid.job_digest if outcome == Outcome.PAID else "0x" + "00" * 32
    return Verdict(lease_id=lease.id, outcome=int(outcome), pay=pay, result_digest=digest)


def live_through_leases(world) -> None:
    """Every way in which leases begin and end, of two renters and two providers."""
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    world.escrow.setAgent(world.operator, True, {"from": world.provider})
    world.escrow.setAgent(world.operator, False, {"from": world.provider})
    asks = [world.ask(provider, units=100) for provider in world.providers[:2]]
    bids = [world.bid(world.renters[at % 2]) for at in range(9)]
    matches = [world.match(bid, asks[at // 5], PRICE) for at, bid in enumerate(bids)]
    matches.append(world.match(world.bid(valid_until=1), asks[1], PRICE))
    leases = world.open_all(*matches)
    world.settle(*[verdict(lease, outcome, pay) for lease, outcome, pay in zip(
        leases[:3], (Outcome.PAID, Outcome.FAILED, Outcome.FRAUD), (PRICE - 7, 0, 0), strict=True
    )])  # fmt: skip
    world.accept(leases[3], PRICE - 1)
    for lease in leases[4:8]:
        world.claim(lease, PRICE - 3)
    for lease in leases[5:8]:
        world.dispute(lease)
    world.settle_claims(verdict(leases[5], Outcome.PAID, PRICE - 3), verdict(leases[6], Outcome.FRAUD))
    brownie.chain.sleep(max(CLAIM_WINDOW, DISPUTE_WINDOW, 3 * HOUR) + 1)
    world.release(leases[4])
    world.expire_dispute(leases[7])
    world.refund(leases[8])
    brownie.chain.mine()
    later = world.ask(world.provider, units=100)
    world.open_all(*[world.match(world.bid(), later, PRICE) for _ in range(2)])


def live_through_accounts(world) -> None:
    """Orders voided, money and bonds in and out, fees fetched."""
    escrow, stake, provider = world.escrow, world.stake, world.provider
    for kind, salt in ((CancelKind.BID, 60), (CancelKind.BIDS_BEFORE, 40), (CancelKind.BID, 230)):
        escrow.cancel(int(kind), salt, {"from": world.renters[1]})
    escrow.cancel(int(CancelKind.ASKS_BEFORE), 9, {"from": world.providers[1]})
    escrow.withdraw(USDC, {"from": world.renter})
    escrow.withdraw(escrow.free(provider), {"from": provider})
    stake.stake(5 * USDC, {"from": provider})
    for amount in (2 * USDC, 3 * USDC):
        stake.unbond(amount, {"from": provider})
    brownie.chain.sleep(UNBONDING_DELAY)
    stake.withdraw({"from": provider})
    stake.unbond(USDC, {"from": provider})
    committee = world.current_committee()
    escrow.creditOracle(committee.quorum([]), 1, {"from": world.stranger})
    for epoch in (0, committee.epoch):
        escrow.withdrawFees(epoch, {"from": world.stranger})


def live_through_committees(world) -> None:
    """Bonds of oracles, a rotation, a contradiction."""
    committee, candidate = world.committee, world.candidates[0]
    committee.bondFor(world.oracles[0], 3 * USDC, {"from": candidate})
    committee.unbond(2 * USDC, {"from": world.oracles[0]})
    brownie.chain.sleep(BOND_DELAY)
    committee.withdrawBond({"from": world.oracles[0]})
    committee.bondFor(candidate, ORACLE_BOND, {"from": candidate})
    world.rotate([*world.oracles[:4], candidate], 3)
    committee.unbond(USDC, {"from": world.oracles[0]})
    said = Verdict(lease_id="0x" + "12" * 32, outcome=int(Outcome.PAID), pay=PRICE, result_digest="0x" + "ab" * 32)
    committee.resign({"from": world.oracles[1]})
    for member in (candidate, world.oracles[2]):
        report(world, member, said, said.model_copy(update={"pay": 1}))
        if member == candidate:
            committee.sendSlashed({"from": world.stranger})


def live_through_channels(world) -> list[str]:
    """Channels opened, redeemed, refunded, closed and funded again; their ids."""
    channels = Channels(world)
    closing, refunded, closed, plain = (channels.open(receiver=channels.payees[at % 2]) for at in range(4))
    channels.redeem(*[channels.claim(config, 100) for config in (closing, refunded, plain)])
    for config in (closing, refunded, closed):
        channels.contract.startClose(config.as_tuple(), {"from": channels.payer})
    channels.contract.refund(closing.as_tuple(), 3, {"from": channels.payees[0]})
    channels.contract.refund(refunded.as_tuple(), EVERYTHING, {"from": channels.payees[1]})
    brownie.chain.sleep(DAY)
    channels.contract.finishClose(closed.as_tuple(), {"from": channels.payer})
    channels.open(closed, 9)
    channels.contract.withdraw(channels.payees[1], {"from": channels.stranger})
    channels.redeem(channels.claim(plain, 350), channels.claim(plain, 1))
    return [channels.id(config) for config in (closing, refunded, closed, plain)]


def live_through_modules(world) -> None:
    """Names and releases in every state."""
    registry, (alice, bob, _) = world.contracts["ModuleRegistry"], world.renters
    publish(registry, alice, FIRST)
    publish(registry, alice, SECOND)
    publish(registry, bob, FIRST, name="other-name")
    registry.deprecate(NAME, SECOND, "it has a hole", {"from": alice})
    registry.deprecateName("other-name", "gone", {"from": bob})
    registry.deprecateName(NAME, "perhaps", {"from": alice})
    registry.restoreName(NAME, {"from": alice})
    registry.transferName(NAME, bob, {"from": alice})
    registry.acceptName(NAME, {"from": bob})
    registry.transferName(NAME, alice, {"from": bob})


def live_through_governance(world) -> None:
    """Everything that the timelock can do, to the contracts and to itself; at last one contract has another owner."""
    escrow, timelock = world.escrow, world.timelock
    world.govern(escrow, escrow.setFee.encode_input(300))
    world.govern(escrow, escrow.setTreasury.encode_input(world.candidates[3]))
    world.govern(escrow, escrow.setOpeningPaused.encode_input(True))
    proposer, canceller = (getattr(timelock, role)() for role in OPERATOR_ROLES)
    for role in (proposer, canceller):
        world.govern(timelock, timelock.grantRole.encode_input(role, world.stranger))
    world.govern(timelock, timelock.revokeRole.encode_input(proposer, world.stranger))
    world.govern(world.committee, world.committee.transferOwnership.encode_input(world.stranger))
    world.govern(timelock, timelock.updateDelay.encode_input(TIMELOCK_DELAY + 5))
    call, at = escrow.setFee.encode_input(1), {"from": world.governor}
    for salt in (b"\x01" * 32, b"\x02" * 32):
        timelock.schedule(escrow, 0, call, NO_PREDECESSOR, salt, TIMELOCK_DELAY + 9, at)
    timelock.cancel(timelock.hashOperation(escrow, 0, call, NO_PREDECESSOR, b"\x01" * 32), at)
    brownie.chain.sleep(5)
    salt, wait = b"\x03" * 32, TIMELOCK_DELAY + 9
    call = escrow.transferOwnership.encode_input(world.stranger)
    timelock.schedule(escrow, 0, call, NO_PREDECESSOR, salt, wait, at)
    brownie.chain.sleep(wait)
    timelock.execute(escrow, 0, call, NO_PREDECESSOR, salt, {"from": world.stranger})
    escrow.acceptOwnership({"from": world.stranger})
