"""`make bench-gas`: what the contracts cost, all on one local chain in one run.

Prints a table and writes build/bench/gas.json, whose object `figures` names each figure.
"""

import json
import os
import sys

from marketplace.devnet import Devnet
from scripts.bench import prepaid, vouchers
from scripts.bench.leases import Gas, Market, measure_transfer
from scripts.toolchain import BUILD

SIZES = (1, 10, 100, 500)
TARGETS = {
    "gas_per_job_1": 105_000,
    "gas_per_job_100": 20_000,
    **prepaid.TARGETS,
    **vouchers.TARGETS,
}
ALSO = {
    "gas_per_job_oneshot_1": "one-shot, alone",
    "gas_per_job_oneshot_100": "one-shot, each of 100",
    "gas_per_job_netted_1000": "netted, each of 1,000",
    "voucher_redeem": "voucher, alone",
    "voucher_redeem_each_of_100": "voucher, each of 100",
}
"""The figures besides leases, as the table calls them."""
OUTPUT = BUILD / "bench" / "gas.json"
NO_PEER = (
    "bench-gas: PEER is not available. AuthCaptureEscrow keeps its lock in transient storage (EIP-1153, Cancun), "
    "which the local chain does not have; nothing was measured. Leave PEER out."
)


def measure(market: Market) -> tuple[dict[str, int], list[tuple[str, Gas]]]:
    """The figures, and each batch of leases with its name."""
    transfer = measure_transfer(market)
    rows: list[tuple[str, Gas]] = []
    figures = {"erc20_transfer_warm": transfer}
    for size in SIZES:
        cold = market.run(size)
        warm = market.run(size)
        rows += [(f"{size} (cold)", cold), (str(size), warm)]
        figures[f"gas_per_job_{size}"] = warm.each
        figures[f"gas_per_job_{size}_cold"] = cold.each
    return figures | prepaid.measure(market) | vouchers.measure(market), rows


def render(figures: dict[str, int], rows: list[tuple[str, Gas]]) -> str:
    """The table that a person reads."""
    transfer = figures["erc20_transfer_warm"]
    lines = [
        f"A bare transfer of USDC between accounts that hold some: {transfer:,} gas.",
        "",
        f"{'leases':<24}{'open':>12}{'settle':>12}{'each':>10}{'transfers':>11}{'target':>10}",
    ]
    for name, gas in rows:
        steps = f"{gas.opening:>12,}{gas.settling:>12,}"
        lines.append(f"{name:<24}{steps}{_closing(gas.each, transfer, TARGETS.get(f'gas_per_job_{name}'))}")
    lines += ["", f"{'in one step':<48}{'each':>10}{'transfers':>11}{'target':>10}"]
    for name, words in ALSO.items():
        lines.append(f"{words:<48}{_closing(figures[name], transfer, TARGETS.get(name))}")
    return "\n".join(lines)


def _closing(each: int, transfer: int, target: int | None) -> str:
    return f"{each:>10,}{each / transfer:>11.2f}{f'{target:,}' if target else '':>10}"


def main() -> int:
    """0; the figures speak for themselves. 2 where something was asked for that there is not."""
    if os.environ.get("PEER"):
        print(NO_PEER, file=sys.stderr)
        return 2
    folder = BUILD / "bench"
    with Devnet(folder / "chain") as chain:
        figures, rows = measure(Market(chain))
    print(render(figures, rows))
    OUTPUT.write_text(json.dumps({"figures": figures, "targets": TARGETS}, indent=2) + "\n")
    print(f"\nWritten to {OUTPUT.relative_to(BUILD.parent)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
