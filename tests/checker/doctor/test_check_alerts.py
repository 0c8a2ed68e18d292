"""What `doctor` says about the alerts."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.doctor.alert_facts import AlertFacts
from checker.doctor.examine_alerts import alert_facts
from checker.doctor.findings import findings
from checker.install.steps import Entry
from tests.checker.doctor.gateways import WELL, changed, the

FILE = Entry(mode=0o640, owner="root", group="reversi-alerts")


def with_alerts(**facts: object) -> dict[str, object]:
    given = {"has_unit": True, "is_enabled": True, "is_running": True, "file": FILE, "ways": 1}
    return {"alerts": AlertFacts(**{**given, **facts})}  # type: ignore[arg-type]


def test_a_gateway_without_alerts_has_no_finding_about_them() -> None:
    assert not [one for one in findings(WELL) if one.name.startswith("alerts")]


def test_alerts_that_work_are_well() -> None:
    found = the(changed(WELL, with_alerts()), "alerts")

    assert found.ok
    assert "by 1 way; try them with: sudo reversi-checker alert --test" in found.sentence

    layout = home_layout(Path("/srv/gw"))
    of_home = the(changed(WELL, {**with_alerts(), "layout": layout}), "alerts")
    assert "try them with: reversi-checker --home /srv/gw alert --test" in of_home.sentence


@pytest.mark.parametrize(
    ("facts", "sentence", "mend"),
    [
        ({"is_running": False}, "does not run", "systemctl enable --now reversi-alert.service"),
        ({"is_enabled": False}, "does not run", "systemctl enable --now reversi-alert.service"),
        ({"ways": 0}, "names no way to send", "docs/alerts.md"),
        ({"lacks_library": True}, "has no package apprise", "-m pip install apprise; then run"),
        ({"trouble": "alerts.toml: storm"}, "alerts.toml: storm", "systemctl restart"),
    ],
)
def test_what_is_wrong_with_the_alerts(facts: dict[str, object], sentence: str, mend: str) -> None:
    found = the(changed(WELL, with_alerts(**facts)), "alerts")

    assert found.ok is False
    assert sentence in found.sentence
    assert mend in found.mend


def test_a_file_that_everyone_can_read_is_wrong() -> None:
    loose = Entry(mode=0o644, owner="root", group="reversi-alerts")

    found = the(changed(WELL, with_alerts(file=loose)), "alerts.toml")

    assert found.ok is False
    assert "holds passwords" in found.sentence
    assert found.mend == "chmod o= /etc/reversi/alerts.toml"


def test_who_may_not_read_the_file_is_told_to_ask_root() -> None:
    found = the(changed(WELL, with_alerts(is_readable=False)), "alerts")

    assert found.ok is None
    assert found.mend == "sudo reversi-checker doctor"


def test_the_file_of_a_home_is_read(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    assert alert_facts(layout) == AlertFacts()

    file = tmp_path / "alerts.toml"
    file.write_text('send = ["json://localhost/x"]\ncommand = ["/bin/true"]\n')
    file.chmod(0o604)
    found = alert_facts(layout)
    assert (found.ways, found.lacks_library, found.has_unit) == (2, False, False)
    assert found.file is not None
    assert found.file.mode == 0o604

    file.write_text("storm = 0\n")
    assert "storm must be" in alert_facts(layout).trouble
