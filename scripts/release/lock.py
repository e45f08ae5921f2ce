"""The lock of a release: every library of a provider at the version that the tests ran with, each file by its hash."""

import subprocess
from pathlib import Path

from marketplace.errors import AgentError
from scripts.toolchain import BUILD, ROOT

UV = BUILD / "uv" / "bin" / "uv"
LOCK_SECONDS = 300


def write_lock(output: Path) -> None:
    """Write it, for every system and Python that the project is for. Raises AgentError where uv fails.

    The ready-made runtimes come with it, as set-up installs them: without what they themselves ask for.
    """
    command = [
        str(UV), "pip", "compile", "--universal", "--generate-hashes", "--no-annotate",
        "--no-header", "--quiet", "--constraint", "requirements/dev.lock", "pyproject.toml",
    ]  # fmt: skip
    try:
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LOCK_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AgentError(f"uv cannot be run: {error}.", hint="`make setup` installs it.") from error
    if ran.returncode:
        raise AgentError(f"uv: {ran.stderr.strip()}")
    output.write_text(ran.stdout + (ROOT / "requirements" / "runtimes.lock").read_text())
