"""A fresh market for every test."""

import pytest

from tests.fakes.databases import close_databases
from tests.fakes.world import World


@pytest.fixture(autouse=True)
def _closed_databases():
    yield
    close_databases()


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


@pytest.fixture
def single(world):
    """One node with one unit."""
    world.offer(world.ask(units=1))
    return world
