"""A usage report in one line, for a person."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from marketplace.protocol.usage import UsageReport

_MILLI, _MEGA = 1_000, 1_000_000


def usage_text(report: "UsageReport") -> str:
    """What a run took: figures that are known, and which of them are modelled.

    Such as `2.1 cpu s, 81 MB at most, about 35 J (modelled), about 0.004 g CO2e`.
    """
    parts = [_cpu(report), _memory(report), _gpu(report), _energy(report), _carbon(report)]
    return ", ".join(part for part in parts if part) or "nobody knows what"


def _cpu(report: "UsageReport") -> str:
    ms = report.figure("cpu_milliseconds")
    return "" if ms is None else f"{_number(ms / _MILLI)} cpu s"


def _memory(report: "UsageReport") -> str:
    peak = report.figure("peak_memory_bytes")
    return "" if peak is None else f"{_number(peak / _MEGA)} MB at most"


def _gpu(report: "UsageReport") -> str:
    ms, peak = report.figure("gpu_milliseconds"), report.figure("gpu_peak_memory_bytes")
    if ms is None:
        return ""
    return f"{_number(ms / _MILLI)} GPU s" + ("" if peak is None else f" with {_number(peak / _MEGA)} MB at most")


def _energy(report: "UsageReport") -> str:
    from marketplace.protocol.enums import FigureOrigin

    mj = report.figure("energy_millijoules")
    if mj is None:
        return ""
    is_modelled = report.origin("energy_millijoules") is FigureOrigin.MODELLED
    return f"about {_number(mj / _MILLI)} J (modelled)" if is_modelled else f"{_number(mj / _MILLI)} J"


def _carbon(report: "UsageReport") -> str:
    mg = report.figure("carbon_milligrams")
    return "" if mg is None else f"about {_number(mg / _MILLI)} g CO2e"


def _number(value: float) -> str:
    """Two digits or, from ten up, whole: more would claim more than anybody knows."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
