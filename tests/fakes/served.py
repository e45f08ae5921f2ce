"""A market in memory behind a real HTTP server, in a process with all that the real one loads.

python -m tests.fakes.served FOLDER PORT
"""

import sys
from pathlib import Path

import uvicorn

import marketplace.bootstrap  # noqa: F401  (loads the libraries that raise the recursion limit)
from marketplace.api.app import build_app
from tests.fakes.world import World

if __name__ == "__main__":
    world = World(Path(sys.argv[1]))
    print("recursion limit", sys.getrecursionlimit(), flush=True)
    uvicorn.run(build_app(world.market, with_workers=False), port=int(sys.argv[2]), log_level="warning")
