"""`--metrics`, `--no-metrics` and `uninstall`: services that only some gateways run; unit_facts."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.cli.main import build_parser, run
from checker.install.extra_units import (
    EXTRA_UNITS,
    METRICS,
    ExtraUnit,
    asked_again,
    forget_state,
    how_to_get,
)
from checker.install.package import package
from checker.install.places import EXTRA_UNIT_FILES, FILES
from checker.install.plan import plan
from checker.install.refusals import Refused
from checker.install.steps import Choices, Command, Entry, Found, Remove, Step, digest
from checker.install.undo import Installed, undo
from checker.install.unit_facts import is_masked, is_turned_on, missing_libraries
from tests.checker.install.machines import PYTHON, STOCK, done, words, written

UNITS = pytest.mark.parametrize("unit", EXTRA_UNITS, ids=lambda unit: unit.option)


def asking(unit: ExtraUnit, *, answer: bool = True) -> dict[str, bool]:
    return {unit.option: answer}


def serving(unit: ExtraUnit) -> Found:
    """A machine on which an earlier `init` turned the service on."""
    return replace(done(replace(STOCK, asked_units=asking(unit))), asked_units={})


def changed(unit: ExtraUnit) -> Found:
    """The same, and then the admin edited the unit file."""
    there = serving(unit)
    mine = Entry(mode=0o644, owner="root", group="root", content=b"[Service]\n")
    return replace(there, entries={**there.entries, unit.path: mine})


def installed(found: Found) -> Installed:
    return Installed(
        files=found.written,
        folders=[],
        made=[],
        entries=found.entries,
        has_systemd=True,
        sshd_unit="ssh.service",
        tunnel_user="reversi",
    )


def commands(steps: tuple[Step, ...]) -> list[str]:
    return [" ".join(step.words) for step in steps if isinstance(step, Command)]


def test_a_stock_gateway_runs_none_of_them() -> None:
    assert not set(written(plan(STOCK))) & set(EXTRA_UNIT_FILES)
    assert {unit.path for unit in EXTRA_UNITS} == set(EXTRA_UNIT_FILES)
    assert set(EXTRA_UNIT_FILES) <= set(FILES)


@UNITS
def test_the_service_is_written_and_started_after_the_daemon(unit: ExtraUnit) -> None:
    planned = plan(replace(STOCK, asked_units=asking(unit)))

    assert written(planned)[unit.path].content == unit.content(PYTHON, "")
    assert words(planned)[-3:] == [
        "systemctl daemon-reload",
        "systemctl enable --now reversi-checker.service reversi-keys.path",
        f"systemctl enable --now {unit.name}",
    ]


@UNITS
def test_on_a_running_gateway_the_daemon_and_its_tunnels_are_left_alone(unit: ExtraUnit) -> None:
    planned = plan(replace(done(STOCK), asked_units=asking(unit)))

    assert list(written(planned))[-1] == unit.path
    assert [one for one in words(planned) if one.startswith("systemctl")] == [
        "systemctl daemon-reload",
        f"systemctl enable --now {unit.name}",
    ]


@UNITS
def test_a_later_init_keeps_it_and_follows_the_interpreter(unit: ExtraUnit) -> None:
    assert plan(serving(unit)).steps == ()

    upgraded = plan(replace(serving(unit), python="/opt/new/python"))
    assert b"ExecStart=/opt/new/python -I" in written(upgraded)[unit.path].content
    assert f"systemctl restart {unit.name}" in words(upgraded)


@UNITS
def test_a_service_that_stopped_is_started_and_one_of_an_old_release_restarted(
    unit: ExtraUnit,
) -> None:
    name = frozenset({unit.name})

    assert words(plan(replace(serving(unit), idle_units=name))) == [
        f"systemctl enable --now {unit.name}"
    ]
    assert words(plan(replace(serving(unit), outdated_units=name))) == [
        f"systemctl restart {unit.name}"
    ]


@UNITS
def test_no_name_stops_it_and_removes_the_file(unit: ExtraUnit) -> None:
    planned = plan(replace(serving(unit), asked_units=asking(unit, answer=False)))

    assert planned.steps == (
        Command(words=("systemctl", "disable", "--now", unit.name), must=False),
        *([forget_state(unit)] if unit.has_state else []),
        Remove(path=unit.path),
        Command(words=("systemctl", "daemon-reload")),
    )
    assert plan(replace(done(STOCK), asked_units=asking(unit, answer=False))).steps == ()


@UNITS
def test_a_file_that_the_admin_changed_is_left_and_named(unit: ExtraUnit) -> None:
    for asked in ({}, asking(unit), asking(unit, answer=False)):
        planned = plan(replace(changed(unit), asked_units=asked))
        assert planned.steps == ()
        assert any(note.startswith(f"left as it is: {unit.path}") for note in planned.notes)


@UNITS
def test_without_its_library_it_is_refused_and_later_only_named(unit: ExtraUnit) -> None:
    missing = frozenset({unit.library})

    if unit.works_without:
        first = plan(replace(STOCK, asked_units=asking(unit), missing_libraries=missing))
        assert f"can {unit.works_without}" in first.warnings[0]
    else:
        with pytest.raises(Refused, match=f"needs the Python package {unit.library}"):
            plan(replace(STOCK, asked_units=asking(unit), missing_libraries=missing))
    later = plan(replace(serving(unit), missing_libraries=missing))
    assert later.steps == ()
    assert how_to_get(unit, PYTHON) in later.warnings[0]
    assert plan(replace(STOCK, missing_libraries=missing)).warnings == ()


@UNITS
def test_a_restored_gateway_runs_it_again_where_it_can(unit: ExtraUnit) -> None:
    options = (unit.option, "of-a-later-release")

    assert asked_again(options, STOCK) == {unit.option: True}
    assert asked_again((), STOCK) == {}
    assert asked_again(options, replace(STOCK, missing_libraries=frozenset({unit.library}))) == {}


@UNITS
def test_uninstall_stops_it_with_the_daemon_and_removes_the_file(unit: ExtraUnit) -> None:
    steps, _ = undo(installed(serving(unit)), purge=False)

    first = steps[0]
    assert isinstance(first, Command)
    assert first.words[-1] == unit.name
    assert Remove(path=unit.path) in steps
    assert unit.name not in str(undo(installed(done(STOCK)), purge=False))


@UNITS
def test_readers_of_a_closed_gateway_include_it(unit: ExtraUnit) -> None:
    assert b"\nSupplementaryGroups=watchers\n" in unit.content(PYTHON, "watchers")
    own = [f"SupplementaryGroups={unit.group}"] if unit.group else []
    lines = unit.content(PYTHON, "").decode().splitlines()
    assert [line for line in lines if line.startswith("Supplementary")] == own


@UNITS
def test_the_service_has_no_rights(unit: ExtraUnit) -> None:
    lines = unit.content(PYTHON, "").decode().splitlines()

    assert "DynamicUser=yes" in lines
    assert "CapabilityBoundingSet=" in lines
    assert not [line for line in lines if line.startswith(("Ambient", "User=", "@"))]


@UNITS
def test_a_package_gets_the_file_and_its_postinst_starts_it(unit: ExtraUnit) -> None:
    planned, after = package(replace(STOCK, asked_units=asking(unit)))

    assert unit.path in written(planned)
    assert any(line.startswith("systemctl enable") and unit.name in line for line in after)
    assert unit.name not in str(package(STOCK)[1])


@UNITS
def test_without_systemd_the_file_is_written_and_nothing_started(unit: ExtraUnit) -> None:
    planned = plan(replace(STOCK, has_systemd=False, asked_units=asking(unit)))

    assert unit.path in written(planned)
    assert not [one for one in commands(planned.steps) if one.startswith("systemctl")]


@UNITS
def test_the_command_that_the_service_runs_exists(unit: ExtraUnit) -> None:
    (start,) = [line for line in unit.text.splitlines() if line.startswith("ExecStart=")]

    assert start.endswith(" $ARGS")
    assert build_parser().parse_args(start.split()[4:-1]).command


def test_a_tree_keeps_the_choice_until_no_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init = ["init", "--python", PYTHON, "--root", str(tmp_path)]
    place = tmp_path / METRICS.path.relative_to("/")

    assert run([*init, "--metrics"]) == ExitCode.OK
    assert place.read_bytes() == METRICS.content(PYTHON, "")
    assert run(init) == ExitCode.OK
    assert "reversi-metrics.service" in capsys.readouterr().out
    assert run([*init, "--no-metrics"]) == ExitCode.OK
    assert not place.exists()


def test_a_file_of_an_older_release_counts_as_ours() -> None:
    older = METRICS.content("/usr/bin/python3.11", "")
    there = done(STOCK)
    entry = Entry(mode=0o644, owner="root", group="root", content=older)
    found = replace(
        there,
        entries={**there.entries, METRICS.path: entry},
        written={**there.written, str(METRICS.path): digest(older)},
    )

    assert list(written(plan(found))) == [METRICS.path]
    assert Remove(path=METRICS.path) in plan(replace(found, asked_units={"metrics": False})).steps


def test_what_an_interpreter_lacks_is_asked_of_it(tmp_path: Path) -> None:
    wanted = {*(unit.library for unit in EXTRA_UNITS), "nats"}

    assert missing_libraries(sys.executable) == frozenset()
    assert missing_libraries(str(tmp_path / "none")) == wanted


def test_a_masked_service_is_not_turned_on(tmp_path: Path) -> None:
    place = tmp_path / METRICS.name
    assert not is_masked(place)
    place.symlink_to("/dev/null")

    assert is_masked(place)
    assert not is_turned_on(replace(METRICS, path=place))


def test_readers_come_from_the_settings() -> None:
    closed = replace(STOCK, choices=Choices(readers="watchers"), asked_units={"metrics": True})

    planned = plan(closed)
    assert b"=watchers\n" in written(planned)[METRICS.path].content
    assert "although only watchers may look" in planned.warnings[0]
