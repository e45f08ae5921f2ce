"""Generates the clients of the API out of its OpenAPI document, into build/clients.

    make clients                  # installs the generators, each pinned by its digest, and runs this
    python -m scripts.clients     # once more, with the generators that are there

`openapi-python-client` writes the Python package `python/computehive_api` (which needs httpx and attrs),
`openapi-typescript` the types `typescript/api.ts`, which `openapi-fetch` makes a client of.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.toolchain import BUILD

FOLDER = BUILD / "clients"
DOCUMENT = FOLDER / "openapi.json"
PYTHON, TYPESCRIPT = FOLDER / "python", FOLDER / "typescript"
PACKAGE = "computehive_api"
PYTHON_TOOLS = FOLDER / "tools"
MODULES = TYPESCRIPT / "node_modules"
SECONDS = 240


class ClientError(Exception):
    """A generator is missing, failed, or passed over a part of the document; the message is what it said."""


def current_document() -> dict[str, Any]:
    """What `hive market openapi` prints. Raises ClientError."""
    return json.loads(_run([sys.executable, "-m", "marketplace.cli.main", "market", "openapi"]))


def generate(document: dict[str, Any]) -> None:
    """Both clients anew. Raises ClientError; a part of the document that a generator leaves out is an error, too."""
    if not is_installed():
        raise ClientError("The generators are not installed: run `make clients`.")
    DOCUMENT.write_text(json.dumps(document, indent=1) + "\n")
    _generate_python(without_lines(document))
    write_types(DOCUMENT, TYPESCRIPT / "api.ts")


def write_types(document: Path, target: Path) -> None:
    """The types of a document's paths and schemas, in TypeScript. Raises ClientError."""
    if not writes_types():
        raise ClientError("The generator of types is not installed: run `make npm` or `make clients`.")
    _run([MODULES / ".bin" / "openapi-typescript", document, "-o", target])


def writes_types() -> bool:
    """Whether `make npm` or `make clients` has been here."""
    return (MODULES / "openapi-typescript").exists()


def is_installed() -> bool:
    """Whether `make clients` has been here."""
    return (PYTHON_TOOLS / "openapi_python_client").exists() and writes_types()


def without_lines(document: dict[str, Any]) -> dict[str, Any]:
    """A copy without bodies of JSON lines: the Python generator knows none, and JSON is taken there as well."""
    copy = json.loads(json.dumps(document))
    for methods in copy["paths"].values():
        for operation in methods.values():
            operation.get("requestBody", {}).get("content", {}).pop("application/x-ndjson", None)
    return copy


def _generate_python(document: dict[str, Any]) -> None:
    shutil.rmtree(PYTHON, ignore_errors=True)
    PYTHON.mkdir()
    config, source = FOLDER / "python.json", FOLDER / "openapi-python.json"
    source.write_text(json.dumps(document))
    config.write_text(json.dumps({"post_hooks": []}))  # no formatter: nobody edits what it writes
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", source, "--config", config]
    tools = os.environ | {"PYTHONPATH": str(PYTHON_TOOLS)}
    _run([*command, "--meta", "none", "--output-path", PYTHON / PACKAGE, "--fail-on-warning"], tools)


def _run(command: list[str | Path], environment: dict[str, str] | None = None) -> str:
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SECONDS, stdin=subprocess.DEVNULL, check=False
    )
    if ran.returncode != 0:
        raise ClientError(ran.stdout + ran.stderr)
    return ran.stdout


if __name__ == "__main__":
    try:
        generate(current_document())
    except ClientError as error:
        sys.exit(f"clients: {error}")
    print(f"{PYTHON / PACKAGE}\n{TYPESCRIPT / 'api.ts'}")
