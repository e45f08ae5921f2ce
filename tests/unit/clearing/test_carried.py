"""Modules that a node must carry: a bid for a tool goes only where its server runs, in the same version and bytes."""

import pytest

from marketplace.clearing.relaxations import WIDENERS, apply_changes
from marketplace.domain.constraints import violations
from marketplace.protocol.jobspec import JobSpec
from tests.unit.clearing.market import NOW, ask, bid, profile

DIGEST, OTHER = "0x" + "ab" * 32, "0x" + "cd" * 32
MODULE = "chain://words@1.0.0"
CALL = bid(
    job_spec=JobSpec.parse(
        {"sandbox": "mcp", "program": {"kind": "tool", "module": MODULE, "digest": DIGEST, "tool": "count"}}
    ),
    fuel=0,
    verification=2,
)


def node(runtimes: dict[str, str], sandboxes: tuple[str, ...] = ("mcp", "wasm")):
    return ask(1, node=profile(sandboxes=sandboxes, runtimes=runtimes))


def test_call_goes_to_a_node_that_carries_the_module():
    assert violations(CALL, node({MODULE: DIGEST, "python": OTHER}), NOW) == {}


@pytest.mark.parametrize("runtimes", [{}, {MODULE: OTHER}, {"chain://words@1.0.1": DIGEST}, {"words": DIGEST}])
def test_call_goes_to_no_node_that_carries_another(runtimes):
    assert violations(CALL, node(runtimes), NOW).keys() == {"runtime"}


def test_call_goes_to_no_node_without_the_sandbox():
    assert "sandbox" in violations(CALL, node({MODULE: DIGEST}, ("wasm",)), NOW)


def test_other_bytes_of_the_module_are_a_way_out_and_other_modules_are_none():
    offered = node({MODULE: OTHER})
    change = WIDENERS["runtime"](CALL, offered, NOW)
    assert violations(apply_changes(CALL, (change,)), offered, NOW) == {}
    assert WIDENERS["runtime"](CALL, node({"chain://words@1.0.1": DIGEST}), NOW) is None


def test_another_sandbox_is_no_way_out_for_a_tool():
    change = WIDENERS["sandbox"](CALL, node({MODULE: DIGEST}, ("wasm",)), NOW)
    assert apply_changes(CALL, (change,)) is None
