"""Tests' databases share what SQLAlchemy compiles, and nothing else."""

from tests.fakes.world import World


def test_second_market_compiles_nothing_that_the_first_has_and_shares_no_rows_with_it(tmp_path):
    first = World(tmp_path / "first")
    lease_id = first.open_lease()
    compiled = len(first.market.store._engine._compiled_cache)
    second = World(tmp_path / "second")
    assert len(second.market.store._engine._compiled_cache) == compiled > 20
    with second.market.store.read() as tx:
        assert tx.leases.get(lease_id) is None
    looked_at = len(first.market.store._engine._compiled_cache)
    assert second.open_lease()
    assert len(first.market.store._engine._compiled_cache) == looked_at
