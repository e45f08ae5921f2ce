"""The npm package's types of a market's HTTP interface: of the document that the market serves, whole, and strict."""

import json
import re

import pytest

from marketplace.api.app import openapi_document
from scripts.build_npm import BuildError, build
from scripts.clients.__main__ import writes_types
from scripts.toolchain import ROOT
from tests.unit.npm.conftest import HERE
from tests.unit.npm.test_package import strict_check

needs_generator = pytest.mark.skipif(not writes_types(), reason="the generator is installed by `make npm`")


@needs_generator
def test_types_of_the_interface_are_inferred_and_mistakes_refused_in_strict_mode(project):
    (project / "api.ts").write_text((HERE / "api.ts").read_text())
    assert strict_check(project, "api.ts") == ""


@needs_generator
def test_the_types_name_every_path_and_operation_of_the_document(package):
    types = (package / "dist" / "generated" / "api.d.ts").read_text()
    document = openapi_document()
    asked = {operation["operationId"] for methods in document["paths"].values() for operation in methods.values()}
    assert asked == set(re.findall(r"^    (\w+): \{$", types.partition("export interface operations")[2], re.MULTILINE))
    assert set(document["paths"]) == set(re.findall(r'^    "(/[^"]*)": \{$', types, re.MULTILINE))


@needs_generator
def test_the_entry_of_the_interface_is_types_alone(ask):
    assert ask(["exported", "names", "api"]) == [[]]


@needs_generator
def test_a_document_that_is_none_makes_no_package():
    with pytest.raises(BuildError, match="openapi"):
        build(ROOT / "build" / "npm" / "broken", {}, {"openapi": "1"})


def test_a_package_that_was_built_without_the_document_promises_no_types_of_it():
    folder = build(ROOT / "build" / "npm" / "plain", {})
    assert "./api" not in json.loads((folder / "package.json").read_text())["exports"]
    assert not list(folder.rglob("api.*"))
