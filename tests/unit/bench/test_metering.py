"""What counting fuel costs is measured on the sandbox's own engine, and on work that was done."""

import pytest
import wasmtime

from agent.sandbox.wasm import engine_config
from scripts.bench.agent import metering
from scripts.bench.agent.metering import Slowdown, metering_slowdown


def test_slowdown_is_the_metered_time_over_the_plain_one():
    assert Slowdown(metered_seconds=3.0, plain_seconds=2.0).ratio == 1.5


def test_both_engines_do_the_work_and_are_timed():
    measured = metering_slowdown(rounds=2, repeats=2)
    assert measured.metered_seconds > 0 and measured.plain_seconds > 0
    assert 0.2 < measured.ratio < 20, "one of the two was not the same work"


def test_engine_that_did_other_work_is_not_timed(monkeypatch):
    monkeypatch.setattr(metering, "PRIMES_BELOW_A_MILLION", 78_499)
    with pytest.raises(RuntimeError, match="found 78498 primes"):
        metering_slowdown(rounds=1, repeats=1)


@pytest.mark.parametrize("counts", [True, False])
def test_engine_counts_fuel_only_where_it_is_told_to(counts):
    store = wasmtime.Store(wasmtime.Engine(engine_config(consume_fuel=counts)))
    if counts:
        store.set_fuel(5)
        assert store.get_fuel() == 5
        return
    with pytest.raises(wasmtime.WasmtimeError, match="fuel is not configured"):
        store.set_fuel(5)
