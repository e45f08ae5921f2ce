"""What the Job page recomputes in a browser: its vectors are what this implementation computes."""

import json
import os
import random
import re
from typing import Any

from marketplace.protocol.canonical import canonical_json, json_digest
from marketplace.protocol.metering import Rates, Resources, compute_metered_usage, compute_pay, compute_quote
from marketplace.services.show_job import show_cost, show_job, show_result
from marketplace.services.show_lease import show_terms
from marketplace.services.show_oracles import show_seals
from scripts.toolchain import ROOT
from tests.fakes.databases import close_databases
from tests.fakes.world import DOMAIN, ORACLES, World

FILE = ROOT / "marketplace" / "web" / "src" / "pages" / "job" / "vectors.json"
WRITE = "HIVE_WRITE_WEB_VECTORS"
"""Set to write the file anew."""
DOCUMENTS = (
    {"b": 1, "a": [True, None, "text"], "": {}},
    {"é": '\u20ac\u0000"\\/\n', "\U0001f600": -7, "\ufb33": 9007199254740991},
    [0, -0.0, 1.5, 1e21, 1e-7, 333333333.3333333],
)


def test_the_vectors_of_the_job_page_are_what_python_computes(tmp_path):
    found = json.dumps({"documents": _documents(), "pays": _pays(), "job": _job(tmp_path)}, indent=1) + "\n"
    if os.environ.get(WRITE):
        FILE.write_text(_spaced(found))
    assert json.loads(FILE.read_text()) == json.loads(_spaced(found)), f"run once with {WRITE}=1"


def _spaced(text: str) -> str:
    """Long numbers in groups of 32 digits, which the page's tests join again: none is to be taken for a key."""
    return re.sub("0x([0-9a-f]{64,})", lambda found: "0x" + "_".join(re.findall(".{1,32}", found[1])), text)


def _documents() -> list[dict[str, Any]]:
    return [
        {"document": one, "canonical": canonical_json(one).decode(), "digest": json_digest(one)} for one in DOCUMENTS
    ]


def _pays() -> list[dict[str, Any]]:
    """Quotes and pays of seeded orders, as the bid and the ask write them."""
    seeded = random.Random(20_261_123)
    return [_pay(seeded, fuel) for fuel in [0, 1, 10**9, 2**63] * 6]


def _pay(seeded: random.Random, fuel: int) -> dict[str, Any]:
    rates = Rates(*(seeded.randrange(2**top) for top in (48, 30, 20, 20, 48)), minimum=seeded.randrange(2**20))
    reserved = Resources(
        seeded.randrange(9), seeded.randrange(65), seeded.randrange(2**20), 1 + seeded.randrange(86_400), fuel, 1000
    )
    fuel_used, sent, wall = seeded.randint(0, fuel), seeded.randint(0, 10**9), seeded.randrange(100_000)
    used = compute_metered_usage(reserved, fuel_used, sent, wall)
    quote = compute_quote(rates, reserved).total
    price = quote + seeded.randrange(2**40)
    return {
        "ask": {
            "gpuHourRate": rates.gpu_hour,
            "vcpuHourRate": rates.vcpu_hour,
            "gbHourRate": rates.gb_hour,
            "gfuelRate": rates.gfuel,
            "egressGbRate": rates.egress_gb,
            "minimumCharge": str(rates.minimum),
        },
        "bid": {
            "gpus": reserved.gpus,
            "vcpus": reserved.vcpus,
            "memoryMb": reserved.memory_mb,
            "durationSeconds": reserved.seconds,
            "fuel": str(fuel),
            "egressMb": reserved.egress_mb,
        },
        "attestation": {"fuel": str(fuel_used), "egressBytes": str(sent), "wallSeconds": wall},
        "price": str(price),
        "quote": str(quote),
        "pay": str(compute_pay(rates, reserved, used, price)),
    }


def _job(tmp_path) -> dict[str, Any]:
    """A job from its bid to its settlement, as the interface tells it."""
    world = World(tmp_path)
    try:
        lease = world.open_lease()
        with world.market.store.read() as tx:
            job = tx.leases.get(lease).bid_hash
        world.attest(lease)
        world.judge(lease)
        world.sign_batches()
        world.drain()
        (evidence,) = show_result(world.market, job)["leases"]
        return {
            "domain": {
                "name": "ComputeHive",
                "version": "1",
                "chainId": DOMAIN.chain_id,
                "verifyingContract": DOMAIN.escrow,
            },
            "oracles": {"members": [one.address for one in ORACLES], "threshold": 2},
            "job": show_job(world.market, job),
            "terms": show_terms(world.market, lease),
            "evidence": evidence,
            "seals": show_seals(world.market, lease),
            "cost": show_cost(world.market, job),
        }
    finally:
        close_databases()
