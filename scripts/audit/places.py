"""Where in a source a mutant or a probe can stand."""

import re

from scripts.audit.compiler import Node

FUNCTIONS = """
function auditIs(uint256 place) pure returns (bool chosen) {
    assembly ("memory-safe") {
        chosen := calldataload(sub(not(0), place))
    }
}

function auditHit(uint256 place) pure {
    assembly ("memory-safe") {
        calldatacopy(0, sub(not(0), place), 0) // nothing; a read that nobody uses would be left out
    }
}

function auditSaw(uint256 place, bool value) pure returns (bool) {
    auditHit(value ? place + 1 : place);
    return value;
}
"""
"""What an instrumented file has at its end; see schema.py."""

_VALUE = re.compile(r"(uint\d+|int\d+|bool|address|bytes\d+)$")
_SIMPLE = ("BinaryOperation", "UnaryOperation", "Conditional", "FunctionCall", "Literal", "TupleExpression")
_REWRITABLE = ("ExpressionStatement", "EmitStatement", "Return", "RevertStatement", "IfStatement")
_STATEMENT = (*_REWRITABLE, "VariableDeclarationStatement", "ForStatement", "WhileStatement", "DoWhileStatement",
              "TryStatement", "Continue", "Break", "InlineAssembly")  # fmt: skip
_HEADS = ("loopExpression", "initializationExpression")
_LOOPS = ("ForStatement", "WhileStatement", "DoWhileStatement", "IfStatement", "Conditional")


def is_statement(node: Node) -> bool:
    """Whether a probe can stand before it."""
    return node.kind in _STATEMENT and node.field not in _HEADS


def probed_condition(node: Node) -> bool:
    """Whether both its values are branches: what decides an `if`, a loop or `?:`, and the sides of `&&` and `||`."""
    if node.parent is None or node.raw.get("kind") == "bool":
        return False
    if node.field == "condition" and node.parent.kind in _LOOPS:
        return True
    return node.parent.kind == "BinaryOperation" and node.parent.raw["operator"] in ("&&", "||")


def place_of(node: Node) -> tuple[Node, str | None] | None:
    """The nearest node around that can be written with alternatives, and its type: an expression of a simple type, or a
    statement (no type)."""
    current: Node | None = node
    while current is not None:
        if current.kind in _REWRITABLE and current.field not in _HEADS:
            return current, None
        if _is_simple(current):
            return current, current.type
        parent = current.parent
        if parent is not None and current.field in ("value", "initialValue"):
            declared = _declared_type(parent)
            if declared:
                return current, declared
        current = parent
    return None


def _is_simple(node: Node) -> bool:
    if "expression" not in node.raw and node.kind not in _SIMPLE:
        return False
    if node.kind in ("Assignment", "MemberAccess", "IndexAccess") or node.raw.get("isLValue"):
        return False
    return bool(_VALUE.fullmatch(node.type)) and node.field not in ("leftHandSide", "expression", "subExpression")


def _declared_type(parent: Node) -> str | None:
    if parent.kind == "VariableDeclaration":
        declared = parent.type
    elif parent.kind == "VariableDeclarationStatement" and len(parent.raw["declarations"]) == 1:
        declared = (parent.raw["declarations"][0].get("typeDescriptions") or {}).get("typeString", "")
    else:
        return None
    return declared if _VALUE.fullmatch(declared) else None
