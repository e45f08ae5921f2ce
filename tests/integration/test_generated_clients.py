"""The clients that `make clients` generates, in processes of their own, against the application behind a socket."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from marketplace.api.app import openapi_document
from scripts.clients.__main__ import (
    MODULES,
    PYTHON,
    TYPESCRIPT,
    ClientError,
    current_document,
    generate,
    is_installed,
    without_lines,
)
from tests.fakes.service import serve
from tests.fakes.world import DOMAIN, RENTER, World
from tests.integration.acts import signed

HERE = Path(__file__).parent
SECONDS = 120
needs_generators = pytest.mark.skipif(not is_installed(), reason="the generators are installed by `make clients`")


@pytest.fixture(scope="module")
def generated() -> None:
    generate(current_document())


@pytest.fixture
def market(tmp_path):
    """A market with two bids to place, and its address."""
    world = World(tmp_path)
    service = serve(world)
    bodies = [signed("bid", world.bid(), RENTER, jobSpec=world.job_spec().to_json(), now=False) for _ in range(2)]
    yield service.url, bodies
    service.stop()


def output_of(command, **more) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, **more)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def assert_served(told: dict) -> None:
    assert told["chainId"] == DOMAIN.chain_id and told["asks"] == 0
    assert len(set(told["placed"])) == 2
    assert told["pages"] and all(len(page) == 1 for page in told["pages"])
    assert sorted(job for page in told["pages"] for job in page) == sorted(told["placed"])
    assert told["problem"] == [404, "not_found"]


@needs_generators
def test_python_client_places_bids_pages_through_jobs_and_gets_refusals_as_problems(generated, market, tmp_path):
    url, bodies = market
    (tmp_path / "bodies.json").write_text(json.dumps(bodies))
    arguments = [url, tmp_path / "bodies.json", RENTER.address]
    told = output_of(
        [sys.executable, HERE / "generated_client.py", *arguments], env=os.environ | {"PYTHONPATH": str(PYTHON)}
    )
    assert_served(json.loads(told))


@needs_generators
def test_typescript_client_passes_the_compiler_and_does_the_same(generated, market):
    url, bodies = market
    folder = TYPESCRIPT / "test"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(HERE / "generated_client.ts", folder / "client.ts")
    shutil.copy(TYPESCRIPT / "api.ts", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "globals.d.ts").write_text("declare var process: { argv: string[] }\n")
    options = {"strict": True, "module": "nodenext", "target": "es2022", "lib": ["es2022", "dom", "dom.iterable"]}
    # No types from above: what else is installed in the checkout must not decide.
    settings = {"compilerOptions": options | {"types": []}, "files": ["client.ts", "globals.d.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    output_of([MODULES / ".bin" / "tsc", "-p", folder])
    given = json.dumps({"url": url, "bodies": bodies, "renter": RENTER.address})
    told = output_of(["node", "client.js", given], cwd=folder)
    assert_served(json.loads(told))


@needs_generators
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: document.pop("info"), "info"),
        (lambda document: upload_of(document)["content"].update({"application/octet-stream": {}}), "Missing schema"),
    ],
)
def test_what_a_generator_refuses_or_passes_over_is_an_error_that_says_why(generated, change, said):
    document = openapi_document()
    change(document)
    try:
        with pytest.raises(ClientError, match=said):
            generate(document)
    finally:
        generate(openapi_document())


def upload_of(document: dict) -> dict:
    return document["paths"]["/api/v1/blobs/{digest}"]["put"]["requestBody"]


def test_every_refusal_is_one_schema_so_that_generators_make_one_type_of_it():
    refusals = [
        answer["content"]["application/problem+json"]["schema"]
        for methods in openapi_document()["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if status >= "400"
    ]
    assert len(refusals) > 100
    assert all(schema == {"$ref": "#/components/schemas/Problem"} for schema in refusals)


def test_the_python_generator_is_given_every_operation_and_no_json_lines():
    document = openapi_document()
    operations = sum(map(len, document["paths"].values()))
    told = without_lines(document)
    assert sum(map(len, told["paths"].values())) == operations
    assert "application/x-ndjson" not in json.dumps(
        [one.get("post", {}).get("requestBody") for one in told["paths"].values()]
    )
