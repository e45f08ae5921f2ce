"""Orders by the thousand, as a market has them in memory: signatures aside."""

import numpy as np

from marketplace.domain.book import PlacedAsk
from marketplace.protocol.messages import Ask
from marketplace.protocol.profile import Cpu, Gpu, NodeProfile
from scripts.bench.clearing.markets import MODELS

VALID_UNTIL = 2_000_000_000


def draw_asks(seed: int, count: int) -> list[PlacedAsk]:
    """Nodes with GPUs in twelve regions; each has a provider of its own."""
    draw = np.random.default_rng(seed)
    model, region, price = (draw.integers(0, most, count).tolist() for most in (len(MODELS), 12, 1_000_000))
    profiles = {}
    asks = []
    for n in range(count):
        kind = (model[n], region[n])
        if kind not in profiles:
            profiles[kind] = _profile(*kind)
        account = f"0x{n + 1:040x}"
        ask = Ask(
            provider=account, market="0x" + "aa" * 20, agent=account, profile_digest="0x" + "cd" * 32,
            gpu_hour_rate=price[n], vcpu_hour_rate=12_000 + price[n] // 100, gb_hour_rate=2_000, gfuel_rate=0,
            egress_gb_rate=50_000, minimum_charge=0, units=1, valid_until=VALID_UNTIL, salt=n,
        )  # fmt: skip
        asks.append(PlacedAsk(ask, "0x", profiles[kind], f"0x{n + 1:064x}", 1, 10**12))
    return asks


def _profile(model: int, region: int) -> NodeProfile:
    name, _, memory, _ = MODELS[model]
    gpus = (Gpu(model=name, memory_mb=memory * 1_000),) if memory else ()
    return NodeProfile(
        region=f"r{region}", cpu=Cpu(architecture="x86_64", cores=32), memory_mb=128_000, disk_mb=10**6, gpus=gpus
    )
