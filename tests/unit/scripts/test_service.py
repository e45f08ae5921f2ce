"""What a provider's service is installed from: the unit, the account, the container image, the Debian package."""

import re
import shutil
import subprocess
import sys

import pytest

from agent.settings import KINDS
from marketplace.errors import SettingsError
from scripts.service.build_deb import LIBRARY, RUNTIMES, SOURCES, BuildError, build, required
from scripts.toolchain import ROOT

UNIT = SOURCES / "computehive-provider.service"
HARDENED = (
    "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "CapabilityBoundingSet=",
    "SystemCallFilter=@system-service", "RestrictNamespaces=yes", "UMask=0077",
)  # fmt: skip
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is Debian's")
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not everywhere")


def run(*command: object) -> str:
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The package with one small library in place of all."""
    return build(tmp_path_factory.mktemp("deb"), ["annotated-types", "computehive"])


@needs_systemd
def test_unit_is_one_that_systemd_accepts(tmp_path):
    """As it will lie, but for the command, which systemd wants to find."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/hive-agent", "/bin/true"))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, [line for line in ran.stderr.splitlines() if UNIT.name in line]) == (0, [])


@needs_systemd
def test_unit_is_exposed_to_little():
    assert "OK" in run("systemd-analyze", "security", "--offline=true", "--threshold=20", UNIT).splitlines()[-1]


@pytest.mark.parametrize("line", HARDENED)
def test_unit_is_hardened(line):
    assert line in UNIT.read_text().splitlines()


def test_unit_keeps_what_python_compiles_in_a_folder_that_it_may_write():
    lines = UNIT.read_text().splitlines()
    assert "CacheDirectory=computehive" in lines
    assert "Environment=PYTHONPYCACHEPREFIX=/var/cache/computehive/python" in lines


def test_unit_does_not_start_again_what_settings_or_keys_forbid():
    codes = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)[1].split()
    assert str(SettingsError.exit_code) in codes


@pytest.mark.parametrize("name", ["computehive-provider.service", "Containerfile"])
def test_every_variable_that_a_service_sets_is_one_that_the_daemon_reads(name):
    named = set(re.findall(r"COMPUTEHIVE_AGENT_(\w+)=", (SOURCES / name).read_text()))
    known = {field.upper() for kind in KINDS for field in kind.model_fields} | {"CONFIG_FILE"}
    assert named and named <= known


def test_image_holds_what_the_package_is_built_from_and_runs_as_nobody_of_importance():
    text = (SOURCES / "Containerfile").read_text()
    for copied in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / each).exists() for each in copied.split())
    assert text.index("USER 10001:10001") < text.index("ENTRYPOINT")


def test_libraries_of_the_package_are_what_the_program_needs_and_none_of_the_tools():
    needed = required("computehive")
    assert {"computehive", "web3", "wasmtime", "pydantic-core", "python-dotenv"} <= needed
    assert not {"pytest", "ruff", "hypothesis", "ziglang"} & needed


@needs_dpkg
def test_package_holds_the_program_the_unit_and_the_account(package):
    listed = run("dpkg-deb", "--contents", package)
    for path in (
        f"{LIBRARY}/agent/__main__.py", f"{LIBRARY}/marketplace/cli/main.py", f"{LIBRARY}/annotated_types/__init__.py",
        "lib/systemd/system/computehive-provider.service", "usr/lib/sysusers.d/computehive.conf",
    ):  # fmt: skip
        assert f" ./{path}" in listed
    assert re.search(r"^-rwxr-xr-x root/root .* \./usr/bin/hive-agent$", listed, re.MULTILINE)
    web = re.findall(rf"\./{LIBRARY}/marketplace/web/(\w+)", listed)
    assert set(web) <= {"__init__", "pages", "static"}
    assert "direct_url.json" not in listed and "__pycache__" not in listed and "/etc/" not in listed


@needs_dpkg
def test_package_names_the_python_that_its_libraries_were_made_for(package):
    depends = run("dpkg-deb", "--field", package, "Depends").strip()
    assert depends == f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert run("dpkg-deb", "--field", package, "Package").strip() == "computehive-provider"


@needs_dpkg
def test_adapters_are_found_in_the_package(package, tmp_path):
    """Entry points come with the distribution's metadata: without it no sandbox would be offered."""
    run("dpkg-deb", "--extract", package, tmp_path)
    (found,) = (tmp_path / LIBRARY).glob("computehive-*.dist-info/entry_points.txt")
    assert "wasm = agent.adapters.wasm:open_wasm" in found.read_text()


@needs_dpkg
def test_scripts_of_the_package_are_shell_that_parses(package, tmp_path):
    run("dpkg-deb", "--control", package, tmp_path)
    for name in ("postinst", "prerm", "postrm"):
        run("sh", "-n", tmp_path / name)


def test_runtimes_that_jobs_need_are_pinned_and_packed():
    assert (ROOT / "requirements" / "runtimes.in").read_text().splitlines()[-1].startswith(RUNTIMES)


def test_machine_without_dpkg_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"dpkg cannot be run.*part of Debian"):
        build(tmp_path / "out", [])


def test_image_is_built_from_what_it_copies_and_nothing_else_is_sent():
    """An engine sends the whole folder, environments and all, but for what this file leaves out."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (SOURCES / "Containerfile").read_text(), re.MULTILINE)
    assert lines[1] == "*" and sent == {each.partition("/")[0] for line in copied for each in line.split()}


def test_image_takes_libraries_by_the_hashes_of_the_locks():
    """uv holds what a constraint has a hash for against it; pip would refuse the tree, which has none."""
    text = (SOURCES / "Containerfile").read_text()
    assert not re.search(r"pip install (?!.*(--require-hashes|--constraint))", text)
    assert "uv pip install --constraint /locks/dev.lock" in text and "bin/pip install --constraint" not in text
