"""requireQuorum(digest, signatures): a view that reverts unless enough distinct members signed exactly this digest."""

import pytest
from eth_account import Account

from tests.contracts.world import keys_by_address, reverts_with

DIGEST = bytes(range(100, 132))


def signed(oracle, digest=DIGEST):
    """65 bytes of an oracle over a bare digest."""
    return bytes(Account.unsafe_sign_hash(digest, keys_by_address()[oracle.address]).signature)


def test_no_signature_is_not_enough(world):
    with reverts_with("TooFewSignatures", 0, 2):
        world.committee.requireQuorum(DIGEST, [])


def test_one_bad_signature_spoils_a_quorum(world):
    good = [signed(oracle) for oracle in world.oracles[:2]]
    with reverts_with("MalformedSignature", 2):
        world.committee.requireQuorum(DIGEST, [*good, b""])


def test_a_high_s_signature_is_malformed(world):
    raw = signed(world.oracles[0])
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high_s = (order - int.from_bytes(raw[32:64])).to_bytes(32)
    with reverts_with("MalformedSignature", 0):
        world.committee.requireQuorum(DIGEST, [raw[:32] + high_s + bytes([55 - raw[64]]), signed(world.oracles[1])])


def test_the_signature_over_another_digest_counts_for_nobody(world):
    with reverts_with("NotMember"):
        world.committee.requireQuorum(DIGEST, [signed(oracle, bytes(32)) for oracle in world.oracles[:2]])


@pytest.mark.parametrize("signers", [[0, 1], [0, 2], [1, 2], [0, 1, 2]])
def test_any_quorum_of_members_in_order_is_enough(world, signers):
    world.committee.requireQuorum(DIGEST, [signed(world.oracles[index]) for index in signers])


@pytest.mark.parametrize("signers", [[1, 0], [0, 2, 1], [0, 1, 1]])
def test_no_other_order_is(world, signers):
    with reverts_with("SignersNotAscending"):
        world.committee.requireQuorum(DIGEST, [signed(world.oracles[index]) for index in signers])
