"""Units that a package ships, and what we do about them; packaged_units.py, whole_units.py too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.install.extra_units import EXTRA_UNITS, METRICS, ExtraUnit
from checker.install.places import (
    EVERY_UNIT,
    READERS_DROP_INS,
    SERVICE,
    UNIT_FILE,
    UNITS,
    drop_in_of,
)
from checker.install.plan import plan
from checker.install.steps import Choices, Command, Entry, File, Found, Remove, Step, digest
from checker.install.undo import Installed, undo
from checker.install.unit_files import HEAD, readers_part, unit
from checker.install.units import ALL_UNIT_FILES, own_text, packaged_texts, unit_texts
from checker.install.whole_units import in_full
from tests.checker.install.machines import PYTHON, STOCK, done, words, written

PACKAGED = replace(STOCK, packaged=packaged_texts(PYTHON))
"""A machine on which the package was installed, and `init` has not run."""
CLOSED = replace(PACKAGED, choices=Choices(readers="watchers"))
EACH_UNIT = pytest.mark.parametrize("extra", EXTRA_UNITS, ids=lambda extra: extra.option)


def holding(found: Found, **contents: bytes) -> Found:
    """The machine with another copy of the daemon's unit: of `init`, or of the admin."""
    ((whose, content),) = contents.items()
    entry = Entry(mode=0o644, owner="root", group="root", content=content)
    known = {str(UNIT_FILE): digest(content)} if whose == "ours" else {}
    return replace(
        found,
        entries={**found.entries, UNIT_FILE: entry},
        written={**found.written, **known},
    )


def with_copies(found: Found) -> Found:
    """The gateway of a release that wrote its units to /etc, with the package of this one."""
    return replace(done(replace(found, packaged={})), packaged=found.packaged, asked_units={})


def removed(steps: tuple[Step, ...]) -> list[Remove]:
    return [step for step in steps if isinstance(step, Remove)]


def is_content(found: Found) -> bool:
    """Whether `init` finds no work with units; machines.py has no group of readers."""
    planned = plan(found)
    touched = {*written(planned), *(step.path for step in removed(planned.steps))}
    return not (touched & set(ALL_UNIT_FILES) or "systemctl" in " ".join(words(planned)))


def after(found: Found, steps: tuple[Step, ...]) -> Found:
    """The machine once its unit files are written and removed."""
    entries, known = dict(found.entries), dict(found.written)
    for step in steps:
        if isinstance(step, File):
            entries[step.path] = Entry(mode=0o644, owner="root", group="root", content=step.content)
            known[str(step.path)] = digest(step.content)
        elif isinstance(step, Remove):
            entries.pop(step.path, None)
            known.pop(str(step.path), None)
    return replace(found, entries=entries, written=known)


def test_what_a_package_ships_is_what_init_writes_without_its_name() -> None:
    shipped = packaged_texts(PYTHON)

    assert set(shipped) == {path.name for path in EVERY_UNIT}
    assert HEAD.encode() + shipped[SERVICE] == unit(PYTHON)
    for name, content in shipped.items():
        assert b"\nConditionPathExists=/etc/reversi/reversi.toml\n" in content, name
        assert not content.startswith(b"#"), name


def test_units_of_a_package_are_enabled_and_not_copied() -> None:
    planned = plan(PACKAGED)

    assert not set(written(planned)) & {*UNITS, *READERS_DROP_INS}
    assert words(planned)[-1] == "systemctl enable --now reversi-checker.service reversi-keys.path"
    assert plan(done(PACKAGED)).steps == ()


def test_readers_need_only_a_drop_in() -> None:
    planned = plan(CLOSED)

    assert written(planned)[drop_in_of(UNIT_FILE)].content == readers_part("watchers")
    assert UNIT_FILE not in written(planned)
    assert is_content(done(CLOSED))


def test_a_drop_in_says_what_the_whole_unit_says() -> None:
    texts = [*own_text(PYTHON, "watchers"), *unit_texts(with_all(CLOSED))]

    for text in texts:
        said = set(text.plain.splitlines()) | set(text.part.splitlines())
        assert set(text.whole.splitlines()) <= said, text.path


def with_all(found: Found) -> Found:
    return replace(found, asked_units={extra.option: True for extra in EXTRA_UNITS})


def test_a_drop_in_goes_when_everybody_may_look_again() -> None:
    there = replace(done(CLOSED), choices=Choices())

    planned = plan(there)

    assert Remove(path=drop_in_of(UNIT_FILE)) in planned.steps
    assert words(planned)[-2:] == [
        "systemctl daemon-reload",
        f"systemctl restart {SERVICE}",
    ]


def test_copies_of_an_earlier_init_give_way_to_the_package() -> None:
    older = holding(with_copies(PACKAGED), ours=b"of 0.1.0")
    planned = plan(older)

    assert removed(planned.steps) == [Remove(path=path) for path in UNITS]
    assert words(planned) == [
        "systemctl daemon-reload",
        "systemctl reenable reversi-checker.service reversi-keys.path",
        f"systemctl restart {SERVICE}",
    ]
    assert plan(after(older, planned.steps)).steps == ()


