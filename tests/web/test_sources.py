"""The dApp's sources: their types hold, also against what is generated, and their own tests pass."""

import pytest

from scripts.build_web import generate, install, npm


@pytest.fixture(scope="module")
def sources() -> None:
    install()
    generate()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("script", ["check", "test"])
def test_the_sources_pass(sources, script):
    npm("run", script)
