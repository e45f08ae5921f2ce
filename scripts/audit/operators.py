"""What a mutation changes: one small mistake at a time, of the kinds that people make."""

import re
from collections.abc import Iterator

from scripts.audit.compiler import Node

_BINARY = {
    "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["*"], "<<": [">>"], ">>": ["<<"], "&": ["|"], "|": ["&"],
    "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="], "!=": ["=="],
    "&&": ["||"], "||": ["&&"],
}  # fmt: skip
_ASSIGNMENT = {"+=": "-=", "-=": "+=", "|=": "&=", "&=": "|="}
_LOGICAL, _RELATIONAL = {"&&", "||"}, {"<", "<=", ">", ">=", "==", "!="}
_DELETABLE = {"ExpressionStatement", "EmitStatement"}

Change = tuple[str, str]
"""Operator's name and the text that stands for the node."""


def changes_of(node: Node, text: str, text_of) -> Iterator[Change]:
    """All changes of one node; `text` is its source and `text_of` gives its children's."""
    raw = node.raw
    match node.kind:
        case "BinaryOperation":
            left, right = text_of(raw["leftExpression"]), text_of(raw["rightExpression"])
            for other in _BINARY.get(raw["operator"], []):
                yield _name(raw["operator"]), f"{left} {other} {right}"
        case "UnaryOperation":
            yield from _unary(node, text_of)
        case "Assignment" if raw["operator"] in _ASSIGNMENT:
            left, right = text_of(raw["leftHandSide"]), text_of(raw["rightHandSide"])
            yield "arithmetic", f"{left} {_ASSIGNMENT[raw['operator']]} {right}"
        case "Conditional":
            yield "condition", text_of(raw["trueExpression"])
            yield "condition", text_of(raw["falseExpression"])
        case "Literal":
            yield from _literal(raw, text)
    if node.field == "condition" and node.parent.kind == "IfStatement":
        reverting = _is_refusal(node.parent.raw["trueBody"])
        yield ("requirement" if reverting else "condition"), "false"
        if not reverting:
            yield "condition", "true"
    if node.kind in _DELETABLE and node.field != "loopExpression" and not _sets_pointer(raw):
        yield ("event" if node.kind == "EmitStatement" else "statement"), ""


def _name(operator: str) -> str:
    if operator in _LOGICAL:
        return "logical"
    return "comparison" if operator in _RELATIONAL else "arithmetic"


def _unary(node: Node, text_of) -> Iterator[Change]:
    operator, operand = node.raw["operator"], text_of(node.raw["subExpression"])
    if operator in ("!", "~"):
        yield "logical", operand
    elif operator in ("++", "--") and node.parent.kind == "ExpressionStatement" and node.parent.field == "statements":
        yield "arithmetic", ("--" if operator == "++" else "++") + operand


def _literal(raw: dict, text: str) -> Iterator[Change]:
    if raw["kind"] == "bool":
        yield "constant", "false" if text == "true" else "true"
    elif raw["kind"] == "number" and re.fullmatch(r"\d[\d_]*", text):
        yield "constant", str(int(text.replace("_", "")) + 1)
    elif raw["kind"] == "number" and re.fullmatch(r"0x[0-9a-fA-F]{1,16}", text):
        yield "constant", hex(int(text, 16) + 1)


def _is_refusal(body: dict) -> bool:
    statements = body["statements"] if body["nodeType"] == "Block" else [body]
    return len(statements) == 1 and statements[0]["nodeType"] == "RevertStatement"


def _sets_pointer(raw: dict) -> bool:
    """Whether the statement says where a storage pointer points: without it nothing would compile."""
    target = raw.get("expression", {}).get("leftHandSide", {})
    return " storage " in (target.get("typeDescriptions") or {}).get("typeString", "")
