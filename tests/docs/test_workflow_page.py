"""The workflow of `docs/how-to/run-a-workflow.md`: its programs, run in order with the files that the page names."""

import re
import shutil
import subprocess
import sys

import yaml

from scripts.toolchain import ROOT

PAGE = (ROOT / "docs" / "how-to" / "run-a-workflow.md").read_text()
PROGRAMS = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL))
DOCUMENT = yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])


def test_every_program_of_the_document_stands_on_the_page():
    assert {job["program"] for job in DOCUMENT["jobs"]} == PROGRAMS.keys()


def test_the_programs_count_the_words_of_a_book(tmp_path):
    (tmp_path / "book.txt").write_text("one two three four five six seven")
    for job in DOCUMENT["jobs"]:
        folder = tmp_path / job["name"]
        (folder / "in").mkdir(parents=True)
        (folder / "out").mkdir()
        for name in job.get("inputs", []):
            shutil.copy(tmp_path / name, folder / "in" / name)
        for file in job.get("takes", []):
            shutil.copy(tmp_path / file["job"] / file["output"], folder / "in" / file["path"])
        (folder / job["program"]).write_text(PROGRAMS[job["program"]])
        ran = subprocess.run(
            [sys.executable, job["program"]], cwd=folder, capture_output=True, text=True, timeout=60, check=True
        )
    assert ran.stdout == "7\n"
