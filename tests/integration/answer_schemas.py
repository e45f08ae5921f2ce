"""JSON Schemas of answers, as far as recorded answers tell: types, what is always there, what may be null."""

import re
from collections.abc import Sequence
from typing import Any

MAPS = frozenset({"contracts", "runtimes", "latencyMs", "changes", "data", "evidence", "summary", "history"})
"""Fields whose keys are data, or differ from case to case."""
DOCUMENTS = {
    "bid": "Bid", "ask": "Ask", "jobSpec": "JobSpec", "profile": "NodeProfile", "manifest": "Manifest",
    "attestation": "Attestation", "checkpoint": "Checkpoint", "grant": "KeyGrant", "offer": "KeyOffer",
    "problem": "Problem",
}  # fmt: skip
"""Fields that hold a signed message or what one names: the document has schemas of those already."""
_HEX = re.compile(r"0x[0-9a-fA-F]{40,}")
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


def infer(values: Sequence[Any], name: str = "") -> dict[str, Any]:
    """The narrowest schema of this kind that all `values` of the field `name` have. Of no value nothing is said."""
    known = [value for value in values if value is not None]
    if not known:
        return {}
    found = [_of_objects(known, name), _of_lists(known), *_of_plain(known)]
    schemas = [schema for schema in found if schema]
    if len(known) < len(values):
        schemas.append({"type": "null"})
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _of_plain(values: list[Any]) -> list[dict[str, Any]]:
    kinds = {_TYPES[type(value)] for value in values if not isinstance(value, (dict, list))}
    if "number" in kinds:
        kinds.discard("integer")
    return [{"type": kind} for kind in sorted(kinds)]


def _of_lists(values: list[Any]) -> dict[str, Any]:
    lists = [value for value in values if isinstance(value, list)]
    return {"type": "array", "items": infer([item for each in lists for item in each])} if lists else {}


def _of_objects(values: list[Any], name: str) -> dict[str, Any]:
    objects = [value for value in values if isinstance(value, dict)]
    if not objects:
        return {}
    if name in DOCUMENTS:
        return {"$ref": f"#/components/schemas/{DOCUMENTS[name]}"}
    keys = list(dict.fromkeys(key for each in objects for key in each))
    if name in MAPS or (keys and all(_HEX.fullmatch(key) for key in keys)):
        return {"type": "object"}
    required = [key for key in keys if all(key in each for each in objects)]
    properties = {key: infer([each[key] for each in objects if key in each], key) for key in keys}
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})
