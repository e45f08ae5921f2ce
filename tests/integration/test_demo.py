"""`make demo` tells the truth, and would say so if it did not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLAIMS = 14


@pytest.mark.timeout(300)
def test_the_story_is_told_and_every_claim_of_it_holds(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--output", str(tmp_path / "demo")],
        cwd=ROOT, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, timeout=240,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert ran.stdout.count("✓") == CLAIMS and "✗" not in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 100
    for name in (
        "raytrace/out/hive.png",
        "woodcut/out/woodcut.png",
        "analyse/out/chart.svg",
        "wordcount/out/words.json",
    ):
        assert (tmp_path / "demo" / name).stat().st_size > 500
        assert name in ran.stdout
    assert not (tmp_path / "demo" / "forged").exists()
