"""Rules and dashboard: they parse, and name only metrics that there are; promtool agrees where it is installed."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from marketplace.telemetry.agent_metrics import AGENT_METRICS
from marketplace.telemetry.market_metrics import MARKET_METRICS
from marketplace.telemetry.metrics import FAST_SECONDS, SLOW_SECONDS, Metric

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "scripts" / "operations"
METRICS = {name: metric for metric in (*MARKET_METRICS, *AGENT_METRICS) for name in metric.series}
RULES = [rule for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"] for rule in group["rules"]]
PANELS = json.loads((FOLDER / "dashboard.json").read_text())["panels"]
QUERIES = [rule["expr"] for rule in RULES] + [target["expr"] for panel in PANELS for target in panel["targets"]]
TABLE = re.compile(r"^\| `(computehive_\w+)` \| (\w+) \| ([^|]*) \| ([^|]+) \|$", re.M)
_RECORDED = re.compile(r"job:[a-z_]+:\w+")
_NAMED = re.compile(r"computehive_\w+")
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian: prometheus) is not installed")


def row(metric: Metric) -> tuple[str, str, str, str]:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "—"
    return metric.name, metric.kind.value, labels, metric.help


def test_the_reference_lists_every_metric_as_the_code_declares_it():
    text = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    assert [tuple(found) for found in TABLE.findall(text)] == [row(one) for one in (*MARKET_METRICS, *AGENT_METRICS)]


def test_no_two_metrics_share_a_name():
    assert len({one.name for one in METRICS.values()}) == len(MARKET_METRICS) + len(AGENT_METRICS)


@pytest.mark.parametrize("query", QUERIES)
def test_rules_and_dashboard_name_only_what_there_is(query):
    recorded = {rule["record"] for rule in RULES if "record" in rule}
    assert set(_RECORDED.findall(query)) <= recorded
    named = set(_NAMED.findall(_RECORDED.sub("", query)))
    assert named <= METRICS.keys()
    assert named or _RECORDED.search(query) or query.startswith("up{")


@pytest.mark.parametrize("query", QUERIES)
def test_rules_and_dashboard_ask_only_for_labels_that_a_metric_has(query):
    for name, matchers in re.findall(r"(computehive_\w+)\{([^}]*)\}", query):
        labels = set(re.findall(r"(\w+)\s*[=!]", matchers))
        assert labels <= {*METRICS[name].labels, "le", "job", "instance"}, name


def test_every_metric_of_the_market_is_on_the_dashboard_or_in_a_rule():
    shown = set(_NAMED.findall("\n".join(QUERIES)))
    assert [one.name for one in MARKET_METRICS if shown.isdisjoint(one.series)] == []


def test_the_bound_of_the_settlement_objective_is_a_bucket():
    assert 300.0 in SLOW_SECONDS and tuple(sorted(FAST_SECONDS)) == FAST_SECONDS
    assert any('le="300.0"' in rule["expr"] for rule in RULES)


def test_objectives_alert_over_a_long_and_a_short_window_at_the_workbooks_rates():
    seen = {}
    for rule in RULES:
        for factor, budget in re.findall(r"> ([\d.]+) \* ([\d.]+)", rule["expr"]):
            windows = tuple(re.findall(r"ratio_rate(\w+)", rule["expr"]))
            seen.setdefault(rule["alert"].split("Budget")[0], set()).add((windows, factor, rule["labels"]["severity"]))
            assert float(budget) in (0.005, 0.01)
    workbook = {
        (("1h", "5m"), "14.4", "page"), (("6h", "30m"), "6", "page"), (("1d", "2h"), "3", "ticket"),
        (("3d", "6h"), "1", "ticket"),
    }  # fmt: skip
    assert len(seen) == 3 and all(alerts == workbook for alerts in seen.values())


def test_panels_do_not_overlap():
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in PANELS]
    assert len(set(places)) == len(places) and all(x in (0, 8, 16) for x, _ in places)
    assert len({one["id"] for one in PANELS}) == len(PANELS)


def promtool(*arguments: str, cwd: Path = FOLDER) -> subprocess.CompletedProcess:
    return subprocess.run([PROMTOOL, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@needs_promtool
def test_promtool_accepts_the_rules_and_the_configuration():
    for arguments in (("check", "rules", "rules.yml"), ("check", "config", "prometheus.yml")):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then():
    done = promtool("test", "rules", "rules_test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_promtool_parses_every_query_of_the_dashboard(tmp_path):
    queries = [target["expr"].replace("$__rate_interval", "5m") for panel in PANELS for target in panel["targets"]]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", "panels.yml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
