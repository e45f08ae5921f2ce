"""Requests that are almost right: each operation's example with one part spoiled, for each the documented answer.

The mutations are drawn with a fixed seed; what they are made of is the OpenAPI document itself, so a new operation is
covered once it has its example.
"""

import copy
import random
from typing import Any

import pytest

from marketplace.api.app import build_app
from marketplace.api.openapi import JSON_TYPE, PROBLEM_TYPE
from marketplace.domain.rules import Rules
from tests.fakes.http import client_of
from tests.fakes.world import World

EACH = 8
"""Mutations of each body."""
WRONG = (
    None, True, -1, 2**256, 1.5, "", "\x00", "-1", "0x", "0x" + "zz" * 32, "0x" + "00" * 20, "ffff\u202e", "9" * 5000,
    [], {}, [[]], {"": None}, "\U0001f600" * 2000,
)  # fmt: skip


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("world"), rules=Rules(max_blob_bytes=10_000, requests_per_minute=0))
    world.open_lease()
    app = build_app(world.market, with_workers=False)
    with client_of(app) as client:
        client.document = app.openapi()
        yield client


@pytest.fixture(scope="module")
def operations(api):
    found = [(path, method, each) for path, ms in api.document["paths"].items() for method, each in ms.items()]
    # One has an answer without an end, one answers without a body, one is not ready: here no workers run.
    return [
        one
        for one in found
        if one[2]["operationId"] not in ("follow_market", "follow_work", "find_blob", "show_readiness")
    ]


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Where in a document there is something to spoil."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def spoil(document: Any, place: tuple, wrong: Any) -> Any:
    if not place:
        return wrong
    spoiled = copy.deepcopy(document)
    parent = spoiled
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = wrong
    return spoiled


def assert_documented(answer, operation) -> None:
    told = f"{operation['operationId']}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500 and str(answer.status_code) in operation["responses"], told
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == PROBLEM_TYPE and answer.json()["status"] == answer.status_code, told


def address(path: str, operation: dict[str, Any], **spoiled: str) -> tuple[str, dict[str, str]]:
    """Path and query of an operation's example."""
    query = {}
    for each in operation.get("parameters", []):
        value = spoiled.get(each["name"], each.get("example"))
        if each["in"] == "path":
            path = path.replace("{" + each["name"] + "}", str(value))
        elif each["in"] == "query" and value is not None:
            query[each["name"]] = str(value)
    return path, query


def test_a_body_with_one_part_spoiled_gets_a_documented_answer(api, operations):
    draw, tried = random.Random(7), 0
    for path, method, operation in operations:
        example = operation.get("requestBody", {}).get("content", {}).get(JSON_TYPE, {}).get("example")
        where = places(example) if example is not None else []
        for place in draw.sample(where, min(EACH, len(where))):
            url, query = address(path, operation)
            body = spoil(example, place, draw.choice(WRONG))
            assert_documented(api.request(method, url, json=body, params=query), operation)
            tried += 1
    assert tried > 100


def test_a_parameter_that_is_spoiled_gets_a_documented_answer(api, operations):
    draw, tried = random.Random(7), 0
    for path, method, operation in operations:
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "header":
                continue
            wrong = draw.choice(["-1", "nonsense", "0x" + "00" * 32, "9" * 40, "%00", "%0a%1b[2J", "0x" + "0" * 40])
            url, query = address(path, operation, **{parameter["name"]: wrong})
            body = operation.get("requestBody", {}).get("content", {}).get(JSON_TYPE, {}).get("example")
            assert_documented(api.request(method, url, json=body, params=query), operation)
            tried += 1
    assert tried > 50
