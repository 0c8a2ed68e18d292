"""Judge the alerts: their service, their settings and their library. Pure."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding
from checker.install.extra_units import ALERT


def check_alerts(facts: Facts) -> Iterator[Finding]:
    """Say nothing if nobody asked for alerts."""
    if facts.alerts.has_unit or facts.alerts.file is not None:
        yield from check_secrets(facts)
        yield check_sending(facts)


def check_secrets(facts: Facts) -> Iterator[Finding]:
    """The settings hold passwords."""
    file, path = facts.alerts.file, facts.layout.alerts
    if file is not None and file.mode & 0o007:
        yield Finding(
            name="alerts.toml",
            ok=False,
            sentence=f"everyone can read {path}, which holds passwords",
            mend=remedies.mode("o=", path),
        )


def check_sending(facts: Facts) -> Finding:
    alerts, path = facts.alerts, facts.layout.alerts
    if not alerts.is_readable:
        return Finding(
            name="alerts",
            ok=None,
            sentence=f"only root can read {path}",
            mend="sudo reversi-checker doctor",
        )
    restart = f"; then run: sudo systemctl restart {ALERT.name}" if alerts.has_unit else ""
    many = "1 way" if alerts.ways == 1 else f"{alerts.ways} ways"
    return finding(
        "alerts",
        f"messages go out by {many}; try them with: {remedies.ours(facts, 'alert --test')}",
        (bool(alerts.trouble), alerts.trouble, f"fix that file{restart}"),
        (
            alerts.lacks_library,
            f"{path} names URLs, but this interpreter has no package {ALERT.library}",
            f"sudo {sys.executable} -m pip install {ALERT.library}{restart}",
        ),
        (
            not alerts.ways,
            f"{path} names no way to send, so nobody is told anything",
            "give it send or command, as docs/alerts.md shows",
        ),
        (
            alerts.has_unit and not (alerts.is_running and alerts.is_enabled is not False),
            f"{ALERT.name} does not run, or does not start at boot: nobody is told anything",
            f"sudo systemctl enable --now {ALERT.name}",
        ),
    )
