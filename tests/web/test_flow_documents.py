"""The Flow page and `hive workflow` read and write one format: what either writes, the other takes or refuses alike."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from marketplace.client.workflows import load_workflow
from marketplace.errors import InputError
from marketplace.protocol.workflow import Workflow, json_schema
from scripts.toolchain import ROOT
from tests.unit.protocol.test_workflow import job

WEB = ROOT / "marketplace" / "web"
SCRIPT = Path(__file__).with_name("flow_documents.mjs")
PAGE = (ROOT / "docs" / "how-to" / "run-a-workflow.md").read_text()
DOCUMENTS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
FIELDS = json_schema()["$defs"]["WorkflowJob"]["properties"]
NUMERIC = {"integer": int, "number": float}
COUNT = 120
A, B = job("a"), job("b", takes=[{"job": "a", "output": "out/x", "path": "x"}])

GOOD = [
    {"jobs": [A]},
    {"version": 1, "cap": 1, "jobs": [A, B]},
    {"jobs": [job("a", maxPrice=0.1, vcpus="2", memory=2.0, fuel=0.5, within=None, verify=None)]},
    {"jobs": [{"name": "a", "program": "a.js", "max_price": "1e-3"}]},
    {"jobs": [job("a", args=["no", "1", "\n", "é"], env={"A": "yes"}, inputs=["x"], regions=["eu"])]},
    {"jobs": [job("a", program="registry.example.org/team/tool@sha256:" + "0f" * 32)]},
]
BAD = [
    None,
    [],
    "text",
    {},
    {"jobs": []},
    {"jobs": {}},
    {"version": 2, "jobs": [A]},
    {"colour": "red", "jobs": [A]},
    {"name": 7, "jobs": [A]},
    {"cap": "much", "jobs": [A]},
    {"cap": "0.001", "jobs": [A]},
    {"jobs": [A, A]},
    {"jobs": [B]},
    {"jobs": [job("a", "a")]},
    {"jobs": [job("a", "c"), job("b", "a"), job("c", "b")]},
    {"jobs": [A, B | {"takes": B["takes"] * 2}]},
    {"jobs": [A, B | {"takes": [{"job": "a", "output": "x", "path": "x"}]}]},
    {"jobs": [A, B | {"takes": [{"job": "a", "output": "out/x", "path": "../x"}]}]},
    {"jobs": [A, B | {"takes": [{"job": "a", "path": "x"}]}]},
    {"jobs": [A, B | {"takes": [{"job": "a", "output": "out/x", "path": "x", "maxBytes": 1_000_000_001}]}]},
    {"jobs": [{"name": "a", "program": "a.py"}]},
    {"jobs": [job("a", retries=7)] + [job(f"j{number}", retries=7) for number in range(8)]},
    *(
        {"jobs": [A | {field: value}]}
        for field, value in [
            ("name", "A"), ("name", True), ("program", ""), ("maxPrice", "0"), ("maxPrice", "-1"), ("maxPrice", "1,5"),
            ("maxPrice", "0.0000001"), ("maxPrice", None), ("verify", "attested"), ("within", 300), ("after", "b"),
            ("args", [1]), ("env", {"A": 1}), ("vcpus", 1.5), ("vcpus", "two"), ("fuel", 0), ("regions", "eu"),
            ("inputs", [""]), ("takes", [7]), ("retries", None),
        ]
    ),
    *({"jobs": [A | {field: value}]} for field in ("gpus", "vcpus", "memory", "seconds", "fuel", "egress",
        "replicas", "retries", "within") for value in (-1, 2**40)),
]  # fmt: skip


@dataclass(frozen=True)
class Answers:
    written: list[dict[str, Any]]
    found: list[dict[str, Any]]
    limits: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def answers() -> Answers:
    texts = [*DOCUMENTS, *(yaml.safe_dump(one) for one in GOOD), *(yaml.safe_dump(one) for one in BAD)]
    ran = subprocess.run(
        ["node", SCRIPT], cwd=WEB, input=json.dumps({"count": COUNT, "texts": texts}), capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return Answers(**json.loads(ran.stdout))


def parsed(tmp_path, text: str) -> Workflow:
    (file := tmp_path / "flow.yaml").write_text(text, encoding="utf-8")
    return load_workflow(file)


def plain(field: str, value: Any) -> Any:
    """What the page holds as text, as the command line holds it; None where nothing was said."""
    if value == "":
        return None
    kind = "integer" if field == "within" else FIELDS[field].get("type", "")
    return NUMERIC.get(kind, lambda same: same)(value)


def as_the_page_has_it(workflow: Workflow, flow: dict[str, Any]) -> None:
    assert (workflow.name, workflow.cap or "") == (flow["name"], flow["cap"])
    for had, want in zip(workflow.jobs, flow["jobs"], strict=True):
        said = had.model_dump(by_alias=True, exclude_defaults=True)
        for field, value in want.items():
            if field == "env":
                assert had.env == dict(value)
            elif field == "takes":
                assert [(one.job, one.output, one.path) for one in had.takes] == [
                    (one["job"], one["output"], one["path"]) for one in value
                ]
            elif isinstance(value, list):
                assert list(getattr(had, field)) == value
            elif plain(field, value) is not None and field in said:
                assert said[field] == plain(field, value)


def without_amounts(workflow: Workflow) -> dict[str, Any]:
    """`1e-3` and `0.001` are one amount."""
    return workflow.model_dump(exclude={"cap": True, "jobs": {"__all__": {"max_price"}}})


def test_what_the_page_writes_is_taken_by_the_command_line_as_it_was_meant_or_refused_by_both(answers, tmp_path):
    taken = refused = 0
    for one in answers.written:
        if not one["problems"]:
            as_the_page_has_it(parsed(tmp_path, one["yaml"]), one["flow"])
            taken += 1
            continue
        refused += 1
        yaml.safe_load(one["yaml"])  # whatever is wrong with it, it is YAML
    assert taken > COUNT / 3 and refused > COUNT / 4


def test_what_the_command_line_refuses_of_what_the_page_writes_the_page_has_told(answers, tmp_path):
    for one in answers.written:
        try:
            parsed(tmp_path, one["yaml"])
        except InputError as error:
            assert one["problems"], error


def test_every_document_that_the_command_line_takes_is_taken_by_the_page_and_written_as_the_same(answers, tmp_path):
    texts = [*DOCUMENTS, *(yaml.safe_dump(one) for one in GOOD)]
    for text, found in zip(texts, answers.found, strict=False):
        assert found["problems"] == []
        before, after = parsed(tmp_path, text), parsed(tmp_path, found["yaml"])
        assert without_amounts(after) == without_amounts(before)
        assert [one.cap for one in after.jobs] == [one.cap for one in before.jobs]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_what_the_command_line_refuses_is_refused_by_the_page(answers, tmp_path, number):
    found = answers.found[len(DOCUMENTS) + len(GOOD) + number]
    assert found["problems"], BAD[number]
    with pytest.raises(InputError):
        parsed(tmp_path, yaml.safe_dump(BAD[number])) and _runs(BAD[number])


def _runs(document: Any) -> None:
    """What is found out only where files are read: the kind of a program, an input without a name."""
    from marketplace.client.jobs import prepare_job

    for one in Workflow.parse(document).jobs:
        prepare_job(Path(one.program), [], runtimes={})


def test_the_pages_limits_are_those_of_the_published_schema(answers):
    for field, limit in answers.limits.items():
        want = next((one for one in FIELDS[field].get("anyOf", []) if "minimum" in one), FIELDS[field])
        assert limit["usual"] == FIELDS[field]["default"]
        if limit["isWhole"]:
            top = want.get("maximum", want.get("exclusiveMaximum", 0) - 1)
            assert (limit["least"], limit["most"]) == (want["minimum"], top)
        else:
            assert (limit["least"], limit["most"]) == (want["exclusiveMinimum"], want["exclusiveMaximum"])
    assert set(answers.limits) == {"within"} | {name for name, one in FIELDS.items() if one.get("type") in NUMERIC}