def test_a_copy_that_no_init_remembers_goes_if_it_says_the_same() -> None:
    there = replace(with_copies(PACKAGED), written={})

    assert removed(plan(there).steps) == [Remove(path=path) for path in UNITS]


def test_a_copy_of_the_admin_stays_until_force() -> None:
    there = holding(done(PACKAGED), admins=b"[Service]\n")
    planned = plan(there)

    assert planned.steps == ()
    assert planned.notes[0].startswith(f"left as it is: {UNIT_FILE}, which was changed")
    assert Remove(path=UNIT_FILE, backup=True) in plan(replace(there, force=True)).steps


def test_a_copy_of_the_admin_gets_no_drop_in() -> None:
    there = holding(done(CLOSED), admins=b"[Service]\n")

    assert Remove(path=drop_in_of(UNIT_FILE)) in plan(there).steps


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(replace(PACKAGED, python="/opt/other/python3"), id="another-interpreter"),
        pytest.param(replace(PACKAGED, has_systemd=False, sshd_unit=""), id="no-systemd"),
        pytest.param(
            replace(PACKAGED, packaged=packaged_texts("/usr/lib/reversi/bin/python3")),
            id="another-package",
        ),
    ],
)
def test_units_that_do_not_fit_are_written_all(found: Found) -> None:
    assert set(written(plan(found))) >= set(UNITS)


def test_another_installation_takes_the_gateway_over_with_units_of_its_own() -> None:
    planned = plan(replace(done(CLOSED), python="/opt/reversi/venv/bin/python3"))

    assert set(written(planned)) >= set(UNITS)
    assert Remove(path=drop_in_of(UNIT_FILE)) in planned.steps
    assert "systemctl reenable reversi-checker.service reversi-keys.path" in words(planned)


@EACH_UNIT
def test_a_service_that_was_not_asked_for_stays_off(extra: ExtraUnit) -> None:
    assert extra.name not in " ".join(words(plan(done(PACKAGED))))
    assert undo_words(done(PACKAGED))[0].startswith("systemctl disable --now")


@EACH_UNIT
def test_asking_for_a_service_enables_it_until_it_is_withdrawn(extra: ExtraUnit) -> None:
    asked = replace(PACKAGED, asked_units={extra.option: True})

    assert words(plan(asked))[-1] == f"systemctl enable --now {extra.name}"
    assert extra.path not in written(plan(asked))
    runs = replace(done(asked), asked_units={})
    assert plan(runs).steps == ()
    withdrawn = plan(replace(runs, asked_units={extra.option: False}))
    assert words(withdrawn)[0] == f"systemctl disable --now {extra.name}"
    assert removed(withdrawn.steps) == []


@EACH_UNIT
def test_a_service_of_an_earlier_init_goes_on_as_the_packages(extra: ExtraUnit) -> None:
    there = with_copies(replace(PACKAGED, asked_units={extra.option: True}))
    planned = plan(there)

    assert Remove(path=extra.path) in planned.steps
    moved = f"systemctl reenable {SERVICE} reversi-keys.path {extra.name}"
    assert moved in words(planned)
    assert f"systemctl restart {extra.name}" in words(planned)


def undo_words(found: Found) -> list[str]:
    steps, _ = undo(
        Installed(
            files=found.written,
            folders=[],
            made=[],
            entries=found.entries,
            has_systemd=True,
            sshd_unit="ssh.service",
            tunnel_user="reversi",
            packaged=frozenset(found.packaged),
        ),
        purge=False,
    )
    return [" ".join(step.words) for step in steps if isinstance(step, Command)]


def test_uninstall_stops_the_packages_units_and_leaves_them() -> None:
    said = undo_words(done(CLOSED))

    assert said[0].startswith("systemctl disable --now reversi-checker.service reversi-keys.path")
    assert "systemctl daemon-reload" in said


def test_before_the_package_goes_its_units_are_written_to_etc() -> None:
    there = done(replace(CLOSED, asked_units={"metrics": True}))
    steps = tuple(in_full(replace(there, asked_units={})))

    files = {step.path: step.content for step in steps if isinstance(step, File)}
    assert files == {text.path: text.whole for text in unit_texts(there)}
    assert METRICS.path in files
    assert {step.path for step in removed(steps)} == {
        drop_in_of(UNIT_FILE),
        drop_in_of(METRICS.path),
    }
    older = replace(after(there, steps), packaged={}, asked_units={})
    assert is_content(older)


def test_a_copy_of_the_admin_stays_when_the_package_goes() -> None:
    there = holding(done(PACKAGED), admins=b"[Service]\n")

    assert UNIT_FILE not in {step.path for step in in_full(there) if isinstance(step, File)}


def test_a_gateway_of_another_installation_gets_no_units_of_the_package() -> None:
    assert tuple(in_full(replace(done(STOCK), packaged=packaged_texts("/other")))) == ()
