"""A few random sequences of the channels once more: at their end the events alone tell what the views say."""

import brownie
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contracts.events.everything import Everything, WholeChain
from tests.contracts.ModuleRegistry.words import plain
from tests.contracts.PaymentChannels.channels import Channels
from tests.contracts.stateful.test_channels_stateful import EXAMPLES, STEPS, ChannelsMachine, whole_and_new_sequences

__all__ = ["whole_and_new_sequences"]
told_of: set[str] = set()
"""Events of all sequences: what never happened proves nothing."""


class ToldMachine(ChannelsMachine):
    """Before a sequence is wound up, and after."""

    chain: WholeChain

    def teardown(self):
        if self.books.channels:
            self.require_told()
            super().teardown()
            self.require_told()

    def require_told(self):
        """Every view of every channel and payee of the sequence is what its events say."""
        told = Everything()
        for log in self.chain.all_logs(0):
            if log.contract == "PaymentChannels":
                told.take(log)
                told_of.add(log.name)
        contract, token = self.channels.contract, self.channels.token.address
        views = ("channels", "pendingWithdrawals", "refundNonce")
        asked = [(view, each.id) for view in views for each in self.books.channels]
        asked += [("receivers", payee, token) for payee in self.books.earned]
        asked += [("earnings", payee) for payee in self.books.earned]
        for view, *given in asked:
            assert plain(getattr(contract, view)(*given)) == told.answer("PaymentChannels", view, *given), (view, given)


def test_events_alone_tell_every_channel_after_random_sequences(world, whole_and_new_sequences):
    told_of.clear()
    ToldMachine.world, ToldMachine.channels, ToldMachine.chain = world, Channels(world), WholeChain(world)
    brownie.chain.snapshot()
    run_state_machine_as_test(
        ToldMachine,
        settings=settings(max_examples=max(1, EXAMPLES // 6), stateful_step_count=STEPS, phases=[Phase.generate]),
    )
    events = {"ChannelOpened", "ChannelFunded", "Redeemed", "Refunded", "CloseStarted", "CloseFinished"}
    assert EXAMPLES * STEPS < 500 or told_of >= events | {"EarningsWithdrawn", "RedemptionSkipped"}
