"""What the repository may hold: no traces of a machine, no secrets, no giants, licences that fit, files that agree."""

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from scripts.export_abi import ABI_FOLDER, CONTRACTS, render_abi
from scripts.toolchain import BUILD, ROOT

MAX_BYTES, MAX_PYTHON_LINES = 400_000, 300
LONG_FILES = {
    "marketplace/errors.py": "one tree of errors, with its table of contents; read as a whole",
    "tests/unit/agent/test_sandbox_hostile.py": "one list of attacks on the sandbox",
    "tests/unit/clearing/test_clearing.py": "the auction's promises, each on the same random markets",
}
"""Python files longer than MAX_PYTHON_LINES, and why they are not split."""

MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home/[a-z]\w*|Users/\w+|tmp/\w+)/")
TEST_MACHINE_PATH = "tests/architecture/test_repository.py"
REGISTRY = re.compile(r"index-url|registry\s*=|\"resolved\"|pythonhosted|npmjs\.org|pypi\.org/simple|artifactory", re.I)
CONFIGURATION = re.compile(
    r"^(requirements/|\.ci/|\.npmrc$|package(-lock)?\.json$|pyproject\.toml$|Makefile$|scripts/)"
)

HEX_KEY = re.compile(r"(?<![0-9a-fA-F:])(?:0x)?([0-9a-fA-F]{64})(?![0-9a-fA-F])")
KNOWN_NUMBERS = {
    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141": "order of secp256k1 (SEC 2, section 2.4.1)",
    "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0": "half of that order (EIP-2)",
    "8c4f5775d796503e96137f77c68a829a0056ac8ded70140b081b094490c57bff": "Intel's MRSIGNER of the SGX quoting enclave",
    "dc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5": "Intel's MRSIGNER of the TDX quoting enclave",
    "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c": "digest of the benchmark's ONNX model",
}
PEM_OR_WORDS = re.compile(r"BEGIN [A-Z ]*PRIVATE KEY|mnemonic\W+(?:[a-z]{3,8} ){11}", re.I)

COPYLEFT = re.compile(r"(?<!L)(?<!Lesser )(?:A?GPL|GNU (?:Affero )?General Public)", re.I)
LICENCE_EXCEPTIONS: dict[str, str] = {}
"""Distribution -> why its copyleft licence does not reach what we ship."""


def tracked_files() -> list[str]:
    """What git tracks, of that what is there."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, timeout=30, check=True).stdout
    return [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


FILES = tracked_files()


def lines_of(name: str) -> list[tuple[int, str]]:
    return list(enumerate((ROOT / name).read_bytes().decode(errors="replace").splitlines(), 1))


def find(pattern: re.Pattern[str], names: list[str]) -> list[str]:
    return [f"{name}:{at}: {line[:100]}" for name in names for at, line in lines_of(name) if pattern.search(line)]


def find_keys(names: list[str]) -> list[str]:
    """Numbers of 32 bytes that could be a private key: those of few different digits are examples, not keys."""
    found = []
    for name in names:
        for at, line in lines_of(name):
            for number in HEX_KEY.findall(line):
                if len(set(number.lower())) > 4 and number.lower() not in KNOWN_NUMBERS:
                    found.append(f"{name}:{at}: {number[:8]}…")
    return found


def is_code(name: str) -> bool:
    """Whether a 32-byte number in a file must be a known one: not in locks (hashes), nor in prose (digests).

    Nor in recorded answers: digests and signatures, which a test records again from keys that are small numbers.
    """
    return not name.endswith(
        (
            ".lock",
            "package-lock.json",
            ".md",
            "marketplace/api/answers.json",
            "tests/data/web_bid.json",
            "tests/data/web_workflow.json",
        )
    )


# --- traces and secrets -----------------------------------------------------------------------------------------------


def test_no_path_of_one_machine():
    assert find(MACHINE_PATH, FILES) == []


def test_locks_and_configuration_name_no_registry():
    assert find(REGISTRY, [name for name in FILES if CONFIGURATION.match(name)]) == []


def test_no_private_key():
    assert find_keys([name for name in FILES if is_code(name)]) == []
    assert find(PEM_OR_WORDS, [name for name in FILES if name != TEST_MACHINE_PATH]) == []


def test_the_only_mnemonic_is_the_local_chains_well_known_one():
    naming = re.compile(r"mnemonic\"?\s*[:=,]\s*[\"']([^\"']+)", re.I)
    named = {(name, word) for name in FILES for _, line in lines_of(name) for word in naming.findall(line)}
    assert {word for name, word in named if is_code(name) and not name.startswith("tests/")} <= {"brownie"}


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATH, "cd " + "/".join(["", "home", "ann", "hive"])),
        (MACHINE_PATH, "'" + "/".join(["", "root", "x"]) + "'"),
        (REGISTRY, "--extra-index" + "-url https://mirror.example/simple"),
        (REGISTRY, '   "resolved"' + ": x"),
        (HEX_KEY, "key = '0x" + "1f2e3d4c5b6a7988" * 4 + "'"),
        (PEM_OR_WORDS, "-----BEGIN EC " + "PRIVATE KEY-----"),
        (COPYLEFT, "GNU " + "General Public License v3"),
        (COPYLEFT, "AGPL-3.0-only"),
    ],
)
def test_a_planted_trace_is_found(pattern, line):
    assert pattern.search(line)


@pytest.mark.parametrize("licence", ["LGPL-3.0-only", "GNU Lesser General Public License", "Apache-2.0 AND MIT"])
def test_licences_that_allow_linking_are_no_copyleft(licence):
    assert not COPYLEFT.search(licence)


# --- sizes and folders ------------------------------------------------------------------------------------------------


def test_no_file_is_too_big_to_read():
    assert [name for name in FILES if (ROOT / name).stat().st_size > MAX_BYTES] == []


def test_python_files_are_short_unless_there_is_a_reason():
    long = {name for name in FILES if name.endswith(".py") and len(lines_of(name)) > MAX_PYTHON_LINES}
    assert long - LONG_FILES.keys() == set()
    assert LONG_FILES.keys() - long == set(), "short enough now: take it off the list"


def test_every_folder_of_tests_is_a_package():
    folders = {(ROOT / name).parent for name in FILES if name.startswith("tests/") and name.endswith(".py")}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


# --- licences ---------------------------------------------------------------------------------------------------------


def test_our_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "Version 2.0, January 2004" in text
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"] == "Apache-2.0"


def runtime_distributions() -> list[importlib.metadata.Distribution]:
    """What an installation of the product brings with it, here: its requirements and theirs, and the runtimes'."""
    runtimes = (ROOT / "requirements" / "runtimes.lock").read_text()
    waiting = ["computehive", *re.findall(r"^([\w.-]+)==", runtimes, re.M)]
    found: dict[str, importlib.metadata.Distribution] = {}
    while waiting:
        name = waiting.pop()
        try:
            one = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another system, or the runtimes' own host, which is not installed
        key = re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower()
        if key not in found:
            found[key] = one
            waiting += [
                re.match(r"[\w.-]+", line)[0] for line in one.requires or [] if not re.search(r";.*\bextra\b", line)
            ]
    return list(found.values())


