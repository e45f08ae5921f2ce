"""The one door to the tests' stand-ins: a chain in memory, a PostgreSQL server of this process's own and a replica."""

from tests.fakes import postgres
from tests.fakes.chain import FakeChain, FakeSender
from tests.fakes.standby import Standby
from tests.fakes.world import DOMAIN

__all__ = ["DOMAIN", "FakeChain", "FakeSender", "Standby", "postgres"]
