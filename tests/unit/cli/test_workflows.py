"""`hive workflow` on a terminal: what is told of a workflow, and what it refuses before anybody is asked."""

import json

import pytest

from marketplace.cli.workflow_views import print_commitment, print_list, print_workflow, tell_changes
from marketplace.cli.workflows import resolve
from marketplace.client.jobs import PreparedJob
from marketplace.client.workflows import build_workflow, load_workflow, prepare_workflow
from marketplace.errors import ConflictError, InputError, NotFound
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.workflow import Workflow
from tests.unit.protocol.test_documents import DIGEST, SCRIPT_JOB

IDS = ["0x" + "ab" * 32, "0x" + "ac" * 32]
PARTY = "0x" + "11" * 20
NOW = 1_800_000_000
YAML = """
name: words
jobs:
  - {name: join, program: x.py, maxPrice: 0.25, takes: [{job: split, output: out/a.txt, path: a.txt}]}
  - {name: split, program: x.py, maxPrice: 0.5, retries: 1, inputs: [data]}
"""


def attempt(state: str, reason: str | None = None, code: int | None = None, number: int = 0) -> dict:
    return {"jobId": f"0x{number:064x}", "state": state, "reason": reason, "exitCode": code}


def shown(*jobs: tuple[str, list[dict]], state: str = "running") -> dict:
    documents = [{"name": name, "state": "x", "needs": [], "attempts": attempts} for name, attempts in jobs]
    return {"workflowId": IDS[0], "name": "[red]w", "state": state, "cap": "2000000", "paid": "1", "jobs": documents}


class Listed:
    """A market that lists two workflows."""

    def workflows(self) -> dict:
        return {"workflows": [{"workflowId": one} for one in IDS]}


def test_yaml_and_json_say_the_same(tmp_path):
    (tmp_path / "w.yaml").write_text(YAML)
    found = load_workflow(tmp_path / "w.yaml")
    (tmp_path / "w.json").write_text(json.dumps(found.model_dump(mode="json", by_alias=True)))
    assert load_workflow(tmp_path / "w.json") == found
    assert [one.name for one in found.order()] == ["split", "join"] and found.total_cap == 750_000


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("w.yaml", "jobs: [", "is not YAML"),
        ("w.json", "{", "is not JSON"),
        ("w.json", "[" * 100_000, "is not JSON"),
        ("w.yaml", "[" * 3_000, "is not YAML"),
        ("w.yaml", "jobs: 3", r"Workflow\.jobs"),
        ("w.yaml", "- 1", "Workflow"),
    ],
)
def test_a_file_that_is_no_workflow_is_refused_by_what_is_wrong_with_it(tmp_path, name, text, problem):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=problem):
        load_workflow(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        load_workflow(tmp_path / "away.yaml")


def test_programs_and_inputs_lie_beside_the_document_and_what_is_missing_is_named_by_job(tmp_path):
    (tmp_path / "w.yaml").write_text(YAML)
    (tmp_path / "x.py").write_text("print(1)")
    workflow = load_workflow(tmp_path / "w.yaml")
    with pytest.raises(InputError, match=r"Job 'split': .*data"):
        prepare_workflow(workflow, tmp_path, {"python": DIGEST})
    (tmp_path / "data").write_text("words")
    prepared = prepare_workflow(workflow, tmp_path, {"python": DIGEST})
    assert {entry.path for entry in prepared["split"].spec.inputs} == {"x.py", "data"}


def test_every_bid_is_built_after_those_whose_hashes_it_names(tmp_path):
    (tmp_path / "w.yaml").write_text(YAML)
    workflow = load_workflow(tmp_path / "w.yaml")
    prepared = dict.fromkeys(("split", "join"), PreparedJob(JobSpec.parse(SCRIPT_JOB), {}))
    bids = build_workflow(workflow, prepared, renter=PARTY, market=PARTY, first_salt=7, now=NOW)
    assert [(one.job, one.attempt, one.bid.salt) for one in bids] == [("split", 0, 7), ("split", 1, 8), ("join", 0, 9)]
    first, second, join = (one.spec.workflow for one in bids)
    hashes = [one.bid.struct_hash() for one in bids]
    assert first.instead_of == () and second.instead_of == (hashes[0],)
    assert join.needs[0].bids == (hashes[0], hashes[1])
    assert [one.bid.max_price for one in bids] == [500_000, 500_000, 250_000]
    assert all(one.bid.job_digest == one.spec.digest() for one in bids)
    assert all(one.bid.valid_until + one.bid.duration_seconds == one.bid.deadline for one in bids)


def test_a_workflow_is_found_by_the_beginning_of_its_id_where_that_says_which():
    assert resolve(Listed(), "0xab") == IDS[0]
    assert resolve(Listed(), IDS[1]) == IDS[1]
    with pytest.raises(ConflictError, match="2 workflows begin with 0xa"):
        resolve(Listed(), "0xa")
    with pytest.raises(NotFound, match="0xd"):
        resolve(Listed(), "0xd")
    with pytest.raises(InputError, match="is not a workflow's id"):
        resolve(Listed(), "words")


def test_what_is_signed_is_said_with_its_sum_before_it_happens(capsys):
    jobs = [
        {"name": "a", "program": "x.py", "maxPrice": "0.5", "retries": 2},
        {"name": "b", "program": "x.py", "maxPrice": "1"},
    ]
    print_commitment(Workflow.parse({"jobs": jobs}), 2_000)
    told = " ".join(capsys.readouterr().err.split())
    assert "You sign 4 bids that cost at most 1.500000 USDC together" in told


def test_each_attempt_is_shown_with_its_state_and_reason_and_nothing_of_it_as_markup(capsys):
    attempts = [attempt("failed"), attempt("paid", number=1)]
    print_workflow(shown(("a", attempts), ("b", [attempt("cancelled", "It [b]needs", number=2)])))
    print_list([shown(("a", attempts))])
    told = capsys.readouterr().out
    assert "retry 1" in told and "It [b]needs" in told and "[red]w" in told


def test_what_happens_is_told_once(capsys):
    known: dict[str, str] = {}
    tell_changes(shown(("a", [attempt("queued")])), known)
    assert capsys.readouterr().err == ""
    for _ in range(2):
        tell_changes(shown(("a", [attempt("paid", code=3)])), known)
    assert capsys.readouterr().err.strip() == "a is paid, exit code 3"
    tell_changes(shown(("b", [attempt("cancelled", "why", number=1)])), known)
    assert capsys.readouterr().err.strip() == "b is cancelled: why"
