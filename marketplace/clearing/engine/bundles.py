"""Resources that jobs take together, for which more is known than the least rate of each."""

import numpy as np
from numba import njit

from marketplace.jit import INNER

BUNDLES = np.array([[1, 4, 8], [0, 1, 2]], dtype=np.float32)
"""GPUs, vCPUs and GB of memory that jobs take together: of those with GPUs, and of the others. Powers of
two, or nothing: so many times one of them is exact, and not above what it is a part of."""
SCALES = np.array([0, 0.125, 0.5, 2, 8, 32, 128, 1_024], dtype=np.float32)
"""Hours of a bundle for which the least that it costs in a block, price included, is known."""


@njit(**INNER)
def in_bundles(w, bid):
    """What a bid takes as a scale of one of `BUNDLES`, and what it takes besides.

    Returns (row of `bundle_chunks`, how far to the next one from 0 to 1, the rest of GPUs, vCPUs and memory).
    """
    kind = 0 if w[bid, 0] > 0 else 1
    scale = min(w[bid, 1] / BUNDLES[kind, 1], w[bid, 2] / BUNDLES[kind, 2])
    if kind == 0:
        scale = min(scale, w[bid, 0] / BUNDLES[kind, 0])
    scale = min(scale, SCALES[-1])
    at = 0
    while scale > SCALES[at + 1]:
        at += 1
    part = (scale - SCALES[at]) / (SCALES[at + 1] - SCALES[at])
    gpus = w[bid, 0] - scale * BUNDLES[kind, 0]
    vcpus = w[bid, 1] - scale * BUNDLES[kind, 1]
    memory = w[bid, 2] - scale * BUNDLES[kind, 2]
    return kind * len(SCALES) + at, part, gpus, vcpus, memory
