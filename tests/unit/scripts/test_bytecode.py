"""What Python compiles is kept in build/, whatever the machine says: processes start in half the time."""

import json
import os
import subprocess
import sys

import pytest

from scripts.toolchain import BUILD, BYTECODE, ROOT, brownie_environment

ASK = "import json, sys; print(json.dumps([sys.pycache_prefix, sys.dont_write_bytecode]))"


@pytest.fixture(autouse=True)
def forbidden(monkeypatch):
    """A machine that lets Python keep nothing."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)


def test_brownie_keeps_what_it_compiled(tmp_path):
    env = brownie_environment(home=tmp_path)
    ran = subprocess.run([sys.executable, "-c", ASK], env=env, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(ran.stdout) == [str(BYTECODE), False]
    assert BYTECODE.is_relative_to(BUILD), "gone after `make clean`"


def test_all_that_make_starts_keeps_it_at_the_same_place():
    rule = f"ask: ; @{sys.executable} -c '{ASK}'"
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    ran = subprocess.run(
        ["make", "--silent", f"--eval={rule}", "ask"], cwd=ROOT, env=env, capture_output=True, text=True, check=True,
        timeout=60,
    )  # fmt: skip
    assert json.loads(ran.stdout) == [str(BYTECODE), False]
