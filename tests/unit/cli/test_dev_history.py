"""The past of a local market: really placed jobs, and nothing of another market that the terminal is set to."""

import sys

import pytest

from marketplace.cli import devhistory
from marketplace.cli.main import main as hive


def test_nothing_of_another_market_reaches_it(monkeypatch, tmp_path):
    monkeypatch.setenv("COMPUTEHIVE_URL", "http://other.example")
    monkeypatch.setenv("COMPUTEHIVE_WALLET", "mine")
    monkeypatch.setenv("COMPUTEHIVE_CACHE", str(tmp_path / "cache"))
    clean = devhistory.clean_environment(tmp_path)
    ours = {name: value for name, value in clean.items() if name.startswith("COMPUTEHIVE_")}
    assert ours == {"COMPUTEHIVE_HOME": str(tmp_path), "COMPUTEHIVE_CACHE": str(tmp_path / "cache")}


def test_each_job_is_one_that_hive_run_takes(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COMPUTEHIVE_HOME", str(tmp_path))
    for job in devhistory.JOBS:
        command = devhistory.command_of(job, tmp_path)
        with pytest.raises(SystemExit) as caught:
            hive(command[command.index("run") :])
        assert caught.value.code == 12, job.name  # it was parsed, and no market is named
        assert "No market is named" in capsys.readouterr().err


def test_a_market_that_is_too_busy_is_asked_again_and_a_refusal_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(devhistory, "PAUSE", 0.0)
    counted = tmp_path / "counted"

    def ends(code: int) -> list[str]:
        counted.write_text("")
        return [sys.executable, "-c", f"open({str(counted)!r}, 'a').write('x'); raise SystemExit({code})"]

    assert (devhistory.place(ends(9)), len(counted.read_text())) == (9, devhistory.TIMES)
    assert (devhistory.place(ends(3)), len(counted.read_text())) == (3, 1)
    assert (devhistory.place(ends(0)), len(counted.read_text())) == (0, 1)
