"""Messages: the contracts' hashes, packing and quotes are the ones that Python computes, extremes included."""

import brownie
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
    VerdictReveal,
)
from marketplace.protocol.metering import compute_quote
from marketplace.protocol.packing import pack_ask, pack_bid
from tests.contracts.world import QUOTE

VALUES = {
    "address": st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
    "bytes32": st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex()),
    "int32": st.integers(-(2**31), 2**31 - 1),
    **{
        f"uint{bits}": st.integers(0, 2**bits - 1) | st.sampled_from([0, 1, 2**bits - 1])
        for bits in (8, 16, 32, 40, 48, 64)
    },
}
SIGNATURE = "0x" + "11" * 64 + "1b"
KINDS = (0, 1, 2)


def messages_of(cls, **fixed):
    """Random messages of a class, its extreme values among them."""
    fields = {name: fixed.get(name) or VALUES[kind] for name, kind in cls.solidity_fields()}
    return st.fixed_dictionaries(fields).map(cls.parse)


def largest(cls):
    """The message with every field at its greatest."""
    greatest = {"address": "0x" + "ff" * 20, "bytes32": "0x" + "ff" * 32}
    return cls.parse(
        {name: greatest.get(kind) or 2 ** int(kind.removeprefix("uint")) - 1 for name, kind in cls.solidity_fields()}
    )


def packed_ask(ask):
    """A `SignedAsk` whose signature does not matter."""
    return pack_ask(ask, SIGNATURE, by_key=True, contract_signatures=[])


def packed_bid(bid):
    """A `SignedBid` whose signature, price and indexes do not matter."""
    return pack_bid(bid, SIGNATURE, price=7, renter=3, ask=5, by_key=True, contract_signatures=[])


def quotes(world, ask, bid):
    """What the contract and what Python say the ask charges for the bid."""
    told = world.contracts["Messages"].quote(packed_ask(ask), packed_bid(bid))
    return told, compute_quote(ask.rates, bid.resources).total


def test_the_quote_adds_up_by_hand(world):
    assert quotes(world, world.ask(), world.bid()) == (QUOTE, QUOTE)


def test_every_line_of_a_quote_rounds_up(world):
    least = {"gpus": 1, "vcpus": 1, "memory_mb": 1, "duration_seconds": 1, "fuel": 1, "egress_mb": 1}
    ask = world.ask(gpu_hour_rate=1, vcpu_hour_rate=1, gb_hour_rate=1, gfuel_rate=1, egress_gb_rate=1, minimum_charge=0)
    assert quotes(world, ask, world.bid(**least)) == (5, 5)


def test_the_minimum_charge_is_a_floor_and_not_an_extra(world):
    bid = world.bid()
    assert quotes(world, world.ask(minimum_charge=QUOTE), bid) == (QUOTE, QUOTE)
    assert quotes(world, world.ask(minimum_charge=QUOTE + 1), bid) == (QUOTE + 1, QUOTE + 1)


def test_the_largest_quote_there_is_does_not_overflow(world):
    told, computed = quotes(world, largest(Ask), largest(Bid))
    assert told == computed > 2**64


@given(ask=messages_of(Ask), bid=messages_of(Bid))
def test_the_quote_is_the_one_python_computes(world, ask, bid):
    told, computed = quotes(world, ask, bid)
    assert told == computed


@given(ask=messages_of(Ask), bid=messages_of(Bid))
def test_packed_orders_have_the_hash_that_was_signed(world, ask, bid):
    messages = world.contracts["Messages"]
    assert messages.hashAsk(packed_ask(ask), ask.market) == ask.struct_hash()
    assert messages.hashBid(packed_bid(bid), bid.renter, bid.market) == bid.struct_hash()
    assert world.escrow.digestOf(bid.struct_hash()) == bid.digest(world.domain)


@given(
    attestation=messages_of(Attestation),
    receipt=messages_of(Receipt),
    cancel=messages_of(Cancel, kind=st.sampled_from(KINDS)),
)
def test_other_messages_have_the_hash_python_computes(world, attestation, receipt, cancel):
    messages = world.contracts["Messages"]
    assert messages.hashAttestation(attestation.as_tuple()) == attestation.struct_hash()
    assert messages.hashReceipt(receipt.as_tuple()) == receipt.struct_hash()
    assert messages.hashCancel(cancel.as_tuple()) == cancel.struct_hash()


@given(verdicts=st.lists(messages_of(Verdict), max_size=5))
def test_batches_have_the_hash_python_computes(world, verdicts):
    batch = VerdictBatch.of(verdicts)
    told = world.contracts["Messages"].hashVerdictBatch(
        list(batch.lease_ids), list(batch.outcomes), list(batch.result_digests)
    )
    assert told == batch.struct_hash()


@given(reveal=messages_of(VerdictReveal), oracle=VALUES["address"])
def test_seals_have_the_hash_and_the_commitment_that_python_computes(world, reveal, oracle):
    messages, seal = world.contracts["Messages"], reveal.seal(oracle)
    assert messages.commitVerdict(oracle, *reveal.as_tuple()) == seal.commitment
    assert messages.hashVerdictSeal(seal.lease_id, seal.commitment) == seal.struct_hash()


def test_the_domain_is_the_one_python_signs_for(world):
    assert world.escrow.domainSeparator() == "0x" + world.domain.separator().hex()
    described = world.escrow.eip712Domain()
    assert tuple(described)[:5] == ("0x0f", "ComputeHive", "1", brownie.chain.id, world.escrow.address)
