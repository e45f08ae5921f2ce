"""Calls of tools as jobs: what their specification may say, and what the market and its nodes make of it."""

import pytest

from marketplace.errors import InvalidJobSpec
from marketplace.protocol.arguments import MAX_DEPTH, map_texts, named_inputs
from marketplace.protocol.jobspec import JobSpec

DIGEST, OTHER = "0x" + "ab" * 32, "0x" + "cd" * 32
PROGRAM = {"kind": "tool", "module": "chain://words@1.0.0", "digest": DIGEST, "tool": "count"}
INPUT = {"path": "d/t.txt", "digest": OTHER, "size": 3}


def spec(**changes) -> JobSpec:
    fields = {"program": PROGRAM | changes.pop("program", {}), "sandbox": "mcp"} | changes
    return JobSpec.parse(fields)


def nested(depth: int) -> dict:
    value: object = 1
    for _ in range(depth):
        value = {"a": value}
    return value


def test_tool_is_nothing_to_be_fetched_but_its_inputs_are():
    assert spec(inputs=[INPUT]).blob_digests() == (OTHER,)


def test_tool_counts_no_instructions_and_is_carried_by_its_node():
    assert (spec().is_metered, spec().carried) == (False, ("chain://words@1.0.0", DIGEST))


def test_arguments_are_part_of_what_is_signed_whatever_their_order():
    first, second = (
        {"arguments": given} for given in ({"a": 1, "b": [1.5, None, "x"]}, {"b": [1.5, None, "x"], "a": 1})
    )
    assert spec(program=first).digest() == spec(program=second).digest() != spec().digest()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sandbox": "wasm"}, "runs no program of kind 'tool'"),
        ({"sandbox": "docker"}, "runs no program of kind 'tool'"),
        ({"program": {"module": "chain://words"}}, "names no version"),
        ({"program": {"module": "words@1.0.0"}}, "program.tool.module"),
        ({"program": {"digest": "0x12"}}, "program.tool.digest"),
        ({"program": {"tool": ""}}, "program.tool.tool"),
        ({"program": {"arguments": [1]}}, "program.tool.arguments"),
        ({"program": {"arguments": {"a": 2**60}}}, "safe integer"),
        ({"program": {"arguments": {"a": float("nan")}}}, "program.tool.arguments"),
        ({"program": {"arguments": {"a": "x" * 64_000}}}, "give what is big as an input"),
        ({"program": {"arguments": nested(MAX_DEPTH + 1)}}, "nested more than"),
        ({"program": {"arguments": {"a": ["input://t.txt"]}}}, "'t.txt', which is not among the inputs"),
        ({"args": ["x"]}, "neither args nor env"),
        ({"env": {"LD_PRELOAD": "x"}}, "neither args nor env"),
    ],
)
def test_call_with_a_fault_is_refused_by_name(changes, problem):
    with pytest.raises(InvalidJobSpec, match=problem):
        spec(**changes)


def test_module_and_container_do_not_run_where_tools_do():
    for kind in ("module", "container"):
        with pytest.raises(InvalidJobSpec, match="mcp"):
            JobSpec.parse({"sandbox": "mcp", "program": {"kind": kind, "digest": DIGEST, "size": 1}})


def test_deepest_arguments_that_are_taken_can_be_worked_with():
    assert spec(program={"arguments": nested(MAX_DEPTH)}).program.arguments == nested(MAX_DEPTH)


def test_inputs_are_found_wherever_arguments_name_them():
    assert named_inputs({"a": "input://x", "b": [{"c": "input://d/y"}, "x input://z"]}) == {"x", "d/y"}


def test_texts_change_and_nothing_else_does():
    changed = map_texts({"a": ["x", 1, 1.5, True, None, {"x": "x"}]}, str.upper)
    assert changed == {"a": ["X", 1, 1.5, True, None, {"x": "X"}]}
