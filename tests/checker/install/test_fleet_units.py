"""The units and the inbox of a gateway in a fleet, and their end."""

from __future__ import annotations

from dataclasses import replace

from checker.config.layout import SYSTEM
from checker.install.fleet_units import fleet_folders
from checker.install.places import FLEET_PATH_FILE, FLEET_STATE, FLEET_UNIT_FILES, UNIT_FILE
from checker.install.plan import plan
from checker.install.steps import Choices, Command, Folder, Remove
from checker.install.undo import Installed, undo
from checker.install.units import packaged_texts
from tests.checker.install.machines import PYTHON, STOCK, done, entry_of, words, written

MEMBER = replace(STOCK, choices=Choices(is_in_fleet=True))
PATH = FLEET_PATH_FILE.name


def made(choices: Choices) -> dict[object, tuple[int, str]]:
    return {one.path: (one.mode, one.group) for one in fleet_folders(choices)}


def test_a_gateway_of_its_own_gets_none_of_it() -> None:
    planned = plan(STOCK)

    assert not set(FLEET_UNIT_FILES) & set(written(planned))
    assert not any(isinstance(one, Folder) and one.path == FLEET_STATE for one in planned.steps)
    assert "fleet" not in " ".join(words(planned))


def test_a_gateway_in_a_fleet_gets_inbox_and_units() -> None:
    planned = plan(MEMBER)

    assert set(FLEET_UNIT_FILES) <= set(written(planned))
    assert f"systemctl enable --now {PATH}" in words(planned)
    assert made(MEMBER.choices) == {
        FLEET_STATE: (0o755, "root"),
        SYSTEM.inbox: (0o1730, "reversi-operators"),
    }


def test_only_root_may_bring_entries_where_nobody_signs_or_there_are_no_operators() -> None:
    for choices in (
        Choices(is_in_fleet=True, is_signing=False),
        Choices(is_in_fleet=True, operators=""),
    ):
        assert made(choices)[SYSTEM.inbox] == (0o700, "root")


def test_once_done_there_is_nothing_left_to_do() -> None:
    after = done(MEMBER)
    folders = {one.path: entry_of(one) for one in fleet_folders(MEMBER.choices)}

    planned = plan(
        replace(after, entries={**after.entries, **folders}, linked=after.linked | {PATH})
    )

    assert planned.steps == ()


def test_a_watch_of_the_inbox_that_was_stopped_is_started_again() -> None:
    after = done(MEMBER)
    stopped = replace(after, linked=after.linked | {PATH}, idle_units=frozenset({PATH}))

    assert words(plan(stopped))[-1] == f"systemctl enable --now {PATH}"


def test_a_gateway_that_left_its_fleet_loses_the_units() -> None:
    after = done(MEMBER)
    left = replace(after, choices=Choices(), linked=after.linked | {PATH})

    planned = plan(left)

    gone = [one.path for one in planned.steps if isinstance(one, Remove)]
    assert gone == list(FLEET_UNIT_FILES)
    assert words(planned) == [f"systemctl disable --now {PATH}", "systemctl daemon-reload"]


def test_a_package_ships_the_units_and_init_only_enables_them() -> None:
    shipped = packaged_texts(PYTHON)
    planned = plan(replace(MEMBER, packaged=shipped))

    assert {path.name for path in FLEET_UNIT_FILES} <= set(shipped)
    assert not set(FLEET_UNIT_FILES) & set(written(planned))
    assert f"systemctl enable --now {PATH}" in words(planned)


def test_uninstall_stops_the_units_and_removes_the_inbox() -> None:
    after = done(MEMBER)
    folders = {one.path: entry_of(one) for one in fleet_folders(MEMBER.choices)}
    there = Installed(
        files=after.written,
        folders=[str(FLEET_STATE)],
        made=(),
        entries={**after.entries, **folders},
        has_systemd=True,
        sshd_unit="ssh.service",
        tunnel_user="reversi",
    )

    steps, _ = undo(there, purge=False)

    said = [" ".join(one.words) for one in steps if isinstance(one, Command)]
    assert said[0].endswith(f" {PATH}")
    assert "systemctl stop reversi-fleet-apply.service" in said
    assert {FLEET_STATE, *FLEET_UNIT_FILES} <= {
        one.path for one in steps if isinstance(one, Remove)
    }
    assert str(UNIT_FILE) in there.files
