"""A fresh market for every test."""

import pytest

from tests.fakes.world import World


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)
