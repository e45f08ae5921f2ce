"""The registry of the deployed market, and three accounts that publish."""

import pytest


@pytest.fixture
def registry(world):
    """Where modules are registered; empty."""
    return world.contracts["ModuleRegistry"]


@pytest.fixture
def alice(world):
    """Who publishes."""
    return world.renters[0]


@pytest.fixture
def bob(world):
    """Somebody else."""
    return world.renters[1]


@pytest.fixture
def carol(world):
    """A third."""
    return world.renters[2]
