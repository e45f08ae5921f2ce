"""A replica that hangs holds up no more requests than it has connections: the next one asks the primary at once."""

from contextlib import ExitStack

import pytest

from marketplace.adapters.store.replicas import POOL
from marketplace.domain.views import View
from tests.fakes.databases import needs_postgres
from tests.integration.test_replicas import lag, standby, world

__all__ = ["lag", "standby", "world"]
pytestmark = [needs_postgres, pytest.mark.timeout(120)]


def test_who_finds_all_connections_to_a_replica_taken_is_answered_by_the_primary(world):
    store, views = world.market.store, [View() for _ in range(POOL + 1)]
    with ExitStack() as stack:
        for view in views:
            stack.enter_context(store.viewing(view))
            tx = stack.enter_context(store.look())
            assert tx.asks.live() == []
    assert [view.is_old for view in views] == [True] * POOL + [False]
    assert store.views()["primary"] == 1
