"""The one door to the tests' stand-ins: a market in memory, with a chain in memory, behind the real server."""

from tests.fakes.databases import close_databases
from tests.fakes.service import serve
from tests.fakes.world import World

__all__ = ["World", "close_databases", "serve"]
