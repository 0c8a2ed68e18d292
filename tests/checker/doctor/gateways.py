"""A healthy gateway, and changes that break it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from checker import __version__
from checker.config.layout import SYSTEM
from checker.doctor.facts import (
    DaemonFacts,
    Facts,
    KeyFacts,
    MachineFacts,
    PlaceFacts,
    RegistryFacts,
    SshdFacts,
    StateFacts,
)
from checker.doctor.finding import Finding
from checker.doctor.findings import findings
from checker.install.steps import Entry, UserAccount
from checker.sshd.lockdown import LOCKDOWN

TIGHT = {**{key.lower(): value for key, value in LOCKDOWN.items()}, "maxstartups": "200:30:400"}
ENTRY = Entry(mode=0o644, owner="root", group="root", content=b"")
WELL = Facts(
    layout=SYSTEM,
    user="reversi",
    account=UserAccount(uid=990, shell="/bin/sh", is_locked=False),
    sshd=SshdFacts(
        version=(9, 8),
        effective={**TIGHT, "persourcepenalties": "crash:90", "persourcepenaltyexemptlist": "none"},
    ),
    keys=KeyFacts(file=ENTRY),
    daemon=DaemonFacts(pid=7, version=__version__, swept_s_ago=3.0, has_unit=True, is_enabled=True),
    places=PlaceFacts(
        socket_mode=0o666,
        spool=Entry(mode=0o770, owner="reversi", group="reversi-checker"),
    ),
    registry=RegistryFacts(nodes=50),
    machine=MachineFacts(
        peers={"192.0.2.1": 1},
        banned=frozenset({"198.51.100.9"}),
        is_synchronized=True,
        free_bytes={"/var/lib/reversi": 1 << 40},
    ),
    state=StateFacts(trouble=""),
    is_guarded=True,
)


def sshd(**settings: str) -> dict[str, object]:
    """The change of some of sshd's effective settings."""
    assert WELL.sshd is not None
    return {"sshd.effective": {**WELL.sshd.effective, **settings}}


def changed(facts: Facts, changes: Mapping[str, object]) -> Facts:
    """The facts with other values, named as `daemon.pid`."""
    for name, value in changes.items():
        group, _, field = name.rpartition(".")
        one = replace(getattr(facts, group), **{field: value}) if group else value
        facts = replace(facts, **{group or field: one})  # type: ignore[arg-type]
    return facts


def the(facts: Facts, name: str) -> Finding:
    (found,) = (one for one in findings(facts) if one.name == name)
    return found


def assert_wrong(name: str, change: dict[str, object], sentence: str, mend: str) -> None:
    """After this change of a gateway that is well, a check of this name fails, says this, and
    prints this fix.
    """
    found = the(changed(WELL, change), name)

    assert found.ok is False
    assert sentence in found.sentence
    assert mend in found.mend
