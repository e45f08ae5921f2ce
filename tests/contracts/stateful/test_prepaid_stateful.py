"""Random sequences of every call on settlement without a lock, against docs/invariants.md (P1 to P4).

Each call goes to the chain and to the reference model (`prepaid_model.py`); both must do the same, skip the same jobs
for the same reasons, or refuse with the same error. After every step chain, model and what the events alone tell
(`prepaid_rebuilt.py`) are compared. When a sequence ends everybody takes out what is theirs: the contract must then be
empty.

HIVE_STATEFUL_EXAMPLES and HIVE_STATEFUL_STEPS make it search longer; the sequences follow from them alone.
"""

import os

import brownie
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from marketplace.protocol.prepaid import WorkRefusal
from tests.contracts.Prepaid.paid import PaidWorld
from tests.contracts.stateful.prepaid_machine import PrepaidMachine, called
from tests.contracts.stateful.test_channels_stateful import whole_and_new_sequences
from tests.contracts.world import UINT256_MAX

EXAMPLES = int(os.environ.get("HIVE_STATEFUL_EXAMPLES", "16"))
STEPS = int(os.environ.get("HIVE_STATEFUL_STEPS", "25"))

__all__ = ["whole_and_new_sequences"]


def test_no_sequence_of_calls_breaks_a_law_of_settlement_without_a_lock(world, whole_and_new_sequences):
    called.clear()
    PrepaidMachine.paid = PaidWorld(world)
    for renter in world.renters:
        world.token.approve(PrepaidMachine.paid.contract, UINT256_MAX, {"from": renter})
    PrepaidMachine.snapshot = brownie.chain._take_snapshot()
    run_state_machine_as_test(
        PrepaidMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            phases=[Phase.generate, Phase.shrink],
            print_blob=True,
        ),
    )
    print(dict(called))
    wanted = {"deposit", "request", "withdraw", "withdraw_earned", "withdraw_fees", "credit_oracle", "cancel_asks"}
    wanted |= {"settle_work", "allow", "revoke", "settle_netted", *(each.name for each in WorkRefusal)}
    wanted |= {"settle_netted: AllowanceExceeded", "settle_netted: WrongBatchNumber", "allow: AllowanceLowered"}
    assert not {name for name in wanted if not called[name]}, f"the sequences never reached all of {wanted}"
