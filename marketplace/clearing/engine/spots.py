"""Spots of a layout that asks come to and leave: each change keeps the bounds of block and chunk exact."""

from typing import NamedTuple

import numpy as np
from numba import njit

from marketplace.clearing.engine.tables import BLOCK, CHUNK, FAR, LESS, MINIMUM, NEVER, PLACE, FloorTable
from marketplace.jit import KERNEL

VACANT = -1
"""A spot that no ask has, and a block that no kit has."""
_EVERY_BIT = np.uint32(2**32 - 1)


class Offers(NamedTuple):
    """N asks by number, in whatever order they came. What a spot shows while its ask has a free unit."""

    record: np.ndarray
    """(N, 13) int64: a row of `LaidAsks.record`."""
    bits: np.ndarray
    """(N, W) uint32."""
    numbers: np.ndarray
    """(N, 3 + K) int32."""
    kit: np.ndarray
    """(N,) int64: whose blocks it goes to."""
    spot: np.ndarray
    """(N,) int64: where it is, or VACANT where there is no such ask."""


@njit(**KERNEL)
def choose_spot(floors, block_kit, vacant, holder, kit, record, typical):
    """A vacant spot in the block of this kit that costs most alike, else in a block of nobody; VACANT if there is none.

    Alike: the least difference between the ask's rates and the block's floors, weighed by `typical`.
    """
    nearest, least, empty = VACANT, np.inf, VACANT
    for block in range(block_kit.shape[0]):
        if vacant[block] == 0:
            continue
        if block_kit[block] == VACANT:
            empty = block if empty == VACANT else empty
        if block_kit[block] != kit:
            continue
        chunk, place = block // CHUNK, block % CHUNK
        distance = 0.0
        for line in range(typical.shape[0]):
            distance += typical[line] * abs(float(floors.of_blocks[chunk, line, place]) - float(record[line]))
        if distance < least:
            nearest, least = block, distance
    block = nearest if nearest != VACANT else empty
    if block == VACANT:
        return VACANT
    for spot in range(block * BLOCK, (block + 1) * BLOCK):
        if holder[spot] == VACANT:
            return spot
    return VACANT


@njit(**KERNEL)
def open_spot(floors, record, offers, number):
    """Show an ask at its spot; `record` is that of the layout. The caller refreshes the block."""
    spot = offers.spot[number]
    block, n = spot // BLOCK, spot % BLOCK
    record[spot] = offers.record[number]
    for line in range(MINIMUM + 1):
        floors.of_asks[block, line, n] = np.float32(offers.record[number, line]) * LESS
    floors.ask_bits[block, :, n] = offers.bits[number]
    floors.ask_numbers[block, :, n] = offers.numbers[number]


@njit(**KERNEL)
def close_spot(floors, spot):
    """Nothing is to be had there. The caller refreshes the block."""
    block, n = spot // BLOCK, spot % BLOCK
    floors.of_asks[block, :, n] = FAR
    floors.of_asks[block, MINIMUM, n] = NEVER
    floors.ask_bits[block, :, n] = _EVERY_BIT
    floors.ask_numbers[block, :, n] = -1


@njit(**KERNEL)
def refresh_block(floors, record, block):
    """The bounds of a block, from its asks, and those of its chunk, from its blocks."""
    chunk, place = block // CHUNK, block % CHUNK
    for line in range(MINIMUM + 1):
        least = NEVER
        for n in range(BLOCK):
            rate = floors.of_asks[block, line, n]
            least = least if least < rate else rate
        floors.of_blocks[chunk, line, place] = least
        for n in range(CHUNK):
            rate = floors.of_blocks[chunk, line, n]
            least = least if least < rate else rate
        floors.of_chunks[line, chunk] = least
    for word in range(floors.ask_bits.shape[1]):
        shared = _EVERY_BIT
        for n in range(BLOCK):
            shared &= floors.ask_bits[block, word, n]
        floors.block_bits[chunk, word, place] = shared
        for n in range(CHUNK):
            shared &= floors.block_bits[chunk, word, n]
        floors.chunk_bits[word, chunk] = shared
    for kind in range(floors.ask_numbers.shape[1]):
        most = np.int32(-1)
        for n in range(BLOCK):
            most = max(most, floors.ask_numbers[block, kind, n])
        floors.block_numbers[chunk, kind, place] = most
        for n in range(CHUNK):
            most = max(most, floors.block_numbers[chunk, kind, n])
        floors.chunk_numbers[kind, chunk] = most
    places = np.uint64(0)
    for n in range(BLOCK):
        if floors.of_asks[block, MINIMUM, n] < NEVER:
            places |= np.uint64(1) << np.uint64(record[block * BLOCK + n, PLACE] % 64)
    floors.block_places[chunk, place] = places
    for n in range(CHUNK):
        places |= floors.block_places[chunk, n]
    floors.chunk_places[chunk] = places


@njit(**KERNEL)
def show(floors, record, offers, number):
    """`open_spot`, and the bounds that this changes."""
    open_spot(floors, record, offers, number)
    refresh_block(floors, record, offers.spot[number] // BLOCK)


@njit(**KERNEL)
def hide(floors, record, spot):
    """`close_spot`, and the bounds that this changes."""
    close_spot(floors, spot)
    refresh_block(floors, record, spot // BLOCK)


@njit(**KERNEL)
def fill_spots(floors, record, offers, some):
    """Show all of these at once."""
    for number in some:
        open_spot(floors, record, offers, number)
    for block in range(floors.of_asks.shape[0]):
        refresh_block(floors, record, block)


def no_floors(blocks: int, words: int, numbers: int) -> FloorTable:
    """The bounds of a layout in which every spot is vacant; `blocks` is a multiple of `CHUNK`."""
    chunks, lines = blocks // CHUNK, MINIMUM + 1
    dearest = np.array([FAR] * MINIMUM + [NEVER], dtype=np.float32)

    def full(shape: tuple[int, ...], value: int, kind: type) -> np.ndarray:
        return np.full(shape, value, dtype=kind)

    return FloorTable(
        of_asks=np.broadcast_to(dearest[:, None], (blocks, lines, BLOCK)).copy(),
        bundles=full((blocks, 0, BLOCK), 0, np.float32),
        ask_bits=full((blocks, words, BLOCK), _EVERY_BIT, np.uint32),
        ask_numbers=full((blocks, numbers, BLOCK), -1, np.int32),
        of_blocks=np.broadcast_to(dearest[:, None], (chunks, lines, CHUNK)).copy(),
        of_chunks=np.broadcast_to(dearest[:, None], (lines, chunks)).copy(),
        block_bits=full((chunks, words, CHUNK), _EVERY_BIT, np.uint32),
        chunk_bits=full((words, chunks), _EVERY_BIT, np.uint32),
        block_places=full((chunks, CHUNK), 0, np.uint64),
        chunk_places=full((chunks,), 0, np.uint64),
        block_numbers=full((chunks, numbers, CHUNK), -1, np.int32),
        chunk_numbers=full((numbers, chunks), -1, np.int32),
    )
