"""Orders and leases packed into words: nothing is lost, nothing runs into its neighbour."""

from eth_account import Account
from eth_utils import keccak, to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.packing import (
    ClaimedLease,
    LeaseGroup,
    LeaseTerms,
    compact,
    pack_ask,
    pack_bid,
    split_signature,
)
from tests.unit.protocol.test_messages import DOMAIN, messages_of

addresses = st.binary(min_size=20, max_size=20).map(to_checksum_address)
hashes = st.binary(min_size=32, max_size=32).map(lambda raw: "0x" + raw.hex())
terms = st.builds(
    LeaseTerms,
    bid_hash=hashes,
    renter=addresses,
    provider=addresses,
    price=st.integers(0, 2**64 - 1),
    fee_bps=st.integers(0, 2**16 - 1),
    deadline=st.integers(0, 2**40 - 1),
    salt=st.integers(0, 2**48 - 1),
)
groups = st.builds(LeaseGroup, addresses, st.integers(0, 2**40), st.lists(terms, min_size=1, max_size=32).map(tuple))
SIGNATURE = "0x" + "11" * 32 + "22" * 32 + "1c"


def fields(word: int, *widths: int) -> tuple[int, ...]:
    """The fields of a word, from the lowest bit; the rest must be 0."""
    found = []
    for width in widths:
        found.append(word & 2**width - 1)
        word >>= width
    assert word == 0
    return tuple(found)


@given(terms)
def test_lease_in_two_words_is_the_same_lease(lease):
    first, second = lease.words()
    assert max(first, second) < 2**256
    assert LeaseTerms.from_words(lease.bid_hash, first, second) == lease
    claimed = ClaimedLease("0x" + "00" * 32, first, second).terms
    assert (claimed.renter, claimed.provider, claimed.price) == (lease.renter, lease.provider, lease.price)


@given(groups)
def test_ids_of_a_group_follow_from_its_commitment(group):
    commitment = group.commitment()
    words = b"".join(word.to_bytes(32) for lease in group.leases for word in lease.words())
    bids = b"".join(bytes.fromhex(lease.bid_hash[2:]) for lease in group.leases)
    assert commitment == keccak(keccak(bids) + keccak(words))
    assert group.lease_ids() == [
        "0x" + keccak(commitment + bytes(31) + bytes([i])).hex() for i in range(len(group.leases))
    ]


@given(groups, st.sets(st.integers(0, 31)))
def test_places_of_a_group_are_chosen_by_their_bits(group, places):
    number, bits, bids_digest, words = group.chosen(sorted(places))
    assert (number, bids_digest, words) == (group.number, group.bids_digest(), group.terms())
    assert {place for place in range(32) if bits >> place & 1} == places


@given(messages_of(Ask))
def test_every_field_of_an_ask_has_bits_of_its_own(ask):
    r, vs, profile, offer, agent_and_minimum, rates = pack_ask(ask, SIGNATURE, by_key=True, contract_signatures=[])
    assert (r, vs) == compact(SIGNATURE)
    assert "0x" + profile.hex() == ask.profile_digest
    assert fields(offer, 160, 40, 32) == (int(ask.provider, 16), ask.valid_until, ask.salt)
    assert fields(agent_and_minimum, 160, 64) == (int(ask.agent, 16), ask.minimum_charge)
    assert fields(rates, 48, 48, 48, 48, 48, 16) == (
        ask.gpu_hour_rate, ask.vcpu_hour_rate, ask.gb_hour_rate, ask.gfuel_rate, ask.egress_gb_rate, ask.units,
    )  # fmt: skip


@given(messages_of(Bid), st.integers(0, 2**64 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**16 - 1))
def test_every_field_of_a_bid_has_bits_of_its_own(bid, price, renter, ask):
    _, _, job, resources, words = pack_bid(
        bid, SIGNATURE, price=price, renter=renter, ask=ask, by_key=True, contract_signatures=[]
    )
    assert "0x" + job.hex() == bid.job_digest
    assert fields(resources, 16, 16, 16, 16, 32, 32, 64, 32, 8, 8, 8) == (
        renter, ask, bid.gpus, bid.vcpus, bid.memory_mb, bid.duration_seconds, bid.fuel, bid.egress_mb, bid.replicas,
        bid.verification, bid.settlement,
    )  # fmt: skip
    assert fields(words, 64, 64, 40, 40, 48) == (bid.max_price, price, bid.deadline, bid.valid_until, bid.salt)


@given(messages_of(Bid), st.integers(1, 2**128))
def test_compact_signature_has_the_parity_in_its_highest_bit(bid, number):
    key = Account.from_key(number.to_bytes(32))
    signature = bid.sign(DOMAIN, key.key)
    r, vs = compact(signature)
    assert r.hex() == signature[2:66]
    s, parity = int.from_bytes(vs) % 2**255, vs[0] >> 7
    again = "0x" + r.hex() + s.to_bytes(32).hex() + bytes([27 + parity]).hex()
    assert bid.recover(DOMAIN, again) == key.address


def test_signature_of_an_account_contract_stands_in_the_list():
    signatures = [b"another"]
    r, vs = split_signature("0x1234", False, signatures)
    assert (int.from_bytes(r), vs, signatures) == (1, bytes(32), [b"another", b"\x12\x34"])
