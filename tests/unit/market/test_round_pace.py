"""Rounds leave time for what they matched: one that takes long is followed by a longer pause."""

import time
from itertools import pairwise

import pytest

from marketplace.domain.rules import Rules
from marketplace.services import workers
from marketplace.services.workers import ROUND_REST, STEPS, Workers
from tests.fakes.waiting import wait_for
from tests.fakes.world import World

PAUSE = 0.05


@pytest.mark.parametrize("takes", [0.0, 0.1], ids=["short", "long"])
def test_the_pause_after_a_round_is_the_rule_or_some_times_as_long_as_the_round(tmp_path, monkeypatch, takes):
    begun = []

    def clear(market):
        begun.append(time.monotonic())
        time.sleep(takes)

    monkeypatch.setitem(workers.STEPS, "clearing", (clear, 0.0))
    assert STEPS["clearing"][0] is clear
    running = Workers(World(tmp_path, rules=Rules(round_seconds=PAUSE)).market, ["clearing"])
    running.start()
    wait_for(lambda: len(begun) >= 4)
    running.stop()
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert min(gaps) >= takes + max(PAUSE, ROUND_REST * takes)