def licence_of(one: importlib.metadata.Distribution) -> str:
    """The licence as the package declares it: expression, else classifiers, else the first line of its text."""
    classifiers = [line for line in one.metadata.get_all("Classifier") or [] if line.startswith("License")]
    text = one.metadata.get("License") or _licence_text(one)
    return one.metadata.get("License-Expression") or " ".join(classifiers) or text.strip().partition("\n")[0]


def _licence_text(one: importlib.metadata.Distribution) -> str:
    """The files that a package names as its licence."""
    named = one.metadata.get_all("License-File") or ()
    files = [file for file in one.files or () if str(file).endswith(tuple(named))]
    return "\n".join(file.read_binary().decode(errors="replace") for file in files)


def test_no_dependency_is_copyleft():
    distributions = runtime_distributions()
    licences = {one.metadata["Name"]: licence_of(one) for one in distributions}
    assert len(licences) > 40
    assert [name for name, licence in licences.items() if not licence] == []
    copyleft = {name for name, licence in licences.items() if COPYLEFT.search(licence)}
    assert copyleft - LICENCE_EXCEPTIONS.keys() == set()


def test_no_node_package_is_copyleft():
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    licences = {name: entry["license"] for name, entry in packages.items() if "license" in entry}
    assert len(licences) > 40
    assert [name for name, licence in licences.items() if COPYLEFT.search(licence)] == []


# --- files that must agree --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONTRACTS)
def test_committed_abi_is_the_compiled_contracts(name):
    built = BUILD / "contracts" / f"{CONTRACTS[name]}.json"
    assert built.exists(), f"{built} is missing: run `make setup`."
    written = (ABI_FOLDER / f"{name}.json").read_text()
    assert written == render_abi(CONTRACTS[name]), "run `python -m scripts.export_abi` and commit what it writes"


def test_every_abi_that_is_committed_belongs_to_a_contract():
    assert {path.stem for path in ABI_FOLDER.glob("*.json")} == set(CONTRACTS)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """Names in the wheel as it would be published."""
    folder: Path = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_wheel_holds_every_file_of_the_packages(wheel):
    ours = {name for name in FILES if name.startswith(("marketplace/", "agent/"))}
    sources = {name for name in ours if name.startswith("marketplace/web/") and not name.endswith(".py")}
    assert ours - wheel == sources
    assert "marketplace/web/static/index.html" in wheel
    assert "marketplace/protocol/jobspec.schema.json" in wheel
    assert {f"marketplace/adapters/chain/abi/{name}.json" for name in CONTRACTS} <= wheel


def test_wheel_holds_nothing_but_the_packages(wheel):
    assert {name.partition("/")[0] for name in wheel if ".dist-info/" not in name} == {"marketplace", "agent"}
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)
