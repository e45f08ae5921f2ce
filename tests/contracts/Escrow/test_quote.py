"""quote(ask, bid) and the struct hashes: the contract and Python compute the same, extremes included."""

from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.messages import (
    Ask,
    Attestation,
    Bid,
    Cancel,
    Receipt,
    Verdict,
    VerdictBatch,
    compute_lease_id,
)
from marketplace.protocol.metering import compute_quote
from tests.contracts.world import QUOTE

VALUES = {
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    "bytes32": st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
    "bool": st.booleans(),
    "int32": st.integers(-(2**31), 2**31 - 1),
    **{
        f"uint{bits}": st.integers(0, 2**bits - 1) | st.sampled_from([0, 1, 2**bits - 1])
        for bits in (8, 16, 32, 64, 256)
    },
}


def messages_of(cls):
    """Random messages of a class, its extreme values among them."""
    return st.fixed_dictionaries({name: VALUES[kind] for name, kind in cls.solidity_fields()}).map(cls.parse)


def largest(cls):
    """The message with every field at its greatest."""
    greatest = {"address": "0x" + "ff" * 20, "bytes32": "0x" + "ff" * 32}
    return cls.parse(
        {name: greatest.get(kind) or 2 ** int(kind.removeprefix("uint")) - 1 for name, kind in cls.solidity_fields()}
    )


def quoted(ask, bid):
    """What Python says the ask charges for the bid."""
    return compute_quote(ask.rates, bid.resources).total


def test_the_quote_adds_up_by_hand(world):
    ask, bid = world.ask(), world.bid()
    assert world.escrow.quote(ask.as_tuple(), bid.as_tuple()) == QUOTE == quoted(ask, bid)


def test_every_line_of_a_quote_rounds_up(world):
    least = {"gpus": 1, "vcpus": 1, "memory_mb": 1, "duration_seconds": 1, "fuel": 1, "egress_mb": 1}
    ask = world.ask(gpu_hour_rate=1, vcpu_hour_rate=1, gb_hour_rate=1, gfuel_rate=1, egress_gb_rate=1, minimum_charge=0)
    assert world.escrow.quote(ask.as_tuple(), world.bid(**least).as_tuple()) == 5


def test_the_minimum_charge_is_a_floor_and_not_an_extra(world):
    bid = world.bid()
    assert world.escrow.quote(world.ask(minimum_charge=QUOTE).as_tuple(), bid.as_tuple()) == QUOTE
    assert world.escrow.quote(world.ask(minimum_charge=QUOTE + 1).as_tuple(), bid.as_tuple()) == QUOTE + 1


def test_the_largest_quote_there_is_does_not_overflow(world):
    ask, bid = largest(Ask), largest(Bid)
    assert world.escrow.quote(ask.as_tuple(), bid.as_tuple()) == quoted(ask, bid) > 2**64


@given(ask=messages_of(Ask), bid=messages_of(Bid))
def test_the_quote_is_the_one_python_computes(world, ask, bid):
    assert world.escrow.quote(ask.as_tuple(), bid.as_tuple()) == quoted(ask, bid)


@given(ask=messages_of(Ask), bid=messages_of(Bid))
def test_orders_have_the_hash_python_computes(world, ask, bid):
    assert world.escrow.hashAsk(ask.as_tuple()) == ask.struct_hash()
    assert world.escrow.hashBid(bid.as_tuple()) == bid.struct_hash()
    assert world.escrow.leaseIdOf(bid.struct_hash(), ask.provider) == compute_lease_id(bid.struct_hash(), ask.provider)
    assert world.escrow.digestOf(bid.struct_hash()) == bid.digest(world.domain)


@given(attestation=messages_of(Attestation), receipt=messages_of(Receipt), cancel=messages_of(Cancel))
def test_other_messages_have_the_hash_python_computes(world, attestation, receipt, cancel):
    assert world.escrow.hashAttestation(attestation.as_tuple()) == attestation.struct_hash()
    assert world.escrow.hashReceipt(receipt.as_tuple()) == receipt.struct_hash()
    assert world.escrow.hashCancel(cancel.as_tuple()) == cancel.struct_hash()


@given(verdicts=st.lists(messages_of(Verdict), max_size=5))
def test_batches_have_the_hash_python_computes(world, verdicts):
    batch = VerdictBatch(verdicts=tuple(verdicts))
    assert world.escrow.hashVerdictBatch([each.as_tuple() for each in verdicts]) == batch.struct_hash()
    for verdict in verdicts:
        assert world.escrow.hashVerdict(verdict.as_tuple()) == verdict.struct_hash()
