"""Tests' databases share what SQLAlchemy compiles, and nothing else."""

from tests.fakes.databases import only_sqlite
from tests.fakes.world import World


def ours(world) -> list[str]:
    """Alembic makes its table, and those that it fills, anew for each database, and with them its statements."""
    compiled = map(str, world.market.store._engine._compiled_cache.values())
    return sorted(one for one in compiled if "alembic_version" not in one and "INTO log_frontier" not in one)


@only_sqlite  # each server's dialect is its own
def test_second_market_compiles_nothing_that_the_first_has_and_shares_no_rows_with_it(tmp_path):
    first = World(tmp_path / "first")
    lease_id = first.open_lease()
    compiled = ours(first)
    second = World(tmp_path / "second")
    assert ours(second) == compiled and len(compiled) > 20
    with second.market.store.read() as tx:
        assert tx.leases.get(lease_id) is None
    looked_at = ours(first)
    assert second.open_lease()
    assert ours(first) == looked_at
