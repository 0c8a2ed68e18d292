"""What `doctor` finds about the service of the metrics; examine_metrics.py, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.doctor.examine_metrics import metrics_facts
from checker.doctor.facts import MetricsFacts
from checker.doctor.findings import findings
from tests.checker.doctor.gateways import WELL, assert_wrong, changed, the


def test_a_service_that_was_never_turned_on_is_not_mentioned(tmp_path: Path) -> None:
    assert "metrics" not in {one.name for one in findings(WELL)}
    assert metrics_facts(home_layout(tmp_path)) is None


def test_a_service_that_runs_is_well() -> None:
    assert the(changed(WELL, {"metrics": MetricsFacts()}), "metrics").ok is True


@pytest.mark.parametrize(
    ("found", "sentence", "mend"),
    [
        (
            MetricsFacts(state="failed"),
            "reversi-metrics.service does not run: systemd calls it failed",
            "sudo reversi-checker init    # its log says more: journalctl -u reversi-metrics",
        ),
        (
            MetricsFacts(state="failed", lacks_library=True),
            "needs the Python package prometheus_client, which is missing",
            "-m pip install prometheus_client && sudo reversi-checker init",
        ),
    ],
)
def test_a_service_that_does_not_run_is_reported(
    found: MetricsFacts, sentence: str, mend: str
) -> None:
    assert_wrong("metrics", {"metrics": found}, sentence, mend)


def test_a_silent_systemd_is_not_a_fault() -> None:
    assert the(changed(WELL, {"metrics": MetricsFacts(state=None)}), "metrics").ok is None
