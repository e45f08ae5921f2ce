"""The events alone tell the state of every channel and of every payee."""

import brownie

from marketplace.protocol.vouchers import EVERYTHING, ChannelConfig
from tests.contracts.PaymentChannels.channels import DAY, EMPTY


def rebuild(txs):
    """(channels, earnings) as somebody knows them who has seen nothing but the events."""
    channels, configs, earnings = {}, {}, {}
    for name, event in [(event.name, event) for tx in txs for event in tx.events]:
        if "channelId" not in event:
            if name == "EarningsWithdrawn":
                earnings[event["receiver"]] -= event["amount"]
            continue
        channel_id = str(event["channelId"])
        state = channels.setdefault(channel_id, dict(EMPTY))
        if name == "ChannelOpened":
            configs[channel_id] = event["config"]
        elif name == "ChannelFunded":
            state["balance"] = event["balance"]
        elif name == "Redeemed":
            state["claimed"] = event["totalClaimed"]
            payee = configs[channel_id]["receiver"]
            earnings[payee] = earnings.get(payee, 0) + event["amount"]
        elif name == "Refunded":
            state["balance"] -= event["amount"]
            state["nonce"] = event["nonce"] + 1
            if state["balance"] == state["claimed"]:
                state["since"] = 0
        elif name == "CloseStarted":
            state["since"] = event["until"] - configs[channel_id]["withdrawDelay"]
        elif name == "CloseFinished":
            state["balance"] -= event["amount"]
            state["since"] = 0
    for state in channels.values():
        state["amount"] = state["balance"] - state["claimed"] if state["since"] else 0
    return channels, configs, earnings


def test_the_events_are_enough_to_know_every_channel_and_every_payee(channels):
    first = brownie.chain.height + 1
    closing, refunded, closed, plain = (channels.open(receiver=channels.payees[at % 2]) for at in range(4))
    channels.redeem(*[channels.claim(config, 100) for config in (closing, refunded, plain)])
    for config in (closing, refunded, closed):
        channels.contract.startClose(config.as_tuple(), {"from": channels.payer})
    channels.open(closing, 5)
    channels.contract.refund(closing.as_tuple(), 3, {"from": channels.payees[0]})
    channels.contract.refund(refunded.as_tuple(), EVERYTHING, {"from": channels.payees[1]})
    brownie.chain.sleep(DAY)
    channels.contract.finishClose(closed.as_tuple(), {"from": channels.payer})
    channels.open(closed, 9)
    channels.contract.withdraw(channels.payees[1], {"from": channels.stranger})
    channels.redeem(channels.claim(plain, 350), channels.claim(plain, 1))

    txs = [tx for tx in brownie.history if tx.block_number >= first]
    states, configs, earnings = rebuild(txs)
    assert {config: states[channels.id(config)] for config in (closing, refunded, closed, plain)} == {
        config: channels.state(config) for config in (closing, refunded, closed, plain)
    }
    assert earnings == {payee.address: channels.earned(payee) for payee in channels.payees}
    for config in (closing, closed):
        told = [str(value) for value in configs[channels.id(config)]]
        assert told == [str(value) for value in config.model_dump().values()]
    assert isinstance(closing, ChannelConfig) and len(states) == 4
