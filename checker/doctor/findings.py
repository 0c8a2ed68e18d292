"""All findings of `doctor`, as text and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from checker.doctor import remedies
from checker.doctor.check_access import check_access
from checker.doctor.check_alerts import check_alerts
from checker.doctor.check_bus import check_bus
from checker.doctor.check_daemon import check_daemon
from checker.doctor.check_drain import check_drain
from checker.doctor.check_enrolments import check_enrolments
from checker.doctor.check_fleet import check_fleet
from checker.doctor.check_host_keys import check_host_keys
from checker.doctor.check_keys import check_keys
from checker.doctor.check_login import check_login
from checker.doctor.check_machine import check_machine
from checker.doctor.check_metrics import check_metrics
from checker.doctor.check_published import check_published
from checker.doctor.check_readers import check_readers
from checker.doctor.check_records import check_records
from checker.doctor.check_sshd import check_sshd
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding
from checker.output import aligned

CHECKS: Sequence[Callable[[Facts], Iterator[Finding]]] = (
    check_sshd,
    check_login,
    check_host_keys,
    check_access,
    check_keys,
    check_readers,
    check_daemon,
    check_drain,
    check_metrics,
    check_published,
    check_alerts,
    check_machine,
    check_enrolments,
    check_fleet,
    check_bus,
    check_records,
)


def findings(facts: Facts) -> tuple[Finding, ...]:
    """Return all findings that apply, in the order in which one would fix them."""
    if facts.trouble:
        return (Finding(name="settings", ok=False, sentence=facts.trouble, mend="fix that file"),)
    if facts.is_missing:
        return (missing(facts),)
    return tuple(finding for check in CHECKS for finding in check(facts))


def missing(facts: Facts) -> Finding:
    """Say that there is no gateway; all else that could be said would follow from that."""
    config = facts.layout.config
    if facts.home is not None:
        sentence = (
            f"there is no gateway: init has not run on this machine, nor is there {facts.home}"
        )
    elif facts.is_undone:
        sentence = f"the gateway was uninstalled; {config.parent} still has its settings and nodes"
    else:
        sentence = f"init has not run on this machine, though there is {config}"
    return Finding(name="gateway", ok=False, sentence=sentence, mend=remedies.begin(facts))


def as_json(found: Sequence[Finding]) -> dict[str, Any]:
    """Return the documented shape."""
    checks = [
        {"name": one.name, "ok": one.ok, "sentence": one.sentence, "mend": one.mend}
        for one in found
    ]
    return {"ok": all(one.ok is not False for one in found), "checks": checks}


def as_text(found: Sequence[Finding]) -> str:
    marks = {True: "ok", False: "WRONG", None: "?"}
    rows = [
        (marks[one.ok], one.name, f"{one.sentence}{f' -> {one.mend}' if one.mend else ''}")
        for one in found
    ]
    return aligned(rows)
