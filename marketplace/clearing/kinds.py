"""What asks are, as bits that a bid forbids: given out one by one, as asks of a new kind come into a live book.

A round numbers the kinds of asks and bids that it has (`marketplace.clearing.problem`). Here a kind of ask keeps its
bit whatever comes later, and what a bid forbids is worked out again when there are new kinds.
"""

from collections.abc import Hashable

import numpy as np

from marketplace.clearing.engine.bounds import EVERYWHERE
from marketplace.domain.book import PlacedAsk, PlacedBid
from marketplace.domain.constraints import QUALITIES, REGION, Quality

WORD = 32
MOST_WORDS = 32
"""Kinds beyond this many words of bits get none: asks of these have to be looked at one by one."""
_MOST_WANTS = 4_096
"""Different wishes of bids that are remembered; which they are does not matter."""


class Kinds:
    """Bits of all kinds of asks that ever came."""

    def __init__(self) -> None:
        self._bits: list[dict[Hashable, int]] = [{} for _ in QUALITIES]
        self._forbidden: dict[tuple[int, Hashable], int] = {}
        self._regions: dict[Hashable, int] = {}
        self._given = 0

    @property
    def words(self) -> int:
        """Words of bits that are in use, at least one."""
        return max(1, -(-min(self._given, MOST_WORDS * WORD) // WORD))

    @property
    def has_all(self) -> bool:
        """Whether every kind has a bit."""
        return self._given <= MOST_WORDS * WORD

    @property
    def places(self) -> int:
        """Regions that asks are in."""
        return max(1, len(self._regions))

    def mask_of(self, ask: PlacedAsk) -> int:
        """The bits of an ask's kinds."""
        mask = 0
        for bits, quality in zip(self._bits, QUALITIES, strict=True):
            kind = quality.offered(ask)
            bit = bits.get(kind)
            if bit is None:
                bit = bits[kind] = self._given
                self._given += 1
                self._forbidden.clear()
            mask |= 1 << bit
        return mask

    def pack(self, mask: int) -> np.ndarray:
        """(W,) uint32: as far as there are words for it."""
        words = self.words
        kept = mask & ((1 << WORD * words) - 1)
        return np.frombuffer(kept.to_bytes(4 * words, "little"), dtype="<u4").astype(np.uint32)

    def place_of(self, ask: PlacedAsk) -> int:
        """The number of an ask's region."""
        return self._regions.setdefault(REGION.offered(ask), len(self._regions))

    def forbidden_by(self, bid: PlacedBid) -> np.ndarray:
        """(1, W) uint32: what an ask of the bid must not be."""
        mask = 0
        for place, quality in enumerate(QUALITIES):
            mask |= self._mask(place, quality, quality.wanted(bid))
        return self.pack(mask).reshape(1, -1)

    def places_for(self, bid: PlacedBid) -> np.ndarray:
        """(1,) uint64: bit `place % 64` of every region where a bid may go."""
        wanted = REGION.wanted(bid)
        if not wanted:
            return np.array([EVERYWHERE])
        allowed = (number for region, number in self._regions.items() if REGION.violated(wanted, region) is None)
        return np.array([sum({1 << number % 64 for number in allowed})], dtype=np.uint64)

    def _mask(self, place: int, quality: Quality, wanted: Hashable) -> int:
        known = self._forbidden.get((place, wanted))
        if known is None:
            kinds = self._bits[place].items()
            known = sum(1 << bit for kind, bit in kinds if quality.violated(wanted, kind) is not None)
            if len(self._forbidden) >= _MOST_WANTS:
                self._forbidden.clear()
            self._forbidden[place, wanted] = known
        return known
