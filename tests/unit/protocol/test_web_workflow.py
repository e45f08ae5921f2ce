"""The dApp makes the bids of a workflow that `hive workflow run` makes: both are held against one vector."""

import json

from marketplace.client.workflows import build_workflow, load_workflow, prepare_workflow
from scripts.toolchain import ROOT
from tests.fakes.world import OPERATOR, RENTER, RUNTIME

VECTOR = ROOT / "tests" / "data" / "web_workflow.json"
DOCUMENT = """
name: count h\u00e9re
cap: 2
jobs:
  - name: sum
    program: tools/sum.py
    maxPrice: 0.25
    after: [check]
    takes:
      - {job: left, output: out/part.txt, path: left.txt}
      - {job: left, output: log/stdout, path: said.txt, maxBytes: 1000}
      - {job: right, output: out/part.txt, path: right.txt}
  - {name: left, program: count.py, inputs: [data.csv], args: [left, '1'], maxPrice: 0.10, retries: 2, seconds: 60}
  - name: right
    program: count.py
    inputs: [data.csv]
    env: {SIDE: right}
    regions: [eu]
    maxPrice: 1e-1
    replicas: 2
    verify: replicate
    within: 400
    vcpus: 2
    memory: 1024
    fuel: 1.5
    egress: 3
  - {name: check, program: check.js, maxPrice: 0.05, verify: accept}
"""
FILES = {
    "tools/sum.py": "print('sum')\n",
    "count.py": "print('count')\n",
    "check.js": "console.log(1)\n",
    "data.csv": "1,2\n",
}
NOW, SALT = 1_800_000_000, 40


def test_the_vector_of_the_dapps_workflows_is_what_the_sdk_builds(tmp_path):
    (tmp_path / "tools").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    path = tmp_path / "workflow.yaml"
    path.write_text(DOCUMENT, encoding="utf-8")
    workflow = load_workflow(path)
    prepared = prepare_workflow(workflow, tmp_path, {"python": RUNTIME, "javascript": RUNTIME})
    bids = build_workflow(workflow, prepared, renter=RENTER.address, market=OPERATOR.address, first_salt=SALT, now=NOW)
    vector = {
        "document": DOCUMENT,
        "files": FILES,
        "now": NOW,
        "salt": SALT,
        "runtime": "ab",
        "bids": [
            {
                "job": one.job,
                "attempt": one.attempt,
                "bid": one.bid.to_json(),
                "spec": one.spec.to_json(),
            }
            for one in bids
        ],
    }
    assert json.loads(VECTOR.read_text()) == vector, "the SDK builds other bids than the dApp is held against"
