"""A registry that a test plays, and a pull from it."""

import pytest

from agent.containers import registries
from agent.containers.pulling import pull
from tests.unit.agent.containers.played_registry import played_registry


@pytest.fixture
def registry():
    with played_registry() as played:
        yield played


@pytest.fixture
def fetch(registry, tmp_path, monkeypatch):
    """Pull an image from the played registry, which is allowed."""
    monkeypatch.setattr(registries, "PAUSE_SECONDS", 0)
    count = iter(range(100))

    def fetch(program, allowed=None, architecture="x86_64", check=lambda: None, **more):
        folder = tmp_path / str(next(count))
        folder.mkdir()
        return pull(program, allowed or [registry.host], architecture, folder, check, **more)

    return fetch
