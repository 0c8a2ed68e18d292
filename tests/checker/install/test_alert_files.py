"""alerts.toml: `init --alerts` writes an example, and only root and the service may read it."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from checker.install.extra_units import ALERT
from checker.install.package import package
from checker.install.places import ALERTS, ALERTS_GROUP, CONFIG
from checker.install.plan import plan
from checker.install.readers import SETTINGS_MODE, accesses
from checker.install.steps import Access, Choices, Command, Entry, Found
from checker.install.undo import Installed, undo
from tests.checker.install.machines import STOCK, done, words, written

ASKED = {ALERT.option: True}
ACCESS = Access(path=ALERTS, mode=0o640, group=ALERTS_GROUP)


def alerting(found: Found = STOCK) -> Found:
    """A machine on which an earlier `init` turned alerts on."""
    return replace(done(replace(found, asked_units=ASKED)), asked_units={})


def test_init_makes_the_group_and_an_example_that_only_it_may_read() -> None:
    planned = plan(replace(STOCK, asked_units=ASKED))

    assert f"groupadd --system {ALERTS_GROUP}" in words(planned)
    assert tomllib.loads(written(planned)[ALERTS].content.decode()) == {}
    paths = [getattr(step, "path", None) for step in planned.steps]
    assert paths.index(ALERTS) < planned.steps.index(ACCESS)


def test_settings_of_the_admin_are_never_replaced() -> None:
    mine = Entry(mode=0o644, owner="root", group="root", content=b'send = ["ntfy://x"]\n')
    there = alerting()
    found = replace(
        there,
        entries={**there.entries, ALERTS: mine},
        settings={ALERTS: mine},
        force=True,
    )

    planned = plan(found)

    assert ALERTS not in written(planned)
    assert planned.steps == (ACCESS,)


def test_without_alerts_nothing_of_it_is_made() -> None:
    planned = plan(STOCK)

    assert ALERTS not in written(planned)
    assert ACCESS not in planned.steps
    assert ALERTS_GROUP not in " ".join(words(planned))


@pytest.mark.parametrize("readers", ["watchers", ""])
def test_closing_or_opening_a_gateway_leaves_the_passwords_alone(readers: str) -> None:
    entry = Entry(mode=0o640, owner="root", group=ALERTS_GROUP)
    closed = Entry(mode=SETTINGS_MODE, owner="root", group="watchers")
    found = replace(
        STOCK,
        choices=Choices(readers=readers),
        entries={CONFIG: closed},
        settings={ALERTS: entry},
    )

    assert ALERTS not in [access.path for access in accesses(found)]


def test_uninstall_keeps_the_settings_for_root_and_forgets_the_rest() -> None:
    there = alerting()
    installed = Installed(
        files=there.written,
        folders=[str(CONFIG)],
        made=[f"group {ALERTS_GROUP}"],
        entries=there.entries,
        has_systemd=True,
        sshd_unit="ssh.service",
        tunnel_user="reversi",
    )

    commands = [
        " ".join(step.words)
        for step in undo(installed, purge=False)[0]
        if isinstance(step, Command)
    ]

    assert "rm -rf /var/lib/reversi-alert /var/lib/private/reversi-alert" in commands
    assert commands.index(f"groupdel {ALERTS_GROUP}") < commands.index(f"chmod 0600 {ALERTS}")
    assert ALERTS not in [getattr(step, "path", None) for step in undo(installed, purge=False)[0]]
    assert str(ALERTS) not in str(undo(installed, purge=True)[0])


def test_a_package_sets_the_access_in_its_postinst() -> None:
    planned, after = package(replace(STOCK, asked_units=ASKED))

    assert ALERTS in written(planned)
    assert f"groupadd --system {ALERTS_GROUP}" in after
    assert f"chgrp {ALERTS_GROUP} {ALERTS}" in after
    assert f"chmod 0640 {ALERTS}" in after


def test_the_service_reaches_the_network_and_reads_what_it_must() -> None:
    lines = ALERT.content("/usr/bin/python3", "watchers").decode().splitlines()

    assert "SupplementaryGroups=reversi-alerts" in lines
    assert "SupplementaryGroups=watchers" in lines
    assert "StateDirectory=reversi-alert" in lines
    assert not [line for line in lines if line.startswith(("IPAddressDeny", "MemoryDeny"))]
