"""What `doctor` finds about the daemon, its socket and the spool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.install.steps import Entry
from tests.checker.doctor.gateways import WELL, assert_wrong, changed, the


@pytest.mark.parametrize(
    ("name", "change", "sentence", "mend"),
    [
        pytest.param(
            "daemon", {"daemon.pid": None}, "no daemon answers", "systemctl restart", id="no daemon"
        ),
        pytest.param(
            "daemon",
            {"daemon.swept_s_ago": 90.0},
            "last swept 90 s ago",
            "systemctl restart",
            id="late",
        ),
        pytest.param(
            "daemon",
            {"daemon.swept_s_ago": None},
            "has never swept",
            "systemctl restart",
            id="never",
        ),
        pytest.param(
            "service",
            {"daemon.is_enabled": False},
            "does not start at boot",
            "systemctl enable",
            id="not enabled",
        ),
        pytest.param(
            "version",
            {"daemon.version": "0.0.9"},
            "(process 7) still runs 0.0.9, but ",
            "systemctl restart",
            id="older than what is installed",
        ),
        pytest.param(
            "version",
            {"daemon.version": ""},
            "still runs an earlier release",
            "systemctl restart",
            id="does not say its version",
        ),
        pytest.param(
            "daemon",
            {"daemon.pid": None, "daemon.has_unit": False},
            "no daemon answers",
            "sudo reversi-checker init",
            id="no unit",
        ),
        pytest.param(
            "socket", {"places.socket_mode": 0o600}, "has mode 0600", "chmod 0666", id="socket"
        ),
        pytest.param(
            "socket",
            {"places.socket_blocked": Path("/run/reversi")},
            "it may not enter /run/reversi",
            "chmod a+x /run/reversi",
            id="way",
        ),
        pytest.param("spool", {"places.spool": None}, "missing", "init", id="no spool"),
        pytest.param(
            "spool",
            {"places.spool": Entry(mode=0o770, owner="root", group="root")},
            "belongs to root",
            "init",
            id="spool owner",
        ),
        pytest.param(
            "spool",
            {"places.spool": Entry(mode=0o777, owner="reversi", group="x")},
            "others can enter",
            "init",
            id="spool mode",
        ),
    ],
)
def test_what_is_wrong_with_the_daemon_is_reported_with_its_fix(
    name: str, change: dict[str, object], sentence: str, mend: str
) -> None:
    assert_wrong(name, change, sentence, mend)


@pytest.mark.parametrize("swept_s_ago", [None, 900.0])
def test_a_young_daemon_need_not_have_swept(swept_s_ago: float | None) -> None:
    daemon = replace(WELL.daemon, swept_s_ago=swept_s_ago)
    young = the(replace(WELL, daemon=replace(daemon, age_s=2.0)), "daemon")
    old = the(replace(WELL, daemon=replace(daemon, age_s=90.0)), "daemon")

    assert (young.ok, old.ok) == (True, False)
    assert "was started just now" in young.sentence


def test_only_root_learns_whether_the_service_starts_at_boot() -> None:
    found = the(changed(WELL, {"daemon.is_enabled": None}), "service")

    assert (found.ok, found.mend) == (None, "sudo reversi-checker doctor")
