"""What the dApp builds is what the SDK builds: both are held against one vector, which this computes."""

import json

from marketplace.client.jobs import build_bid, prepare_job
from marketplace.protocol.jobspec import Requirements
from marketplace.protocol.metering import Resources
from scripts.toolchain import ROOT
from tests.fakes.world import DOMAIN, OPERATOR, RENTER, RUNTIME

VECTOR = ROOT / "tests" / "data" / "web_bid.json"
SCRIPT, INPUT = "print('h\u00e9llo \U0001f41d')\n", "1,2\n"
NOW = 1_800_000_000


def test_the_vector_of_the_dapps_bids_is_what_the_sdk_builds(tmp_path):
    program, data = tmp_path / "h\u00e9llo.py", tmp_path / "data.csv"
    program.write_text(SCRIPT)
    data.write_text(INPUT)
    requirements = Requirements(regions=("eu",))
    job = prepare_job(
        program, [data], runtimes={"python": RUNTIME}, args=["--all", "\u00e9"], requirements=requirements
    )
    bid = build_bid(
        job,
        renter=RENTER.address,
        market=OPERATOR.address,
        resources=Resources(gpus=0, vcpus=2, memory_mb=512, seconds=300, fuel=50_000_000_000, egress_mb=10),
        max_price=250_000,
        salt=7,
        replicas=2,
        now=NOW,
    )
    vector = {
        "script": SCRIPT,
        "input": INPUT,
        "now": NOW,
        "chainId": DOMAIN.chain_id,
        "escrow": DOMAIN.escrow,
        "runtime": ["python", "ab"],
        "jobSpec": job.spec.to_json(),
        "jobDigest": job.spec.digest(),
        "bid": bid.to_json(),
        "bidDigest": bid.digest(DOMAIN),
    }
    assert json.loads(VECTOR.read_text()) == vector, (
        "the SDK builds other bids than the vector that the dApp is held against"
    )
