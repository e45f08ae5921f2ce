"""Append-only Merkle trees: the hashing, the growing and the proofs of RFC 9162 §2.1 over SHA-256.

A node is named by its level and its position there: node (h, p) is the root of the leaves p·2^h to (p + 1)·2^h - 1, all
of which exist. What is not such a node is made of some when it is needed, so that nothing that is stored ever changes.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Node = tuple[int, int]
"""Level and position."""
EMPTY_ROOT = hashlib.sha256(b"").digest()
HASH_BYTES = 32


def hash_leaf(data: bytes) -> bytes:
    """The hash of an entry."""
    return hashlib.sha256(b"\x00" + data).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees, beside each other."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All of a tree that its growth depends on: a hash for each bit that is set in its size."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()
    """The roots of the complete subtrees that the leaves fall into, the widest (leftmost) first."""

    def append(self, leaf: bytes) -> tuple["Frontier", tuple[bytes, ...]]:
        """The tree with one more leaf, a hash, and the nodes that this completes: the leaf itself, then upwards."""
        peaks, completed = list(self.peaks), [leaf]
        level, size = 0, self.size
        while size >> level & 1:
            completed.append(hash_node(peaks.pop(), completed[-1]))
            level += 1
        return Frontier(size + 1, (*peaks, completed[-1])), tuple(completed)

    def root(self) -> bytes:
        """The root of the tree; of no leaves, the SHA-256 of nothing."""
        return _join(self.peaks) if self.peaks else EMPTY_ROOT

    def to_bytes(self) -> bytes:
        """The peaks one after the other; `size` says how many there are."""
        return b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, size: int, peaks: bytes) -> "Frontier":
        """What `to_bytes` wrote. Raises ValueError for another number of peaks than the size has bits set."""
        if len(peaks) != HASH_BYTES * size.bit_count():
            raise ValueError(f"{len(peaks)} bytes are not the {size.bit_count()} peaks of a tree of {size} leaves")
        return cls(size, tuple(peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)))


def completed_by(node: Node) -> int:
    """The leaf with which a node is complete: the last one under it."""
    level, position = node
    return ((position + 1) << level) - 1


def nodes_between(begin: int, end: int) -> list[Node]:
    """The nodes that the subtree over the leaves `begin` to `end` (not included) is made of, left to right.

    `begin` is a multiple of the least power of two that is no less than `end - begin`, as in every split of RFC 9162.
    """
    nodes: list[Node] = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        nodes.append((level, begin >> level))
        begin += 1 << level
    return nodes


def inclusion_path(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees, as leaves from and to, whose roots prove that leaf `index` is in the tree; the nearest first."""
    begin, end, path = 0, size, []
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin = middle
    return path[::-1]


def consistency_path(first: int, second: int) -> list[tuple[int, int]]:
    """The subtrees whose roots prove that the tree of `first` leaves is the beginning of that of `second`.

    RFC 9162 §2.1.4.1. Empty where one of them is empty or both are equal.
    """
    if first in (0, second):
        return []
    begin, end, path, is_whole = 0, second, [], True
    while first != end:
        middle = begin + _split(end - begin)
        if first <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((begin, middle))
            begin, is_whole = middle, False
    return ([] if is_whole else [(begin, end)]) + path[::-1]


def hash_path(path: Sequence[tuple[int, int]], node: Callable[[Node], bytes]) -> list[bytes]:
    """The roots of these subtrees, of stored nodes."""
    return [_join([node(one) for one in nodes_between(begin, end)]) for begin, end in path]


def compute_root(index: int, size: int, leaf: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to (RFC 9162 §2.1.3.2); None where it is of no such tree."""
    if not 0 <= index < size:
        return None
    node, position, last = leaf, index, size - 1
    for step in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            node = hash_node(step, node)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            node = hash_node(node, step)
        position, last = position >> 1, last >> 1
    return node if last == 0 else None


def is_consistent(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the one tree is the beginning of the other (RFC 9162 §2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == EMPTY_ROOT
    steps = [first_root, *path] if first & (first - 1) == 0 else list(path)
    if not steps:
        return False
    position, last = first - 1, second - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old, new = hash_node(step, old), hash_node(step, new)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new = hash_node(new, step)
        position, last = position >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _join(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees that stand beside each other, each narrower than the one before."""
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = hash_node(peak, root)
    return root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)
