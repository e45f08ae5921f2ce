"""How kernels are compiled, and where their machine code is kept.

numba keeps compiled functions by the file that they are in, and does not see when a function of another file, which
they contain, has changed. So the place names the digest of all kernels, and of what compiles them.
"""

import hashlib
import os
from importlib.metadata import version
from pathlib import Path

import numba
from platformdirs import user_cache_path

KERNEL = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": {"nnan", "nsz"}}
"""Floats are never NaN, and the sign of zero says nothing: with that alone minima can be vectorised. Rounding stays."""
INNER = KERNEL | {"forceinline": True}
"""For what runs once a block or an ask: handing it all the tables would cost more than it does."""


THREADS = min(16, os.cpu_count() or 1)
"""How many kernels run beside each other: they let go of the interpreter."""
_KERNELS = Path(__file__).parent / "clearing" / "engine"


def kernels_digest() -> str:
    """Of the sources of all kernels, and the versions of what compiles them."""
    state = hashlib.sha256(f"numba {version('numba')} numpy {version('numpy')}".encode())
    for path in sorted(_KERNELS.glob("*.py")):
        state.update(path.name.encode() + b"\0" + path.read_bytes())
    return state.hexdigest()[:16]


if not numba.config.CACHE_DIR:
    numba.config.CACHE_DIR = str(user_cache_path("computehive") / "kernels" / kernels_digest())
