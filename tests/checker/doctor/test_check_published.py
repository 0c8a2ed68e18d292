"""What `doctor` finds about public ports."""

from __future__ import annotations

import pytest

from checker.doctor.findings import findings
from tests.checker.doctor.gateways import WELL, changed, the

PORTS = {"published.ports": (25, 443)}


def test_without_public_ports_nothing_is_said_about_them() -> None:
    assert "public ports" not in {one.name for one in findings(WELL)}


def test_served_ports_are_well() -> None:
    assert the(changed(WELL, PORTS), "public ports").ok is True


@pytest.mark.parametrize(
    ("change", "sentence", "mend"),
    [
        (
            {"published.is_installed": False},
            "port 25, 443 is published, but HAProxy is not installed",
            "sudo apt-get install haproxy && sudo reversi-checker publish",
        ),
        (
            {"published.lags": True, "published.silent": (25,)},
            "does not follow the registry",
            "sudo reversi-checker publish",
        ),
        ({"published.silent": (443,)}, "does not listen on port 443", "systemctl restart haproxy"),
    ],
)
def test_ports_that_nobody_serves_are_reported(
    change: dict[str, object], sentence: str, mend: str
) -> None:
    found = the(changed(WELL, {**PORTS, **change}), "public ports")

    assert found.ok is False
    assert sentence in found.sentence
    assert mend in found.mend
