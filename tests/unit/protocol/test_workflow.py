"""The workflow document: what it refuses by name, and laws of its order, its cap and its deadlines."""

import json
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.errors import InputError, InvalidJobSpec
from marketplace.protocol import workflow as workflow_module
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.units import format_usdc
from marketplace.protocol.upstream import MAX_BIDS
from marketplace.protocol.workflow import Workflow, json_schema
from tests.unit.protocol.test_documents import DIGEST, SCRIPT_JOB

NOW = 1_800_000_000
ONE, OTHER, THIRD = ("0x" + f"{n:02x}" * 32 for n in (1, 2, 3))


def job(name: str, *after: str, **more) -> dict:
    return {"name": name, "program": "job.py", "maxPrice": "0.01", "after": list(after)} | more


def parse(*jobs: dict, **more) -> Workflow:
    return Workflow.parse({"jobs": list(jobs)} | more)


@st.composite
def graphs(draw) -> list[dict]:
    """Jobs that need earlier ones, then shuffled: every graph without a circle comes about so."""
    count = draw(st.integers(1, 9))
    jobs = []
    for number in range(count):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=4)) if number else set()
        price = format_usdc(draw(st.integers(1, 10**9)))
        retries, replicas = draw(st.integers(0, 3)), draw(st.integers(1, 3))
        within = draw(st.integers(400, 9_000))
        names = [f"j{one}" for one in sorted(needs)]
        jobs.append(job(f"j{number}", *names, maxPrice=price, retries=retries, replicas=replicas, within=within))
    return draw(st.permutations(jobs))


@given(graphs())
def test_every_job_comes_after_all_that_it_needs_and_none_is_lost(jobs):
    order = [one.name for one in parse(*jobs).order()]
    assert sorted(order) == sorted(one["name"] for one in jobs)
    for one in jobs:
        assert all(order.index(need) < order.index(one["name"]) for need in one["after"])


@given(graphs())
def test_the_cap_of_a_workflow_is_the_sum_of_its_jobs_however_often_each_is_tried(jobs):
    workflow = parse(*jobs)
    assert workflow.total_cap == sum(one.cap for one in workflow.jobs)
    assert parse(*jobs, cap=format_usdc(workflow.total_cap)).total_cap == workflow.total_cap
    if workflow.total_cap > 1:
        with pytest.raises(InputError, match=r"Workflow\.cap: the jobs may cost"):
            parse(*jobs, cap=format_usdc(workflow.total_cap - 1))


@given(graphs(), st.data())
def test_a_graph_with_a_circle_is_refused_and_the_circle_named_job_by_job(jobs, data):
    first = data.draw(st.sampled_from(jobs))
    last = data.draw(st.sampled_from(jobs))
    by_name = {one["name"]: one for one in jobs}

    def reached_from(name: str) -> set[str]:
        return {name}.union(*(reached_from(one) for one in by_name[name]["after"]))

    if first["name"] not in reached_from(last["name"]):
        return
    closed = [one | {"after": [*one["after"], last["name"]]} if one is first else one for one in jobs]
    with pytest.raises(InputError, match="in a circle") as refused:
        parse(*closed)
    told = str(refused.value).split("circle: ")[1].split(" (")[0].split(" → ")
    needs = {one["name"]: one["after"] for one in closed}
    assert told[0] == told[-1] and all(after in needs[before] for before, after in pairwise(told))


@given(graphs())
def test_each_attempt_has_its_whole_time_after_all_that_may_come_before_it(jobs):
    workflow = parse(*jobs)
    ends = workflow.latest_ends(NOW)
    for one in workflow.jobs:
        start = max([NOW, *(ends[need][-1] for need in one.needs)])
        assert [end - start for end in ends[one.name]] == [one.slot * number for number in range(1, one.attempts + 1)]


