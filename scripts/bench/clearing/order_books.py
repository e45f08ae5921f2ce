"""Order-book packages on PyPI, where they apply: adding and cancelling, in a book of one price a line.

They know one good and its price; none could say which of many nodes will do for a job. They are installed into
`build/bench/order-books`, not among the project's own dependencies, and only if that works.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path

from scripts.bench.clearing.single import UPDATES, scaled
from scripts.toolchain import BUILD

PACKAGES = ("limit-order-book==2.0.0", "lightmatchingengine==2019.1.4", "pyorderbook==0.4.9", "fastlob==0.0.24")
"""All under the MIT licence."""
ENVIRONMENT = BUILD / "bench" / "order-books"
_RUN = Path(__file__).with_name("order_books_run.py")
_INSTALL_SECONDS, _RUN_SECONDS = 300, 300


def install() -> Path | None:
    """The Python that has the packages; None where they cannot be had."""
    python = ENVIRONMENT / "bin" / "python"
    done = ENVIRONMENT / "installed"
    if done.exists() and done.read_text() == "\n".join(PACKAGES):
        return python
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    command = [python, "-m", "pip", "install", "--quiet", *PACKAGES]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"Order-book packages cannot be installed: {error}.", file=sys.stderr)
        return None
    done.write_text("\n".join(PACKAGES))
    return python


def report() -> tuple[list[str], dict[str, float]]:
    """Lines for people, and figures by name; none where the packages cannot be had."""
    python = install()
    if python is None:
        return ["", "Order-book packages: not installed, not compared"], {}
    command = [python, str(_RUN), str(scaled(UPDATES) // 2)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_RUN_SECONDS)
    lines, figures = ["", "Order-book packages, one good and its price: orders added and cancelled a second"], {}
    for name, found in json.loads(ran.stdout).items():
        rate = found.get("per_second")
        said = f"{rate:,.0f}" if rate else found["error"]
        lines.append(f"  {name} {found.get('version', '')}: {said}")
        if rate:
            figures[f"updates_per_s_{name}"] = rate
    return lines, figures
