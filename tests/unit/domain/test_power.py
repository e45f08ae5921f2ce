"""Energy and grams of use: the arithmetic that auctions steer by and usage reports are modelled with."""

from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.atlas.power import compute_carbon_mg, compute_millijoules

amounts = st.fixed_dictionaries(
    {
        "vcpu": st.integers(0, 10**5),
        "vcpu_ms": st.integers(0, 10**9),
        "gpu": st.integers(0, 10**7),
        "gpu_ms": st.integers(0, 10**9),
        "memory_mb_ms": st.integers(0, 10**15),
    }
)
TIMES = ("vcpu_ms", "gpu_ms", "memory_mb_ms")


def test_one_vcpu_at_four_watts_for_a_second_with_two_gb_takes_4_3_joules():
    assert compute_millijoules(vcpu=4_000, vcpu_ms=1_000, gpu=0, gpu_ms=0, memory_mb_ms=2_000_000) == 4_300


def test_a_kwh_at_400_grams_and_half_as_much_again_for_the_building_is_600_grams():
    assert compute_carbon_mg(3_600_000_000, 400, 1_500) == 600_000


@given(amounts, st.sampled_from(TIMES), st.integers(0, 10**9))
def test_more_of_anything_never_takes_less_energy_and_none_takes_none(amount, name, more):
    grown = amount | {name: amount[name] + more}
    assert 0 <= compute_millijoules(**amount) <= compute_millijoules(**grown)
    assert compute_millijoules(**amount | dict.fromkeys(TIMES, 0)) == 0


@given(amounts, st.integers(1, 5))
def test_energy_of_parts_adds_up_but_for_rounding_up(amount, parts):
    whole = compute_millijoules(**amount | {name: amount[name] * parts for name in TIMES})
    assert 0 <= compute_millijoules(**amount) * parts - whole < parts


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=4), st.integers(0, 2_000), st.integers(1_000, 3_000))
def test_grams_of_parts_add_up_but_for_rounding_up(energies, grams, overhead):
    apart = sum(compute_carbon_mg(one, grams, overhead) for one in energies)
    assert 0 <= apart - compute_carbon_mg(sum(energies), grams, overhead) < max(2, len(energies))