@pytest.mark.parametrize(
    ("jobs", "more", "problem"),
    [
        ([job("a"), job("a")], {}, r"jobs\.1\.name: 'a' is the name of jobs\.0 already"),
        ([job("a", "b")], {}, r"jobs\.0: 'a' needs 'b', and there is no such job"),
        ([job("a", "a")], {}, "a → a"),
        ([job("a", "c"), job("b", "a"), job("c", "b")], {}, "a → c → b → a"),
        ([job("A")], {}, r"jobs\.0\.name"),
        ([], {}, "jobs"),
        ([job("a", maxPrice="0")], {}, r"jobs\.0\.maxPrice: 0 buys nothing"),
        ([job("a", maxPrice="cheap")], {}, r"jobs\.0\.maxPrice"),
        ([job("a")], {"cap": "much"}, r"Workflow\.cap"),
        ([job("a", within=300)], {}, r"jobs\.0\.within: 300 s leave no time"),
        ([job("a"), job("b", takes=[{"job": "a", "output": "x", "path": "x"}])], {}, "output"),
        ([job("a"), job("b", takes=[{"job": "a", "output": "out/x", "path": "../x"}])], {}, "path"),
        ([job("a"), job("b", takes=[{"job": "a", "output": "out/x", "path": "x"}] * 2)], {}, "two files .* at 'x'"),
        ([job(f"j{n}", retries=7) for n in range(9)], {}, f"72 bids; a workflow has at most {MAX_BIDS}"),
        ([job("a", retries=8)], {}, "retries"),
        ([job("a")], {"colour": "red"}, "colour"),
    ],
)
def test_a_workflow_with_a_fault_is_refused_by_name(jobs, more, problem):
    with pytest.raises(InputError, match=problem) as refused:
        Workflow.parse({"jobs": jobs} | more)
    assert str(refused.value).startswith("Workflow.")


@pytest.mark.parametrize("document", [None, [], "text", {"version": 2, "jobs": [job("a")]}])
def test_what_is_no_workflow_is_refused(document):
    with pytest.raises(InputError, match="Workflow"):
        Workflow.parse(document)


def test_the_published_schema_of_workflows_is_the_one_the_code_enforces():
    published = Path(workflow_module.__file__).with_name("workflow.schema.json")
    assert json.loads(published.read_text()) == json_schema()
    jsonschema.validate({"jobs": [job("a"), job("b", "a", maxPrice="1")]}, json_schema())


# --- the place of a job in a workflow, in its specification -----------------------------------------------------------


def placed(**changes) -> dict:
    file = {"path": "a.txt", "output": "out/a.txt", "maxBytes": 10}
    place = {"name": "w", "bids": 3, "job": "b", "needs": [{"bids": [ONE], "files": [file]}], "insteadOf": [OTHER]}
    return SCRIPT_JOB | {"workflow": place | changes}


def test_a_job_of_no_workflow_has_the_digest_that_it_had_before_there_were_any():
    before = "0xaf49648dafbc85d31f38cb8ff8742148"
    spec = JobSpec.parse(SCRIPT_JOB)
    assert "workflow" not in spec.to_json()
    assert spec.digest().startswith(before)
    assert JobSpec.parse(SCRIPT_JOB | {"workflow": None}).digest() == spec.digest()


def test_a_job_of_a_workflow_says_so_under_its_digest():
    one, other = JobSpec.parse(placed()), JobSpec.parse(placed(insteadOf=[THIRD]))
    assert len({one.digest(), other.digest(), JobSpec.parse(SCRIPT_JOB).digest()}) == 3
    assert JobSpec.parse(one.to_json()) == one


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (placed(insteadOf=[ONE]), "named twice"),
        (placed(needs=[{"bids": []}]), "bids"),
        (placed(needs=[{"bids": [THIRD], "files": [{"path": "main.py", "output": "out/x", "maxBytes": 1}]}]), "path"),
        (placed(needs=[{"bids": [THIRD], "files": [{"path": "x", "output": "evidence/x", "maxBytes": 1}]}]), "output"),
        (placed(bids=MAX_BIDS + 1), "bids"),
        (placed() | {"privacy": {"recipient": "age1" + "q" * 58, "commitment": DIGEST, "secrets": []}}, "private job"),
    ],
)
def test_a_place_that_cannot_be_is_refused_by_name(document, problem):
    with pytest.raises(InvalidJobSpec, match=problem):
        JobSpec.parse(document)


def test_what_others_leave_counts_as_the_most_that_a_job_may_fetch():
    alone, taking = JobSpec.parse(SCRIPT_JOB), JobSpec.parse(placed())
    assert taking.ingress_bytes == alone.ingress_bytes + 10
    assert taking.blob_digests() == alone.blob_digests(), "nothing of it is uploaded beforehand"
