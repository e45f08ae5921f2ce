"""The npm package as its users get it: built, packed, unpacked into a project."""

import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marketplace.api.app import openapi_document
from marketplace.published import AddressBook
from scripts.build_npm import build
from scripts.clients.__main__ import writes_types
from scripts.toolchain import BUILD

HERE = Path(__file__).parent
BOOK = AddressBook(
    "somewhere",
    1337,
    7,
    {
        name: f"0x{at:040d}"
        for at, name in enumerate(
            ("USDC", "Escrow", "ProviderStake", "OracleCommittee", "Reputation", "PaymentChannels", "ModuleRegistry",
             "Messages", "Timelock", "Prepaid"),
            start=10,
        )
    },
)  # fmt: skip
Ask = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def package() -> Path:
    """The built package, with one published deployment. Inside build/, so that it finds the locked viem."""
    interface = openapi_document() if writes_types() else None
    return build(BUILD / "npm" / "tested", {BOOK.network: BOOK}, interface)


@pytest.fixture(scope="session")
def tarball(package, tmp_path_factory) -> Path:
    """What `npm pack` makes of it."""
    folder = tmp_path_factory.mktemp("tarball")
    command = ["npm", "pack", "--ignore-scripts", "--pack-destination", str(folder)]
    subprocess.run(command, cwd=package, capture_output=True, timeout=60, stdin=subprocess.DEVNULL, check=True)
    (packed,) = folder.glob("*.tgz")
    return packed


@pytest.fixture(scope="session")
def project(tarball) -> Path:
    """A project of somebody else's that has the package and viem."""
    folder = BUILD / "npm" / "project"
    home = folder / "node_modules" / "@computehive" / "contracts"
    with tarfile.open(tarball) as archive:
        for member in archive.getmembers():
            member.name = member.name.removeprefix("package/")
        archive.extractall(home, filter="data")
    (folder / "package.json").write_text('{"type": "module", "private": true}\n')
    return folder


@pytest.fixture(scope="session")
def ask(project) -> Ask:
    """The package's answers to [module, function, *arguments] in one run of Node."""

    def run(*asked: list[Any]) -> list[Any]:
        (project / "answers.mjs").write_text((HERE / "answers.mjs").read_text())
        ran = subprocess.run(
            ["node", "answers.mjs"], cwd=project, input=json.dumps(wide(asked)), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return narrow(json.loads(ran.stdout))

    return run


def wide(value: Any) -> Any:
    """Integers that JavaScript takes as BigInt, in JSON; bytes as hex."""
    if isinstance(value, Big):
        return {"n": str(int(value))}
    if isinstance(value, dict):
        return {name: wide(each) for name, each in value.items()}
    return [wide(each) for each in value] if isinstance(value, list | tuple) else value


def narrow(value: Any) -> Any:
    """The same back."""
    if isinstance(value, dict):
        return int(value["n"]) if value.keys() == {"n"} else {name: narrow(each) for name, each in value.items()}
    return [narrow(each) for each in value] if isinstance(value, list) else value


class Big(int):
    """An integer that JavaScript must take as a BigInt."""
