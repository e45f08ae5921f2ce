"""Random and hand-made markets for the clearing tests."""

import random

from marketplace.domain.book import BookSnapshot, PlacedAsk, PlacedBid
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Ask, Bid
from marketplace.protocol.profile import NodeProfile

NOW = 1_800_000_000
MARKET = "0x" + "aa" * 20
DIGEST = "0x" + "cd" * 32
REGIONS = ["eu-west", "us-east", "ap-northeast"]


def account(number: int) -> str:
    return "0x" + f"{number:040x}"


def spec(preferences=None, **requirements) -> JobSpec:
    program = {"kind": "module", "digest": DIGEST, "size": 1}
    return JobSpec.parse({"program": program, "requirements": requirements, "preferences": preferences or {}})


def bid(number=0, *, max_price=1_000_000, job_spec=None, **fields) -> PlacedBid:
    job_spec = job_spec or spec()
    values = {
        "renter": account(1_000 + number), "market": MARKET, "job_digest": job_spec.digest(), "gpus": 0, "vcpus": 1,
        "memory_mb": 100, "duration_seconds": 3600, "fuel": 10**9, "egress_mb": 1, "max_price": max_price,
        "replicas": 1, "verification": 0, "settlement": 0, "deadline": NOW + 10_000, "valid_until": NOW + 100,
        "salt": number,
    } | fields  # fmt: skip
    return PlacedBid.of(Bid(**values), "0x", job_spec)


def profile(**fields) -> NodeProfile:
    values = {
        "region": "eu", "cpu": {"architecture": "x86_64", "cores": 64, "features": ["avx2"]}, "memoryMb": 100_000,
        "diskMb": 1000,
    } | fields  # fmt: skip
    return NodeProfile.parse(values)


def ask(number=0, *, price=100_000, units=1, stake=10**12, node=None, provider=None, settled=0, **fields) -> PlacedAsk:
    """`price` is what one vCPU-hour costs: what the default bid is quoted."""
    node = node or profile()
    values = {
        "provider": provider or account(number + 1), "market": MARKET, "agent": account(number + 1),
        "profile_digest": node.digest(), "gpu_hour_rate": 0, "vcpu_hour_rate": price, "gb_hour_rate": 0,
        "gfuel_rate": 0, "egress_gb_rate": 0, "minimum_charge": 0, "units": units, "valid_until": NOW + 100,
        "salt": number,
    } | fields  # fmt: skip
    placed = PlacedAsk.of(Ask(**values), "0x", node, stake)
    return PlacedAsk(placed.ask, "0x", node, placed.ask_hash, units, stake, settled)


def snapshot(bids, asks) -> BookSnapshot:
    return BookSnapshot.of(NOW, bids, asks)


def _more_wants(draw: random.Random) -> dict:
    """One of the rarer requirements, for half of the bids."""
    return draw.choice(
        [{}] * 6
        + [
            {"privacyZones": ["eu-gdpr"]}, {"tees": ["sgx", "sev-snp"]}, {"mig": True}, {"zones": ["a"]},
            {"racks": ["r1", "r2"]}, {"maxLatency": [{"fromRegion": "europe-west3", "maxMs": 40}]},
        ]
    )  # fmt: skip


def random_preferences(draw: random.Random) -> dict:
    """None for half of the bids; prices of the order of what jobs cost, now and then absurd ones."""
    worth = draw.choice([1, 50_000, 300_000, 2**48 - 1])
    return draw.choice(
        [{}] * 5
        + [
            {"carbonPricePerKg": worth},
            {"latency": [{"fromRegion": "us-east-1", "pricePerMs": worth // 100}]},
            {"locality": [{"zone": "a", "worth": worth}, {"rack": "r2", "worth": worth // 2}]},
            {"data": [{"region": draw.choice(["us-east-1", "europe-west3"]), "mb": draw.randrange(2_000)}]},
            {
                "carbonPricePerKg": worth, "data": [{"region": "eastus", "mb": 700}],
                "latency": [{"fromRegion": "nowhere", "pricePerMs": 10}, {"fromRegion": "eu-west", "pricePerMs": 100}],
            },
        ]
    )  # fmt: skip


def random_market(seed: int, bids: int, asks: int, *, replicas=False, units=True) -> BookSnapshot:
    """Heterogeneous nodes and jobs with every kind of constraint and of preference."""
    draw, more = random.Random(seed), random.Random(seed + 1)
    nodes = [
        profile(
            region=draw.choice(REGIONS),
            cpu={"architecture": draw.choice(["x86_64", "x86_64", "aarch64"]), "cores": draw.choice([4, 16, 64]),
                 "features": draw.choice([["avx2"], ["avx2", "avx512f"], []])},
            gpus=[{"model": draw.choice(["A100", "H100"]), "memoryMb": 80_000, "mig": more.random() < 0.3}]
            * draw.choice([0, 0, 1, 4]),
            carbonGramsPerKwh=draw.choice([None, 30, 300]),
            privacyZones=more.choice([[], ["eu-gdpr"], ["eu-gdpr", "hipaa"]]), tees=more.choice([[], ["sgx"], ["tdx"]]),
            zone=more.choice(["", "a", "b"]), rack=more.choice(["", "r1", "r2"]),
            fixedCostPerHour=more.choice([0, 0, 200_000]),
        )
        for _ in range(asks)
    ]  # fmt: skip
    placed_asks = [
        ask(
            n, price=draw.randrange(20_000, 200_000), units=draw.choice([1, 1, 2]) if units else 1, node=nodes[n],
            gpu_hour_rate=draw.randrange(10**6), gfuel_rate=draw.randrange(5_000), gb_hour_rate=draw.randrange(5_000),
            egress_gb_rate=draw.randrange(90_000), minimum_charge=draw.choice([0, 50_000]), settled=draw.randrange(5),
        )
        for n in range(asks)
    ]  # fmt: skip
    placed_bids = []
    for n in range(bids):
        wants = {
            "regions": draw.choice([[], [], ["eu-west"], ["us-east", "ap-northeast"]]),
            "cpuFeatures": draw.choice([[], [], ["avx2"]]),
            "architectures": draw.choice([[], ["x86_64"]]),
            "minSettledLeases": draw.choice([0, 0, 2]),
            "maxCarbonGramsPerKwh": draw.choice([None, None, 100]),
        } | _more_wants(more)
        placed_bids.append(
            bid(
                n, job_spec=spec(random_preferences(more), **wants), max_price=draw.randrange(50_000, 3_000_000),
                gpus=draw.choice([0, 0, 0, 1]), vcpus=draw.choice([1, 2, 8]), memory_mb=draw.randrange(64, 4_000),
                fuel=draw.randrange(10**12), egress_mb=draw.randrange(100),
                replicas=draw.choice([1, 2, 3]) if replicas else 1, verification=draw.choice([0, 1]) if replicas else 0,
            )
        )  # fmt: skip
    return snapshot(placed_bids, placed_asks)
