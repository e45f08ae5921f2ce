"""Paints the picture that `woodcut` works on: hills under an evening sky. `python picture.py picture.ppm`.

Painted, not stored: integer hashes and IEEE arithmetic give every machine the same bytes.
"""

import math
import sys
from pathlib import Path

WIDTH, HEIGHT = 480, 320
HORIZON = 0.62
SUN = (0.68, 0.47, 0.055)
"""Centre and radius, in picture heights (x in picture widths)."""
RIDGES = (
    (0.52, 0.10, 3.0, (128, 134, 168)),
    (0.62, 0.09, 4.5, (92, 104, 138)),
    (0.72, 0.08, 7.0, (54, 84, 88)),
    (0.85, 0.06, 11.0, (28, 52, 44)),
)
"""Base line, height, hills per width, colour; from far to near."""

Colour = tuple[float, float, float]


def _lattice(x: int, y: int, seed: int) -> float:
    value = (x * 374761393 + y * 668265263 + seed * 2147483647) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 1274126177) & 0xFFFFFFFF
    return (value ^ (value >> 16)) / 0xFFFFFFFF


def _noise(x: float, y: float, seed: int) -> float:
    """Value noise: a random height at each lattice point, smooth in between."""
    column, row = math.floor(x), math.floor(y)
    u, v = x - column, y - row
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    top = _lattice(column, row, seed) * (1 - u) + _lattice(column + 1, row, seed) * u
    bottom = _lattice(column, row + 1, seed) * (1 - u) + _lattice(column + 1, row + 1, seed) * u
    return top * (1 - v) + bottom * v


def _fractal(x: float, y: float, seed: int, octaves: int) -> float:
    return sum(_noise(x * 2**i, y * 2**i, seed + i) / 2 ** (i + 1) for i in range(octaves))


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    share = min(1.0, max(0.0, share))
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def _sky(x: float, y: float) -> Colour:
    colour = _mix((44, 62, 122), (252, 176, 112), (y / HORIZON) ** 1.4)
    distance = math.hypot((x - SUN[0]) * WIDTH / HEIGHT, y - SUN[1])
    if distance < SUN[2]:
        return (255, 244, 206)
    colour = _mix(colour, (255, 226, 150), math.exp(-7 * (distance - SUN[2])))
    cloud = _fractal(x * 4, y * 14, 7, 4)
    return _mix(colour, (250, 206, 190), (cloud - 0.52) * 4 * (1 - y / HORIZON))


def _ridge_height(x: float, index: int) -> float:
    base, height, hills, _ = RIDGES[index]
    return base - height * (_fractal(x * hills, 0.0, 31 * index + 3, 5) - 0.35) * 2


def _land(x: float, y: float, index: int, depth: float) -> Colour:
    colour = RIDGES[index][3]
    mist = math.exp(-depth * 14) * 0.35
    texture = (_fractal(x * 60, y * 60, 90 + index, 2) - 0.4) * 26
    lit = _mix(colour, (255, 200, 140), mist)
    return (lit[0] + texture, lit[1] + texture, lit[2] + texture)


def paint() -> bytes:
    """The picture as binary PPM."""
    ridges = [[_ridge_height(x / WIDTH, index) for x in range(WIDTH)] for index in range(len(RIDGES))]
    pixels = bytearray()
    for row in range(HEIGHT):
        y = row / HEIGHT
        for column in range(WIDTH):
            x = column / WIDTH
            nearest = next((i for i in reversed(range(len(RIDGES))) if y > ridges[i][column]), None)
            colour = _sky(x, y) if nearest is None else _land(x, y, nearest, y - ridges[nearest][column])
            pixels += bytes(min(255, max(0, int(part + 0.5))) for part in colour)
    return b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + bytes(pixels)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python picture.py picture.ppm")
    Path(sys.argv[1]).write_bytes(paint())
