"""The alert rules, the example for Alertmanager and the dashboard name only metrics that exist."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checker.metrics.exposition import exposition
from checker.metrics.families import Per, families
from tests.checker.metrics.fleets import FLEET, labels_in
from tests.programs import require

CONTRIB = Path(__file__).parents[2] / "contrib"
RULES = CONTRIB / "prometheus" / "reversi.rules.yml"
ALERTMANAGER = CONTRIB / "prometheus" / "alertmanager.yml"
DASHBOARD = CONTRIB / "grafana" / "reversi.json"
EXPRESSION = re.compile(r"^ +expr: (\|\n(?:  .*\n)+?(?= +for:)|.*)", re.MULTILINE)
METRIC = re.compile(r"\b(reversi_\w+|up)\b(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+) *(?:=~|!~|!=|=) *")
GROUPED = re.compile(r"\b(?:by|on) *\(([^)]*)\)")
OF_PROMETHEUS = {"job", "instance"}
KNOWN = labels_in(exposition(families(FLEET, Per.FORWARD)).decode())


def promtool(*words: str, folder: Path) -> str:
    require("promtool")
    done = subprocess.run(
        ["promtool", *words], cwd=folder, capture_output=True, text=True, timeout=200, check=False
    )
    return f"{done.returncode} {done.stdout}{done.stderr}"


def alerts() -> set[str]:
    return set(re.findall(r"- alert: (\w+)", RULES.read_text()))


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def queries() -> Iterator[str]:
    """The dashboard's queries, with values in place of Grafana's variables."""
    for panel in panels():
        for target in panel["targets"]:
            yield target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")


def unknown(query: str) -> set[str]:
    """The names in a query that no scrape has: metrics, and labels of the metric beside them."""
    found = METRIC.findall(query)
    missing = {name for name, _ in found if name != "up" and name not in KNOWN}
    labels = OF_PROMETHEUS.union(*(KNOWN.get(name, set()) for name, _ in found))
    for name, matchers in found:
        missing |= set(LABEL.findall(matchers)) - KNOWN.get(name, set()) - OF_PROMETHEUS
    for group in GROUPED.findall(query):
        missing |= set(re.findall(r"\w+", group)) - labels
    return missing


def test_prometheus_takes_the_rules() -> None:
    assert promtool("check", "rules", RULES.name, folder=RULES.parent).startswith("0 ")


def test_prometheus_takes_the_example_that_loads_the_rules() -> None:
    said = promtool("check", "config", "prometheus.yml", folder=RULES.parent)

    assert said.startswith("0 "), said
    assert "5 rules found" in said


def test_the_rules_alert_when_they_should() -> None:
    said = promtool("test", "rules", "reversi.rules.test.yml", folder=RULES.parent)

    assert said.startswith("0 "), said


def test_every_alert_is_tested() -> None:
    tested = (RULES.parent / "reversi.rules.test.yml").read_text()

    assert len(alerts()) == 5
    for name in alerts():
        assert f"alertname: {name}\n        exp_alerts:\n" in tested


def test_the_rules_name_only_what_a_scrape_has() -> None:
    text = RULES.read_text()
    expressions = EXPRESSION.findall(text)

    assert len(expressions) == len(alerts())
    assert [unknown(one) for one in expressions] == [set()] * len(alerts())
    (asked,) = re.findall(r'printf "(reversi_[^\n]*\})"', text)
    assert unknown(asked) == set()


def test_alertmanager_keeps_quiet_only_alerts_that_exist() -> None:
    text = ALERTMANAGER.read_text()
    matchers = re.findall(r'alertname =~? "([^"]*)"', text)

    assert len(matchers) == 4
    assert {name for one in matchers for name in one.split("|")} == alerts()


def test_the_dashboard_has_four_panels_that_read_the_chosen_gateways() -> None:
    assert len(panels()) == 4
    assert all('instance=~"$instance"' in t["expr"] for p in panels() for t in p["targets"])
    assert len({panel["id"] for panel in panels()}) == 4
    variables = {one["name"] for one in json.loads(DASHBOARD.read_text())["templating"]["list"]}
    assert set(re.findall(r"\$\{?([a-z]\w*)", DASHBOARD.read_text())) == variables


def test_the_dashboards_queries_name_only_what_a_scrape_has() -> None:
    assert [unknown(query) for query in queries()] == [set()] * len(list(queries()))


def test_prometheus_takes_the_dashboards_queries(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{n}", "expr": query} for n, query in enumerate(queries())]
    document = {"groups": [{"name": "dashboard", "rules": rules}]}
    (tmp_path / "rules.yml").write_text(json.dumps(document))  # JSON is YAML, too

    said = promtool("check", "rules", "rules.yml", folder=tmp_path)

    assert said.startswith("0 "), said
    assert f"{len(rules)} rules found" in said


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        ("reversi_forward_up == 0", set()),
        ('sum by (status) (reversi_forwards{status!="up",instance=~".*"})', set()),
        ("reversi_forwards_down", {"reversi_forwards_down"}),
        ('reversi_forwards{state="up"}', {"state"}),
        ("sum by (node) (reversi_forwards)", {"node"}),
    ],
)
def test_a_wrong_name_in_a_query_would_be_found(query: str, missing: set[str]) -> None:
    assert unknown(query) == missing
