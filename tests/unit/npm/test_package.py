"""The npm package: what is in it, that it installs alone, that viem infers types, that it agrees with Python."""

import json
import re
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from marketplace.published import CHANNEL_MESSAGES, NETTED_MESSAGES, SIGNED_MESSAGES, Bid, load_abi, load_deployments
from scripts.build_npm import ENUMS, TSC, BuildError, abi_name, build
from scripts.export_abi import CONTRACTS
from scripts.toolchain import ROOT
from tests.unit.npm.conftest import BOOK, HERE

ALLOWED = (".js", ".d.ts")


def test_tarball_holds_the_built_files_licence_and_readme_and_nothing_else(tarball):
    with tarfile.open(tarball) as archive:
        names = {name.removeprefix("package/") for name in archive.getnames()}
    beside = {name for name in names if not name.startswith("dist/")}
    assert beside == {"LICENSE", "README.md", "package.json"}
    built = names - beside
    assert built and all(name.endswith(ALLOWED) for name in built)
    assert {name.replace(".d.ts", ".js") for name in built if name.endswith(".d.ts")} == {
        name for name in built if name.endswith(".js")
    }
    assert tarball.stat().st_size < 100_000


def test_package_has_the_projects_version_and_licence_and_asks_for_viem_only_if_wanted(package):
    document = json.loads((package / "package.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (document["version"], document["license"]) == (project["version"], project["license"])
    assert (package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert "dependencies" not in document and document["peerDependenciesMeta"] == {"viem": {"optional": True}}


def test_folder_installs_alone_and_its_data_needs_no_other_package(package, tmp_path):
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}\n')
    command = ["npm", "install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", str(package)]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False
    )
    assert ran.returncode == 0, ran.stderr
    script = "import('@computehive/contracts').then((all) => console.log(Object.keys(all).sort().join(' ')))"
    ran = subprocess.run(["node", "-e", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    exported = set(ran.stdout.split())
    assert {abi_name(contract) for contract in CONTRACTS} <= exported
    assert {"typedData", "escrowDomain", "deployments", "parseAddressBook", "Outcome"} <= exported


def test_types_are_inferred_and_mistakes_refused_in_strict_mode(project):
    (project / "consumer.ts").write_text((HERE / "consumer.ts").read_text())
    assert strict_check(project, "consumer.ts") == ""


def test_the_strict_check_refuses_what_it_must(project):
    spoilt = (HERE / "consumer.ts").read_text().replace("functionName: 'free',", "functionName: 'fee',", 1)
    (project / "spoilt.ts").write_text(spoilt)
    assert "spoilt.ts" in strict_check(project, "spoilt.ts")


def test_example_passes_the_strict_check_as_it_stands(project):
    (project / "renter.mjs").write_text((ROOT / "examples" / "dapp" / "renter.mjs").read_text())
    assert strict_check(project, "renter.mjs") == ""


def test_the_readmes_own_example_passes_the_strict_check(project):
    (example,) = re.findall(r"^```ts\n(.*?)^```$", (ROOT / "npm" / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    (project / "readme.ts").write_text(example)
    assert strict_check(project, "readme.ts") == ""


def test_the_readme_names_what_each_entry_exports(ask):
    readme = (ROOT / "npm" / "README.md").read_text()
    for module in ("leases", "channels"):
        row = readme.split(f"| `@computehive/contracts/{module}` |")[1].split("|")[0]
        (exported,) = ask(["exported", "names", module])
        assert exported == sorted(re.findall(r"`(\w+)`", row))


def strict_check(project: Path, *files: str) -> str:
    """What the TypeScript compiler has to say, `--strict` and more."""
    options = [
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "--skipLibCheck",
        "--types",
        "node",
    ]
    ran = subprocess.run(
        [TSC, *options, "--allowJs", "--checkJs", "--exactOptionalPropertyTypes", "--ignoreConfig", *files],
        cwd=project, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    return ran.stdout + ran.stderr


def test_sources_that_do_not_compile_make_no_package(tmp_path, monkeypatch):
    monkeypatch.setattr("scripts.build_npm.render_numbers", lambda: "export const groupSize = oops\n")
    with pytest.raises(BuildError, match="oops"):
        build(ROOT / "build" / "npm" / "broken", {})


def test_every_abi_is_the_python_packages_own(ask):
    abis = ask(*[["data", abi_name(contract)] for contract in CONTRACTS])
    assert abis == [load_abi(contract) for contract in CONTRACTS]


def test_typed_data_and_numbers_are_those_of_python(ask):
    names = ("typedData", "channelTypedData", "prepaidTypedData")
    escrow, channels, prepaid, *numbers = ask(
        *[["data", each] for each in (*names, *(kind.__name__ for kind in ENUMS))]
    )
    told_of = ((escrow, SIGNED_MESSAGES), (channels, CHANNEL_MESSAGES), (prepaid, (Bid, *NETTED_MESSAGES)))
    for told, messages in told_of:
        assert told == {
            each.__name__: {"types": each.typed_data_types(), "primaryType": each.__name__} for each in messages
        }
    assert numbers == [{member.name: member.value for member in each} for each in ENUMS]


def test_published_deployments_are_in_the_package_as_they_are_in_python(ask, tmp_path):
    (tmp_path / "somewhere.json").write_text(json.dumps(BOOK.to_json()))
    assert load_deployments(tmp_path) == {"somewhere": BOOK}
    deployments, parsed = ask(["data", "deployments"], ["data", "parseAddressBook", BOOK.to_json()])
    assert deployments == {"somewhere": BOOK.to_json()}
    assert parsed == BOOK.to_json()
    assert all(book.network == network for network, book in load_deployments().items())


def test_an_address_book_that_is_none_is_refused_saying_what_is_wrong(ask):
    good = BOOK.to_json()
    cases = {
        "the address book is not an object": None,
        "network is not a text": {**good, "network": 7},
        "chainId is not a number": {**good, "chainId": "1337"},
        "deployedAtBlock is not a number": {**good, "deployedAtBlock": None},
        "contracts is not an object": {**good, "contracts": None},
        "contracts.Escrow is not an address": {**good, "contracts": {**good["contracts"], "Escrow": "0x12"}},
    }
    answers = ask(*[["data", "parseAddressBook", document] for document in cases.values()])
    assert answers == [{"error": message} for message in cases]
