"""The append-only tree beside RFC 9162's definitions, computed naively."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.protocol.manifest import merkle_proof, merkle_root
from marketplace.protocol.merkle_log import (
    EMPTY_ROOT,
    Frontier,
    compute_root,
    consistency_path,
    hash_leaf,
    hash_path,
    inclusion_path,
    is_consistent,
)

MOST = 200
LEAVES = [str(number).encode() for number in range(MOST)]
KNOWN = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    bytes(range(0x50, 0x58)),
    bytes(range(0x60, 0x70)),
]
KNOWN_ROOTS = {
    1: "6e340b9cffb37a98 9ca544e6bb780a2c 78901d3fb3373876 8511a30617afa01d",
    2: "fac54203e7cc696c f0dfcb42c92a1d9d baf70ad9e621f4bd 8d98662f00e3c125",
    3: "aeb6bcfe274b70a1 4fb067a5e5578264 db0fa9b51af5e0ba 159158f329e06e77",
    8: "5dc9da79a70659a9 ad559cb701ded9a2 ab9d823aad2f4960 cfe370eff4604328",
}
"""Of the vectors that implementations of Certificate Transparency share: RFC 6962 has the same tree."""


def grown(leaves) -> tuple[list[Frontier], dict]:
    """The frontier at each size, and every node that was completed."""
    frontier, frontiers, nodes = Frontier(), [Frontier()], {}
    for index, leaf in enumerate(leaves):
        frontier, completed = frontier.append(hash_leaf(leaf))
        frontiers.append(frontier)
        nodes |= {(level, index >> level): one for level, one in enumerate(completed)}
    return frontiers, nodes


@pytest.fixture(scope="module")
def tree():
    return grown(LEAVES)


@pytest.fixture(scope="module")
def roots():
    return [merkle_root(LEAVES[:size]) for size in range(MOST + 1)]


def naive_consistency(first: int, leaves, is_whole=True) -> list[bytes]:
    """SUBPROOF of RFC 9162 §2.1.4.1, word for word."""
    size = len(leaves)
    if first == size:
        return [] if is_whole else [merkle_root(leaves)]
    middle = 1 << ((size - 1).bit_length() - 1)
    if first <= middle:
        return [*naive_consistency(first, leaves[:middle], is_whole), merkle_root(leaves[middle:])]
    return [*naive_consistency(first - middle, leaves[middle:], False), merkle_root(leaves[:middle])]


@pytest.mark.parametrize("size", KNOWN_ROOTS)
def test_roots_are_those_of_the_known_vectors(size):
    frontiers, _ = grown(KNOWN[:size])
    assert frontiers[-1].root() == bytes.fromhex(KNOWN_ROOTS[size])
    assert EMPTY_ROOT == sha256(b"").digest() == Frontier().root()


def test_the_frontier_gives_the_root_at_every_size(tree, roots):
    frontiers, _ = tree
    assert [one.root() for one in frontiers] == roots


def test_a_frontier_survives_its_bytes_and_refuses_others(tree):
    frontiers, _ = tree
    assert [Frontier.from_bytes(one.size, one.to_bytes()) for one in frontiers] == frontiers
    with pytest.raises(ValueError, match="2 peaks"):
        Frontier.from_bytes(3, b"\x00" * 32)


def test_every_inclusion_proof_is_the_one_of_the_definition_and_holds(tree, roots):
    _, nodes = tree
    for size in range(1, MOST + 1):
        for index in range(size):
            path = hash_path(inclusion_path(index, size), nodes.__getitem__)
            assert compute_root(index, size, hash_leaf(LEAVES[index]), path) == roots[size]
            if size % 25 == 0 or size < 20:
                assert path == merkle_proof(LEAVES[:size], index)


def test_every_consistency_proof_holds_and_is_the_one_of_the_definition(tree, roots):
    _, nodes = tree
    for second in range(MOST + 1):
        for first in range(second + 1):
            path = hash_path(consistency_path(first, second), nodes.__getitem__)
            assert is_consistent(first, second, roots[first], roots[second], path)
            if first and (second % 25 == 0 or second < 20):
                assert path == naive_consistency(first, LEAVES[:second])


@given(st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_a_proof_of_anything_else_never_holds(tree, roots, data):
    _, nodes = tree
    size = data.draw(st.integers(2, MOST))
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    path = hash_path(inclusion_path(index, size), nodes.__getitem__)
    if other != index:
        assert compute_root(other, size, hash_leaf(LEAVES[index]), path) != roots[size]
        assert compute_root(index, size, hash_leaf(LEAVES[other]), path) != roots[size]
    broken = list(path)
    place = data.draw(st.integers(0, len(path) - 1))
    broken[place] = bytes([broken[place][0] ^ 1]) + broken[place][1:]
    assert compute_root(index, size, hash_leaf(LEAVES[index]), broken) != roots[size]
    assert compute_root(index, size, hash_leaf(LEAVES[index]), path[:-1]) != roots[size]
    assert compute_root(index, size, hash_leaf(LEAVES[index]), [*path, path[0]]) != roots[size]


@given(st.data())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_proof_makes_a_rewritten_log_consistent(tree, roots, data):
    _, nodes = tree
    second = data.draw(st.integers(2, MOST))
    first = data.draw(st.integers(1, second - 1))
    altered = data.draw(st.integers(0, first - 1))
    frontiers, forged = grown([*LEAVES[:altered], b"altered", *LEAVES[altered + 1 : second]])
    for source in (nodes, forged):
        path = hash_path(consistency_path(first, second), source.__getitem__)
        assert not is_consistent(first, second, roots[first], frontiers[second].root(), path)
    path = hash_path(consistency_path(first, second), nodes.__getitem__)
    assert is_consistent(first, second, roots[first], roots[second], path)
    for wrong in (path[:-1], [*path, path[-1]], []):
        assert not is_consistent(first, second, roots[first], roots[second], wrong)
    assert not is_consistent(second, first, roots[second], roots[first], path)
