"""What `doctor` finds about services that only some gateways run; examine_units.py, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.doctor.examine_units import unit_facts
from checker.doctor.facts import UnitFacts
from checker.doctor.findings import findings
from tests.checker.doctor.gateways import WELL, assert_wrong, changed, the

UNIT = UnitFacts(option="metrics", name="reversi-metrics.service")


def test_a_service_that_was_never_turned_on_is_not_mentioned(tmp_path: Path) -> None:
    assert "metrics" not in {one.name for one in findings(WELL)}
    assert unit_facts(home_layout(tmp_path)) == ()


def test_a_service_that_runs_is_well() -> None:
    assert the(changed(WELL, {"units": (UNIT,)}), "metrics").ok is True


@pytest.mark.parametrize(
    ("unit", "sentence", "mend"),
    [
        (
            UnitFacts(option="metrics", name=UNIT.name, state="failed"),
            "reversi-metrics.service does not run: systemd calls it failed",
            "sudo reversi-checker init    # its log says more: journalctl -u reversi-metrics",
        ),
        (
            UnitFacts(option="metrics", name=UNIT.name, state="failed", lacks="prometheus_client"),
            "needs the Python package prometheus_client, which is missing",
            "-m pip install prometheus_client && sudo reversi-checker init",
        ),
    ],
)
def test_a_service_that_does_not_run_is_reported(unit: UnitFacts, sentence: str, mend: str) -> None:
    assert_wrong("metrics", {"units": (unit,)}, sentence, mend)


def test_a_silent_systemd_is_not_a_fault() -> None:
    silent = UnitFacts(option="metrics", name=UNIT.name, state=None)

    assert the(changed(WELL, {"units": (silent,)}), "metrics").ok is None
