"""A folder that forge, slither and halmos understand: the contracts and the laws, copied into build/audit/forge.

These tools look for their own project file at the top of a folder and write beside it; the checkout stays as it is.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.audit.bench import AUDIT
from scripts.toolchain import ROOT, SOLC_FOLDER, SOLC_NAME

FOLDER = AUDIT / "forge"
_MACHINES = {("Linux", "x86_64"): "forge-linux-amd64", ("Darwin", "arm64"): "forge-darwin-arm64"}
_SETTINGS = """\
# Written by scripts/audit/workspace.py, with the compiler's settings of brownie-config.yaml.
[profile.default]
src = "contracts"
test = "tests/symbolic"
script = "script"
out = "out"
cache_path = "cache"
libs = ["node_modules"]
remappings = ["@openzeppelin=node_modules/@openzeppelin"]
auto_detect_remappings = false
solc = "{solc}"
offline = true
evm_version = "shanghai"
via_ir = true
optimizer = true
optimizer_runs = 200
ast = true
extra_output = ["storageLayout", "metadata"]
"""


def prepare() -> None:
    """Bring the folder up to date. What is compiled already stays."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for part in ("contracts", "tests/symbolic", "node_modules/@openzeppelin"):
        shutil.rmtree(FOLDER / part, ignore_errors=True)
        shutil.copytree(ROOT / part, FOLDER / part)
    (FOLDER / "foundry.toml").write_text(_SETTINGS.format(solc=SOLC_FOLDER / SOLC_NAME))


def run(command: Sequence[str], log: Path, seconds: int) -> int:
    """Run one of the tools in the folder, its output into `log`; its status, 124 if it took too long."""
    path = f"{forge().parent}:{AUDIT / 'venv' / 'bin'}:{os.environ['PATH']}"
    with log.open("wb") as output:
        try:
            return subprocess.run(
                command, cwd=FOLDER, env={**os.environ, "PATH": path, "COLUMNS": "200"}, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, timeout=seconds, check=False,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            return 124


def forge() -> Path:
    """The compiler driver that slither and halmos start."""
    name = _MACHINES.get((platform.system(), platform.machine()))
    if name is None:
        raise RuntimeError(f"no forge for {platform.system()} on {platform.machine()}: only for {list(_MACHINES)}")
    return AUDIT / "npm" / "node_modules" / "@foundry-rs" / name / "bin" / "forge"
