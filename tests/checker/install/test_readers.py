"""What `init` plans for a gateway that only readers may look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import SYSTEM
from checker.install.places import CONFIG, MANIFEST, STATE, TMPFILES, UNIT_FILE
from checker.install.plan import all_folders, plan
from checker.install.readers import open_paths
from checker.install.steps import Access, Choices, Command, Entry, Folder, Found
from tests.checker.install.machines import STOCK, done, words, written

GROUP = "reversi-readers"
FILE = Entry(mode=0o644, owner="root", group="root")
SETTINGS = {
    SYSTEM.config: FILE,
    SYSTEM.authorized_keys: FILE,
    MANIFEST: FILE,
    CONFIG / "haproxy.cfg": FILE,
    CONFIG / ".git": replace(FILE, mode=0o755, is_folder=True),
    CONFIG / "of-root": replace(FILE, mode=0o600),
}


def closing() -> Found:
    """An open gateway whose `reversi.toml` names a readers' group now."""
    there = done(STOCK)
    return replace(
        there,
        choices=Choices(readers=GROUP),
        settings=SETTINGS,
        operators=frozenset({"anna"}),
        tunnel_group="reversi",
    )


def carried_out(found: Found, steps: Sequence[object]) -> Found:
    """The machine after these steps on its files."""
    settings, entries = dict(found.settings), dict(found.entries)
    for step in steps:
        if isinstance(step, Access):
            before = settings.get(step.path, FILE)
            settings[step.path] = replace(before, mode=step.mode, group=step.group)
        elif isinstance(step, Folder):
            entries[step.path] = Entry(mode=step.mode, owner=step.owner, group=step.group)
    return replace(found, settings=settings, entries=entries)


def modes(steps: Sequence[object]) -> dict[Path, tuple[int, str]]:
    return {step.path: (step.mode, step.group) for step in steps if isinstance(step, Access)}


def test_a_closed_gateway_has_a_group_and_our_accounts_and_the_operators_are_in_it() -> None:
    steps = plan(closing()).steps

    commands = [step for step in words(plan(closing())) if step.startswith(("groupadd", "usermod"))]
    assert commands == [
        f"groupadd --system {GROUP}",
        f"usermod --append --groups {GROUP} reversi",
        f"usermod --append --groups {GROUP} reversi-checker",
        f"usermod --append --groups {GROUP} anna",
    ]
    assert [step.makes for step in steps if isinstance(step, Command) and step.makes] == [
        f"group {GROUP}"
    ]


def test_accounts_that_are_readers_stay_as_they_are() -> None:
    found = replace(
        closing(),
        readers=frozenset({"reversi", "reversi-checker", "anna"}),
        groups=frozenset({GROUP, "reversi-operators"}),
    )

    assert not [step for step in words(plan(found)) if step.startswith(("groupadd", "usermod"))]


def test_directories_are_closed_to_others_and_the_tunnel_user_reaches_the_key_file() -> None:
    steps = plan(closing()).steps

    folders = {
        step.path: (step.mode, step.owner, step.group) for step in steps if isinstance(step, Folder)
    }
    assert folders[CONFIG] == (0o2751, "root", GROUP)
    assert folders[SYSTEM.nodes] == (0o2750, "root", GROUP)
    assert folders[STATE] == (0o750, "reversi-checker", GROUP)
    assert folders[SYSTEM.run] == (0o751, "reversi-checker", GROUP)
    assert modes(steps) == {
        SYSTEM.config: (0o640, GROUP),
        SYSTEM.authorized_keys: (0o640, "reversi"),
        CONFIG / "haproxy.cfg": (0o640, GROUP),
        CONFIG / ".git": (0o750, GROUP),
    }


def test_the_daemon_writes_what_readers_can_read_and_keeps_its_own_group() -> None:
    files = written(plan(closing()))

    unit = files[UNIT_FILE].content.decode()
    assert f"Group={GROUP}\nSupplementaryGroups=reversi-checker\n" in unit
    assert "StateDirectory=reversi\nStateDirectoryMode=0750\n" in unit
    assert (
        f"d /run/reversi/verdicts 0751 reversi-checker {GROUP}" in files[TMPFILES].content.decode()
    )


def test_nothing_is_left_to_close_and_a_file_that_became_open_is_closed_again() -> None:
    found = carried_out(closing(), plan(closing()).steps)
    assert modes(plan(found).steps) == {}
    assert open_paths(found) == ()

    opened = CONFIG / "freed-ports.toml"
    found = replace(found, settings={**found.settings, opened: FILE})

    assert open_paths(found) == (opened,)
    assert modes(plan(found).steps) == {opened: (0o640, GROUP)}


def test_without_the_setting_what_was_closed_is_opened_again() -> None:
    found = carried_out(closing(), plan(closing()).steps)
    node = SYSTEM.nodes / "office.toml"
    found = replace(
        found,
        choices=Choices(),
        settings={**found.settings, node: replace(FILE, mode=0o640, group=GROUP)},
    )

    steps = plan(found).steps

    opened = {step.path: step.mode for step in steps if isinstance(step, Folder)}
    assert opened == {
        folder.path: folder.mode for folder in all_folders("reversi") if folder.path != SYSTEM.spool
    }
    assert modes(steps) == dict.fromkeys(
        (SYSTEM.config, SYSTEM.authorized_keys, CONFIG / "haproxy.cfg", node), (420, "root")
    )


def test_files_that_an_admin_closed_without_the_setting_are_left_alone() -> None:
    found = replace(done(STOCK), settings={SYSTEM.config: replace(FILE, mode=0o640, group="staff")})

    assert plan(found).steps == ()


def test_an_open_gateway_is_not_judged() -> None:
    assert open_paths(replace(done(STOCK), settings=SETTINGS)) == ()


@pytest.mark.parametrize(
    ("mode", "group"),
    [(0o750, GROUP), (0o2750, GROUP), (0o755, "root")],
    ids=["closed", "with setgid", "open"],
)
def test_the_enrolments_are_closed_and_opened_with_the_registry(mode: int, group: str) -> None:
    entry = replace(FILE, mode=mode, group=group, is_folder=True)
    found = replace(closing(), settings={SYSTEM.enrolments: entry})

    assert modes(plan(found).steps).get(SYSTEM.enrolments, (0o750, GROUP)) == (0o750, GROUP)

    opened = carried_out(found, plan(found).steps)
    steps = plan(replace(opened, choices=Choices(), settings=found.settings)).steps
    assert modes(steps).get(SYSTEM.enrolments, (0o755, "root")) == (0o755, "root")
    assert (SYSTEM.enrolments in modes(steps)) is (mode != 0o755)
