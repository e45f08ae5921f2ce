"""Makes `rack_power.csv`: four days of hourly readings of twelve racks at three sites, a few of them wrong.

    python examples/data/generate.py > examples/data/rack_power.csv

Invented figures, so that nobody's licence matters; seeded, so that the file is the same whoever makes it.
"""

import math
import random
import sys

SITES = {"helsinki": (6_200, 19.0), "frankfurt": (7_900, 23.0), "madrid": (7_100, 26.5)}
"""Mean draw in watts and mean inlet temperature in degrees Celsius."""
RACKS, HOURS = 4, 96
FAULTS = {
    ("frankfurt", 2, 31): 15.0,
    ("madrid", 4, 70): 0.02,
    ("helsinki", 1, 12): 3.1,
    ("madrid", 1, 50): 2.4,
}
"""Readings that a sensor got wrong, with the factor."""


def main() -> None:
    """Write the table to standard output."""
    draw = random.Random(20260101)
    lines = ["hour,site,rack,watts,inlet_celsius"]
    for hour in range(HOURS):
        working = 0.5 - 0.5 * math.cos(2 * math.pi * (hour - 3) / 24)
        for site, (watts, celsius) in SITES.items():
            for rack in range(1, RACKS + 1):
                level = watts * (0.8 + 0.4 * working) * (1 + 0.03 * (rack - 2.5)) + draw.gauss(0, 180)
                level *= FAULTS.get((site, rack, hour), 1)
                inlet = celsius + 2.5 * working + draw.gauss(0, 0.4)
                lines.append(f"{hour},{site},{rack},{level:.0f},{inlet:.1f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
