"""The audit of the contracts, in parts: `make audit`, or one of them: `make audit PART=slither`.

    python -m scripts.audit [sequences] [coverage] [mutation] [proofs] [slither]     # all, unless some are named

Installs the tools that it needs under build/audit, as the locks say. Each part says how long it took, and what is wrong
if something is. The figures go to docs/audit/figures.json, their table to build/audit/figures.md and docs/security.md.
"""

import shutil
import sys
import time

from scripts import setup
from scripts.audit import coverage, figures, findings, mutation, proofs, sequences
from scripts.audit.baseline import fingerprint, sources
from scripts.audit.bench import AUDIT
from scripts.toolchain import ROOT

RUNS = {
    "sequences": sequences.run,
    "coverage": coverage.run,
    "mutation": mutation.run,
    "proofs": proofs.run,
    "slither": findings.run,
}
assert tuple(RUNS) == figures.PARTS


def install() -> None:
    """slither, halmos and forge, each pinned by hash, in places of their own. Nothing else here imports them."""
    steps = [
        setup.Step("audit environment", [ROOT / "requirements" / "audit.lock"], [AUDIT / "venv" / "bin" / "halmos"],
                   lambda: setup.create_venv(AUDIT / "venv", ["audit.lock"])),
        setup.Step("audit forge", [ROOT / "scripts" / "audit" / "package-lock.json"], [AUDIT / "npm" / "node_modules"],
                   _install_forge),
    ]  # fmt: skip
    with setup.only_one():
        for step in steps:
            if not setup.is_done(step):
                setup.take(step)


def _install_forge() -> None:
    folder = AUDIT / "npm"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "scripts" / "audit" / name, folder / name)
    shutil.copy(ROOT / ".npmrc", folder / ".npmrc")
    setup.run_logged("audit-npm", ["npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"])


def main(names: list[str]) -> int:
    """0 if nothing is wrong, 1 if something is, 2 for a part that there is not."""
    unknown = set(names) - RUNS.keys()
    if unknown:
        print(f"audit: there is no part {', '.join(sorted(unknown))}; there are {', '.join(RUNS)}.", file=sys.stderr)
        return 2
    if not names or {"proofs", "slither"} & set(names):
        install()
    wrong = []
    for part in names or RUNS:
        print(f"audit: {part} …", flush=True)
        started, about = time.monotonic(), fingerprint(sources())
        try:
            result = RUNS[part]()
        except RuntimeError as error:
            wrong.append(f"{part}: {error}")
            continue
        seconds = time.monotonic() - started
        figures.keep(part, result, seconds, about)
        found = figures.complaints(part, result)
        print(f"audit: {part} done in {seconds:.0f} s, {len(found)} wrong", flush=True)
        wrong += [f"{part}: {each}" for each in found]
    AUDIT.mkdir(parents=True, exist_ok=True)
    (AUDIT / "figures.md").write_text(figures.table(figures.load()))
    print(f"\n{figures.table(figures.load())}")
    if figures.stale():
        print(f"Stale, about other sources than these: {', '.join(figures.stale())}.")
    for each in wrong:
        print(f"audit: {each}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
