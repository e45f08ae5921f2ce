"""Compiles the contracts for the audit: through the IR as always, but unoptimised, which is several times faster.

The shipped bytecode is the optimised one; what is counted and mutated here is the same source compiled without the
optimiser. The compiler stays loaded between calls.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.toolchain import ROOT

AST = {"*": {"": ["ast"]}}
CODE = ["evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"]
MAPS = ["evm.bytecode.sourceMap", "evm.deployedBytecode.sourceMap"]
SHIPPED = {"enabled": True, "runs": 200}
"""As brownie-config.yaml has it."""
PLAIN = {
    "enabled": True,
    "runs": 1,
    "details": {
        "peephole": False,
        "inliner": False,
        "jumpdestRemover": False,
        "orderLiterals": False,
        "deduplicate": False,
        "cse": False,
        "constantOptimizer": False,
        "yul": True,
        "yulDetails": {"stackAllocation": True, "optimizerSteps": ":"},
    },
}
"""No optimisation but one: variables that the stack cannot hold go to memory."""


@dataclass(frozen=True)
class Node:
    """A node of a syntax tree: its place in bytes, and its parent."""

    raw: dict[str, Any]
    start: int
    end: int
    parent: "Node | None"
    field: str
    """The parent's field that it is in."""

    @property
    def kind(self) -> str:
        return self.raw["nodeType"]

    @property
    def type(self) -> str:
        return (self.raw.get("typeDescriptions") or {}).get("typeString") or ""

    def enclosing(self, *kinds: str) -> "Node | None":
        """The nearest ancestor (or itself) of one of these kinds."""
        node: Node | None = self
        while node is not None and node.kind not in kinds:
            node = node.parent
        return node


def nodes_of(raw: dict[str, Any], parent: Node | None = None, field: str = "") -> Iterator[Node]:
    """Every node of a tree, parents first. Assembly is not entered: its nodes are of another language."""
    if "nodeType" not in raw or "src" not in raw:
        return
    start, length, _ = map(int, raw["src"].split(":"))
    node = Node(raw, start, start + length, parent, field)
    yield node
    if node.kind == "InlineAssembly":
        return
    for name, value in raw.items():
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, dict):
                yield from nodes_of(child, node, name)


class Compiler:
    """solc in a process of its own, ended with the block."""

    def __enter__(self) -> "Compiler":
        self._process = subprocess.Popen(
            ["node", str(ROOT / "scripts" / "audit" / "solc_server.js")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def compile(
        self, sources: Mapping[str, str], selection: Mapping[str, Any], optimizer: Mapping[str, Any] = SHIPPED
    ) -> dict[str, Any]:
        """The compiler's answer, errors included. Sources that are not given are read from disk when imported."""
        settings = {
            "viaIR": True,
            "evmVersion": "shanghai",
            "optimizer": optimizer,
            "metadata": {"appendCBOR": False, "bytecodeHash": "none"},
            "remappings": ["@openzeppelin=node_modules/@openzeppelin"],
            "outputSelection": selection,
        }
        asked = {"language": "Solidity", "sources": {name: {"content": text} for name, text in sources.items()}}
        self._process.stdin.write(json.dumps({**asked, "settings": settings}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the compiler ended without an answer")
        return json.loads(line)


def errors_in(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The errors of an answer, without warnings."""
    return [error for error in answer.get("errors", []) if error["severity"] == "error"]


def sources_now() -> dict[str, str]:
    """All contracts of this checkout by name, read once: a run must not mix two states of a file."""
    folder = ROOT / "contracts"
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.sol"))}
