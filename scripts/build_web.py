"""Builds the dApp's pages into marketplace/web/static, out of its sources and of what others are generated from.

    python -m scripts.build_web            # what `make web` and set-up run
    python -m scripts.build_web --check    # types and unit tests as well: what `make test-web` begins with

Contracts come from the package for dApp authors, the interface's types from the OpenAPI document: nothing of either is
written by hand there.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

from scripts import build_npm
from scripts.clients.__main__ import ClientError, current_document
from scripts.toolchain import BUILD, ROOT

WEB = ROOT / "marketplace" / "web"
DOCUMENT = BUILD / "web" / "openapi.json"
CONTRACTS = BUILD / "web" / "contracts"
STAMP = "installed-lock"
SECONDS = 600


class WebError(Exception):
    """npm, the compiler or the bundler refused; the message is what it said."""


def npm(*arguments: str) -> None:
    """Run npm in the dApp's folder. Raises WebError."""
    ran = subprocess.run(
        ["npm", *arguments],
        cwd=WEB,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if ran.returncode != 0:
        raise WebError(f"npm {' '.join(arguments)}\n{ran.stdout}{ran.stderr}")


def install() -> None:
    """What the lock says, unless it is there."""
    digest = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / STAMP
    if stamp.is_file() and stamp.read_text() == digest:
        return
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund")
    stamp.write_text(digest)


def generate() -> None:
    """The interface's types, and the contracts' package."""
    build_npm.build(CONTRACTS)
    DOCUMENT.parent.mkdir(parents=True, exist_ok=True)
    DOCUMENT.write_text(json.dumps(current_document()))
    npm("run", "types")


def build(*, is_checked: bool) -> Path:
    """The folder of pages. Raises WebError, build_npm.BuildError."""
    install()
    generate()
    if is_checked:
        npm("run", "check")
        npm("test")
    npm("run", "build")
    return WEB / "static"


def main() -> int:
    """0, or 1 after saying what went wrong."""
    parser = argparse.ArgumentParser(prog="python -m scripts.build_web", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="types and unit tests first")
    given = parser.parse_args()
    try:
        print(build(is_checked=given.check))
    except (WebError, build_npm.BuildError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
