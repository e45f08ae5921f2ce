"""Lines for people, alike in every part."""

from dataclasses import dataclass, field

WIDTH = 58


@dataclass(frozen=True, slots=True)
class Report:
    """What a part found: a heading with what played, lines, and figures by name."""

    lines: list[str]
    figures: dict[str, float] = field(default_factory=dict)


def line(name: str, value: float, unit: str, note: str = "") -> str:
    """One measure."""
    digits = 0 if abs(value) >= 100 else 1
    return f"{name:<{WIDTH}}{value:>12,.{digits}f} {unit}" + (f"   ({note})" if note else "")
