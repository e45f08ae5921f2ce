"""The one door to the tests' stand-ins: a chain in memory, and a PostgreSQL server of this process's own."""

from tests.fakes import postgres
from tests.fakes.chain import FakeChain, FakeSender
from tests.fakes.world import DOMAIN

__all__ = ["DOMAIN", "FakeChain", "FakeSender", "postgres"]
