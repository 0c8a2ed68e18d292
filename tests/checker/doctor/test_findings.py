"""All findings together, as text and as JSON."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import SYSTEM, home_layout
from checker.doctor.facts import (
    Facts,
    SshdFacts,
)
from checker.doctor.finding import Finding
from checker.doctor.findings import CHECKS, as_json, as_text, findings
from tests.checker.doctor.gateways import WELL, changed


def test_a_healthy_gateway_has_nothing_to_fix() -> None:
    found = findings(WELL)

    assert [one for one in found if one.ok is not True or one.mend] == []
    assert len({one.name for one in found}) == len(found) > len(CHECKS)


def test_one_fault_is_one_finding() -> None:
    found = findings(changed(WELL, {"daemon.pid": None}))

    assert [one.name for one in found if not one.ok] == ["daemon"]


def test_checks_that_do_not_apply_are_left_out() -> None:
    absent = (
        "sshd",
        "daemon.has_unit",
        "daemon.is_enabled",
        "machine.banned",
        "places.socket_mode",
    )
    facts = changed(WELL, {"layout": home_layout(Path("/srv/gate")), **dict.fromkeys(absent)})

    names = {one.name for one in findings(facts)}

    assert not names & {"sshd", "logins at once", "penalties", "service", "fail2ban", "socket"}


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(replace(WELL, sshd=SshdFacts(is_asked=False)), id="sshd"),
        pytest.param(changed(WELL, {"machine.is_synchronized": None}), id="clock"),
        pytest.param(
            changed(WELL, {"machine.is_synchronized": False, "machine.has_systemd": False}),
            id="a container's clock",
        ),
    ],
)
def test_the_unknown_is_neither_right_nor_wrong(facts: Facts) -> None:
    unknown = [one for one in findings(facts) if one.ok is None]

    assert len(unknown) == 1
    assert as_json(findings(facts))["ok"] is True


def test_settings_that_cannot_be_read_are_the_only_finding() -> None:
    assert findings(replace(WELL, trouble="reversi.toml: bad")) == (
        Finding(name="settings", ok=False, sentence="reversi.toml: bad", mend="fix that file"),
    )


def test_the_text_marks_what_is_wrong() -> None:
    lines = as_text(
        findings(changed(WELL, {"daemon.pid": None, "machine.is_synchronized": None}))
    ).splitlines()

    assert [line.split()[0] for line in lines].count("WRONG") == 1
    assert [line.split()[0] for line in lines].count("?") == 1


@pytest.mark.parametrize(
    ("facts", "sentence", "mend"),
    [
        pytest.param(
            Facts(layout=SYSTEM, is_missing=True, is_undone=True),
            "the gateway was uninstalled; /etc/reversi still has its settings and nodes",
            "init    # or remove the rest: sudo reversi-checker uninstall --purge",
            id="after uninstall",
        ),
        pytest.param(
            Facts(layout=SYSTEM, is_missing=True),
            "init has not run on this machine, though there is /etc/reversi/reversi.toml",
            "sudo reversi-checker init",
            id="restored, before init",
        ),
        pytest.param(
            Facts(layout=home_layout(Path("/srv/gate")), is_missing=True),
            "there is no gateway: init has not run on this machine, nor is there /srv/gate",
            "reversi-checker --home /srv/gate up",
            id="before init",
        ),
    ],
)
def test_without_a_gateway_the_only_finding_is_how_to_make_one(
    facts: Facts, sentence: str, mend: str
) -> None:
    (found,) = findings(facts)

    assert (found.name, found.ok, found.sentence) == ("gateway", False, sentence)
    assert mend in found.mend
