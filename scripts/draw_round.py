"""`python -m scripts.draw_round`: draw docs/explanation/round.svg anew, from a round that the auction clears.

Eight nodes that differ in nothing but their rates, eleven bids for the same hour of one vCPU: supply and demand, the
price where they meet, and each node's rent.
"""

import sys
from collections.abc import Iterable

from marketplace.clearing import RoundResult, clear_round
from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.protocol.jobspec import JobSpec, ModuleProgram
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.profile import Cpu, NodeProfile
from marketplace.protocol.units import SECONDS_PER_HOUR, format_usdc
from scripts.toolchain import ROOT

PICTURE = ROOT / "docs" / "explanation" / "round.svg"
QUOTES = (90_000, 120_000, 150_000, 190_000, 240_000, 300_000, 370_000, 450_000)
"""What each node's rates come to, micro-USDC."""
LIMITS = (800_000, 700_000, 620_000, 550_000, 480_000, 420_000, 360_000, 300_000, 240_000, 180_000, 120_000)
"""What each bid allows, micro-USDC."""
_NOW, _MARKET = 1_000_000, "0x" + "aa" * 20
_LEFT, _BASE, _STEP, _HIGH, _DEAREST = 62, 330, 54, 290, 850_000
_STYLE = """
text { font: 13px sans-serif; fill: #24292f }
.small { font-size: 11px; fill: #57606a }
.quote { fill: #8c959f }
.rent { fill: #d4a72c }
.idle { fill: none; stroke: #8c959f; stroke-dasharray: 3 3 }
.bid { stroke: #0969da; stroke-width: 2.5 }
.price { stroke: #cf222e; stroke-dasharray: 6 4 }
.axis { stroke: #57606a }
.paper { fill: #ffffff }
"""


def draw_round() -> str:
    """The picture as SVG."""
    result = clear_round(snapshot())
    asks = sorted(result.problem.snapshot.asks, key=lambda one: one.ask.vcpu_hour_rate)
    served = {match.ask_hash: match for match in result.matches}
    price = max(match.price for match in result.matches)
    parts = [_bars(asks, served), _bids(), _axis(), _line(price), _legend(result, price)]
    width, height = _LEFT + _STEP * len(LIMITS) + 30, _BASE + 92
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">\n'
        f"<title>One round: supply, demand, price and rents</title>\n<style>{_STYLE}</style>\n"
        f'<rect class="paper" width="{width}" height="{height}"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def snapshot() -> BookSnapshot:
    """The round's orders."""
    node = NodeProfile(region="eu", cpu=Cpu(architecture="x86_64", cores=1), memory_mb=1_000, disk_mb=1_000)
    job = JobSpec(program=ModuleProgram(digest="0x" + "00" * 32, size=1))
    asks = [PlacedAsk.of(_ask(n, rate, node), "0x", node, 10**9) for n, rate in enumerate(QUOTES, 1)]
    bids = [PlacedBid.of(_bid(n, limit, job), "0x", job) for n, limit in enumerate(LIMITS, 1)]
    return BookSnapshot.of(_NOW, bids, asks)


def _ask(number: int, rate: int, node: NodeProfile) -> Ask:
    account = f"0x{number:040x}"
    return Ask(
        provider=account, market=_MARKET, agent=account, profile_digest=node.digest(), gpu_hour_rate=0,
        vcpu_hour_rate=rate, gb_hour_rate=0, gfuel_rate=0, egress_gb_rate=0, minimum_charge=0, units=1,
        valid_until=_NOW + SECONDS_PER_HOUR, salt=1,
    )  # fmt: skip


def _bid(number: int, limit: int, job: JobSpec) -> Bid:
    return Bid(
        renter=f"0x{1_000 + number:040x}", market=_MARKET, job_digest=job.digest(), gpus=0, vcpus=1, memory_mb=500,
        duration_seconds=SECONDS_PER_HOUR, fuel=10**9, egress_mb=1, max_price=limit, replicas=1, verification=0,
        settlement=0, deadline=_NOW + 3 * SECONDS_PER_HOUR, valid_until=_NOW + SECONDS_PER_HOUR, salt=1,
    )  # fmt: skip


def _bars(asks: Iterable[PlacedAsk], served: dict) -> str:
    drawn = []
    for n, ask in enumerate(asks):
        match, quote = served.get(ask.ask_hash), ask.ask.vcpu_hour_rate
        drawn.append(_rect("quote" if match else "idle", n, 0, quote))
        if match:
            drawn.append(_rect("rent", n, quote, match.price))
    return "\n".join(drawn)


def _rect(kind: str, place: int, low: int, high: int) -> str:
    x, top, bottom = _LEFT + _STEP * place + 7, _height(high), _height(low)
    return f'<rect class="{kind}" x="{x}" y="{top}" width="{_STEP - 14}" height="{bottom - top}"/>'


def _bids() -> str:
    lines = []
    for place, limit in enumerate(LIMITS):
        x, y = _LEFT + _STEP * place + 3, _height(limit)
        lines.append(f'<line class="bid" x1="{x}" y1="{y}" x2="{x + _STEP - 6}" y2="{y}"/>')
        lines.append(
            f'<text class="small" x="{x + _STEP // 2 - 3}" y="{_BASE + 17}" text-anchor="middle">{place + 1}</text>'
        )
    return "\n".join(lines)


def _axis() -> str:
    ticks = [
        f'<text class="small" x="{_LEFT - 8}" y="{_height(tick) + 4}" text-anchor="end">{tick / 1e6:.2f}</text>'
        for tick in range(0, _DEAREST, 200_000)
    ]
    right = _LEFT + _STEP * len(LIMITS)
    return "\n".join([
        f'<line class="axis" x1="{_LEFT}" y1="{_BASE}" x2="{right}" y2="{_BASE}"/>',
        f'<line class="axis" x1="{_LEFT}" y1="{_height(_DEAREST)}" x2="{_LEFT}" y2="{_BASE}"/>',
        f'<text class="small" x="10" y="{_height(_DEAREST) - 8}">USDC</text>', *ticks,
    ])  # fmt: skip


def _line(price: int) -> str:
    y, right = _height(price), _LEFT + _STEP * len(LIMITS)
    label = f'<text x="{right}" y="{y - 7}" text-anchor="end">price {format_usdc(price)}</text>'
    return f'<line class="price" x1="{_LEFT}" y1="{y}" x2="{right}" y2="{y}"/>\n{label}'


def _legend(result: RoundResult, price: int) -> str:
    rents = sum(match.rent for match in result.matches)
    said = (
        ("bid", f"demand: what each bid allows; {len(result.matches)} of {len(LIMITS)} are served"),
        ("quote", "supply: what each node's own rates come to; dashed: idle, no rent"),
        ("rent", f"rent: {format_usdc(rents)} USDC to the nodes together; each is paid the price"),
    )
    rows = []
    for n, (kind, text) in enumerate(said):
        y = _BASE + 36 + 19 * n
        mark = (
            f'<line class="bid" x1="{_LEFT}" y1="{y}" x2="{_LEFT + 16}" y2="{y}"/>'
            if kind == "bid"
            else f'<rect class="{kind}" x="{_LEFT}" y="{y - 6}" width="16" height="12"/>'
        )
        rows.append(f'{mark}<text x="{_LEFT + 24}" y="{y + 5}">{text}</text>')
    return "\n".join(rows)


def _height(amount: int) -> int:
    return _BASE - _HIGH * amount // _DEAREST


def main() -> int:
    """0 once it is drawn."""
    PICTURE.write_text(draw_round())
    print(f"Drawn: {PICTURE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
