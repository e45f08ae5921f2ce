"""The OpenAPI document: names that stay, examples that are true, and every way to fail."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import marketplace.api
from marketplace.api.app import build_app
from marketplace.api.openapi import ANSWERS_FILE, JSON_TYPE, PROBLEM_TYPE, codes_of
from marketplace.errors import all_error_classes
from tests.fakes.http import client_of
from tests.fakes.world import World
from tests.integration.openapi_story import play

ANSWERS = Path(marketplace.api.__file__).with_name(ANSWERS_FILE)
OPERATIONS = Path(__file__).parents[1] / "data" / "operations.txt"
"""What clients in use were generated from. A line may be added; one that is changed or gone breaks them."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return play(tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return build_app(World(tmp_path_factory.mktemp("world")).market, with_workers=False).openapi()


@pytest.fixture(scope="module")
def operations(document):
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def validate(value, schema, document) -> None:
    validator = jsonschema.Draft202012Validator(schema | {"components": document["components"]})
    assert [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(value)] == []


def test_generated_clients_keep_the_names_of_their_calls(operations):
    found = sorted(f"{operation['operationId']} {method.upper()} {path}" for path, method, operation in operations)
    assert found == OPERATIONS.read_text().splitlines()


def test_what_is_recorded_of_the_application_is_what_the_document_shows(recorded):
    found = json.dumps(recorded.document(), indent=1) + "\n"
    if os.environ.get("HIVE_WRITE_API_ANSWERS"):
        ANSWERS.write_text(found)
    assert json.loads(ANSWERS.read_text()) == json.loads(found), "HIVE_WRITE_API_ANSWERS=1 writes it anew"


def test_the_document_is_an_openapi_document_whose_references_lead_somewhere(document):
    assert document["openapi"].startswith("3.1.")
    text = json.dumps(document)
    named = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert named <= set(document["components"]["schemas"]) and "HTTPValidationError" not in text


def test_every_operation_says_what_it_is_and_under_which_tag(document, operations):
    tags = {tag["name"] for tag in document["tags"]}
    for path, method, operation in operations:
        assert operation["summary"] and set(operation["tags"]) <= tags, (method, path)


def test_every_example_is_valid(document, operations):
    checked = 0
    for _, _, operation in operations:
        for answer in operation["responses"].values():
            content = answer.get("content", {}).get(JSON_TYPE, {})
            if "example" in content:
                validate(content["example"], content["schema"], document)
                checked += 1
        body = operation.get("requestBody", {}).get("content", {}).get(JSON_TYPE)
        if body:
            validate(body["example"], body["schema"], document)
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                validate(parameter["example"], parameter["schema"], document)
    assert checked > 50


def test_every_answer_of_the_recorded_story_is_as_its_schema_says(document, operations, recorded):
    schemas = {
        (operation["operationId"], status): answer["content"][JSON_TYPE]["schema"]
        for _, _, operation in operations
        for status, answer in operation["responses"].items()
        if JSON_TYPE in answer.get("content", {})
    }
    for call in recorded.calls:
        if call.answer is not None:
            validate(call.answer, schemas[call.operation, str(call.status)], document)


def test_every_operation_documents_its_refusals_as_problem_documents_with_their_codes(document, operations):
    for path, method, operation in operations:
        refusals = {status: each for status, each in operation["responses"].items() if status[0] in "45"}
        assert {"500"} <= set(refusals), (method, path)
        for status, refusal in refusals.items():
            assert list(refusal["content"]) == [PROBLEM_TYPE]
            assert all(f"`{code}`" in refusal["description"] for code in codes_of(int(status)))


def test_every_code_that_an_interface_can_answer_with_is_documented(operations):
    text = json.dumps([operation["responses"] for _, _, operation in operations])
    of_the_command_line = {"program_failed", "job_failed"}
    codes = {code for code, kind in all_error_classes().items() if kind.__module__ == "marketplace.errors"}
    assert not [code for code in codes - of_the_command_line if f"`{code}`" not in text]


def test_the_document_is_served_where_tools_look_for_it(tmp_path, document):
    with client_of(build_app(World(tmp_path).market, with_workers=False)) as client:
        assert client.get("/openapi.json").json() == json.loads(json.dumps(document))
        assert "swagger" in client.get("/docs").text


DIFFERENT_ON_REPETITION = {
    "cancel_orders": "the orders are no longer live: the second answer names none",
    "place_bids": "each bid has its status, which is 200 where it was 202",
    "issue_nonce": "another nonce, as each is good once",
    "create_api_key": "another key: the first answer's is not known again, not even here",
    "create_webhook": "it is there already: its secret is not told again",
    "rotate_secret": "another secret",
    "send_verdict_seals": "each seal has its status, which is 200 where it was 201",
    "reveal_verdicts": "each reveal has its status, which is 200 where it was 201",
}
REFUSED_ON_REPETITION = {"open_session"}
"""What keeps out who has overheard it: EIP-4361 lets a nonce be used once."""


def test_every_post_may_be_sent_twice(recorded, operations):
    """What an `Idempotency-Key` would be for: a signed message is its own key."""
    posts = {operation["operationId"] for _, method, operation in operations if method == "post"}
    assert recorded.refused_again == REFUSED_ON_REPETITION
    assert set(recorded.repeated) == posts - REFUSED_ON_REPETITION
    for name, (first, second) in recorded.repeated.items():
        assert second.status in (first.status, 200), name
        assert (first.answer == second.answer) == (name not in DIFFERENT_ON_REPETITION), name


def test_the_command_prints_what_a_market_serves(document):
    done = subprocess.run(
        [sys.executable, "-m", "marketplace.cli.main", "market", "openapi"], capture_output=True, timeout=60
    )
    assert json.loads(done.stdout) == document, done.stderr
