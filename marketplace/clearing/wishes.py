"""What a renter's preferences come to at each place, line by line, exactly, in integer micro-USDC.

    carbon   = ceil(grams of CO2e that the job causes there * price per kg)
    latency  = sum over regions (milliseconds from there * price per ms)
    locality = sum over wishes that the place does not fulfil (worth)
    data     = sum over locations (GB * what the cloud there takes to move a GB here): C_data of inputs

They steer: the auction takes them off a bid's value, and nobody charges them. Asks that no preference can tell apart
are one place.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

from marketplace.domain import atlas
from marketplace.domain.atlas.power import compute_millijoules, gpu_milliwatts, vcpu_milliwatts
from marketplace.domain.book import PlacedAsk
from marketplace.domain.constraints import intensity_of
from marketplace.protocol.metering import Resources
from marketplace.protocol.preferences import Preferences
from marketplace.protocol.units import MB_PER_GB, SECONDS_PER_HOUR, ceil_div

MOST = 1 << 60
"""Preferences beyond this (1.2e12 USDC) count as this much: a value less this much still fits into 64 bits."""
_EXACT = 1 << 62
_MG_PER_KG = _MICRO = 1_000_000


class Site(NamedTuple):
    """What preferences can tell of an ask. Power in milliwatts; of a node whose grid nobody knows, the dirtiest one."""

    region: str
    zone: str
    rack: str
    grams_per_kwh: int
    pue_per_mille: int
    gpu_milliwatts: int
    """Of the GPU there that draws most."""
    vcpu_milliwatts: int

    @classmethod
    def of(cls, placed: PlacedAsk) -> "Site":
        """The site of an ask."""
        profile, grams = placed.profile, intensity_of(placed)
        return cls(
            profile.region,
            profile.zone,
            profile.rack,
            atlas.dirtiest_grid() if grams is None else grams,
            atlas.pue_per_mille(profile.region),
            max((gpu_milliwatts(gpu.model) for gpu in profile.gpus), default=0),
            vcpu_milliwatts(profile.cpu.architecture),
        )


class Wishes(NamedTuple):
    """What preferences come to at P places: (P,) int64 each, micro-USDC."""

    carbon: np.ndarray
    latency: np.ndarray
    locality: np.ndarray
    data: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """(P,) int64, at most `MOST`."""
        return np.minimum(sum(self), MOST)


class Places:
    """P different sites, as columns."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self.sites = tuple(sites)
        self._regions, self._region_of = _distinct([site.region for site in self.sites])
        self._loads, self._load_of = _distinct([(site.gpu_milliwatts, site.vcpu_milliwatts) for site in self.sites])
        self._grid = np.array([site.grams_per_kwh * site.pue_per_mille for site in self.sites], dtype=np.int64)
        self._columns: dict[tuple[str, ...], np.ndarray] = {}

    def price(self, wishes: Preferences, reserved: Resources) -> Wishes:
        """What these preferences of a bid that reserves so much come to at each site."""
        nothing = np.zeros(len(self.sites), dtype=np.int64)
        return Wishes(
            carbon=_ceil_product(self.carbon_mg(reserved), wishes.carbon_price_per_kg, _MG_PER_KG)
            if wishes.carbon_price_per_kg
            else nothing,
            latency=sum((self._milliseconds(one.from_region) * one.price_per_ms for one in wishes.latency), nothing),
            locality=sum((self._is_away(one.zone, one.rack) * one.worth for one in wishes.locality), nothing),
            data=sum((-(-self._transfer(one.region) * one.mb // MB_PER_GB) for one in wishes.data), nothing),
        )

    def carbon_mg(self, reserved: Resources) -> np.ndarray:
        """(P,) int64: milligrams of CO2e that the reserved resources cause at each site, full time, at most `MOST`."""
        energy = np.array([min(_milliwatt_hours(*load, reserved), MOST) for load in self._loads], dtype=np.int64)
        return _ceil_product(self._grid, energy[self._load_of], _MICRO)

    def _milliseconds(self, source: str) -> np.ndarray:
        def between(region: str) -> int:
            known = atlas.latency_ms(source, region)
            return atlas.UNKNOWN_MS if known is None else known

        return self._by_region("latency", source, between)

    def _transfer(self, source: str) -> np.ndarray:
        return self._by_region("transfer", source, lambda region: atlas.transfer_price(source, region))

    def _by_region(self, kind: str, source: str, fact: Callable[[str], int]) -> np.ndarray:
        if (kind, source) not in self._columns:
            self._columns[kind, source] = np.array(list(map(fact, self._regions)), dtype=np.int64)[self._region_of]
        return self._columns[kind, source]

    def _is_away(self, zone: str, rack: str) -> np.ndarray:
        key = ("locality", zone, rack)
        if key not in self._columns:
            away = [zone not in ("", site.zone) or rack not in ("", site.rack) for site in self.sites]
            self._columns[key] = np.array(away, dtype=np.int64)
        return self._columns[key]


def _distinct(values: Sequence[Hashable]) -> tuple[list[Hashable], np.ndarray]:
    numbers: dict[Hashable, int] = {}
    which = np.array([numbers.setdefault(one, len(numbers)) for one in values], dtype=np.int64)
    return list(numbers), which


def _milliwatt_hours(gpu: int, vcpu: int, reserved: Resources) -> int:
    """What reserved resources draw, GPUs and vCPUs drawing so many milliwatts each."""
    ms = reserved.seconds * 1_000
    millijoules = compute_millijoules(
        vcpu=vcpu, vcpu_ms=reserved.vcpus * ms, gpu=gpu, gpu_ms=reserved.gpus * ms, memory_mb_ms=reserved.memory_mb * ms
    )
    return ceil_div(millijoules, SECONDS_PER_HOUR)


def _ceil_product(some: np.ndarray, other: np.ndarray | int, divisor: int) -> np.ndarray:
    """`min(ceil(some * other / divisor), MOST)` of integers from zero up, in Python's where 64 bits do not hold it."""
    if int(some.max(initial=0)) * int(np.max(other, initial=0)) < _EXACT:
        return np.minimum(-(-some * other // divisor), MOST)
    exact = zip(some.tolist(), np.broadcast_to(other, some.shape).tolist(), strict=True)
    return np.array([min(ceil_div(a * b, divisor), MOST) for a, b in exact], dtype=np.int64)
