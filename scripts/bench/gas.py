"""`make bench-gas`: what the contracts cost, all on one local chain in one run.

Prints a table and writes build/bench/gas.json, whose object `figures` names each figure.
"""

import json
import sys

from marketplace.devnet import Devnet
from scripts.bench.leases import Gas, Market, measure_transfer
from scripts.toolchain import BUILD

SIZES = (1, 10, 100, 500)
TARGETS = {"gas_per_job_1": 105_000, "gas_per_job_100": 20_000}
OUTPUT = BUILD / "bench" / "gas.json"


def measure(market: Market) -> tuple[dict[str, int], list[tuple[str, Gas]]]:
    """The figures, and each batch with its name."""
    transfer = measure_transfer(market)
    rows: list[tuple[str, Gas]] = []
    figures = {"erc20_transfer_warm": transfer}
    for size in SIZES:
        cold = market.run(size)
        warm = market.run(size)
        rows += [(f"{size} (cold)", cold), (str(size), warm)]
        figures[f"gas_per_job_{size}"] = warm.each
        figures[f"gas_per_job_{size}_cold"] = cold.each
    return figures, rows


def render(figures: dict[str, int], rows: list[tuple[str, Gas]]) -> str:
    """The table that a person reads."""
    transfer = figures["erc20_transfer_warm"]
    lines = [
        f"A bare transfer of USDC between accounts that hold some: {transfer:,} gas.",
        "",
        f"{'leases':<12}{'open':>12}{'settle':>12}{'each':>10}{'transfers':>11}{'target':>10}",
    ]
    for name, gas in rows:
        target = TARGETS.get(f"gas_per_job_{name}")
        lines.append(
            f"{name:<12}{gas.opening:>12,}{gas.settling:>12,}{gas.each:>10,}{gas.each / transfer:>11.2f}"
            f"{f'{target:,}' if target else '':>10}"
        )
    return "\n".join(lines)


def main() -> int:
    """0; the figures speak for themselves."""
    folder = BUILD / "bench"
    with Devnet(folder / "chain") as chain:
        figures, rows = measure(Market(chain))
    print(render(figures, rows))
    OUTPUT.write_text(json.dumps({"figures": figures, "targets": TARGETS}, indent=2) + "\n")
    print(f"\nWritten to {OUTPUT.relative_to(BUILD.parent)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
