"""Steps as they are carried out, recorded, and undone."""

from __future__ import annotations

import stat
from pathlib import Path

from checker.install.carry_out import carry_out, record
from checker.install.effects import (
    make_folder,
    restore,
    write_file,
)
from checker.install.manifest import Manifest
from checker.install.steps import Command, File, Folder, InitPlan, Remove, digest
from checker.install.survey import entry
from checker.install.take_back import take_back


def test_steps_are_carried_out_and_undone(tmp_path: Path) -> None:
    me, group = entry_names(tmp_path)
    place = tmp_path / "a"
    said: list[str] = []
    steps = (
        Folder(path=place, mode=0o750, owner=me, group=group, deep=True),
        File(path=place / "f", content=b"new\n"),
    )

    for step in steps:
        (make_folder(step) if isinstance(step, Folder) else write_file(step.path, step))
    write_file(place / "f", File(path=place / "f", content=b"newer\n", backup=True))

    assert stat.S_IMODE(place.stat().st_mode) == 0o750
    assert ((place / "f").read_bytes(), (place / "f.bak").read_bytes()) == (b"newer\n", b"new\n")
    restore(place / "f", b"old\n")
    assert (place / "f").read_bytes() == b"old\n"
    restore(place / "f", None)
    assert not (place / "f").exists()
    take_back((Remove(path=place), Command(words=("true",))), said.append)
    assert not place.exists()
    assert said == [f"removed {place}", "ran: true"]
    carry_out(InitPlan(steps=()), Manifest(), said.append)


def test_the_manifest_lists_only_what_a_step_made(tmp_path: Path) -> None:
    manifest = Manifest()
    new, old = tmp_path / "new", tmp_path
    steps = (
        Command(words=("useradd", "reversi"), makes="user reversi"),
        Command(words=("sysctl",)),
        Folder(path=old),
        Folder(path=new),
        File(path=new / "a", content=b"a"),
        File(path=new / "b", content=b"b"),
        Remove(path=new / "b"),
    )

    for step in steps:
        record(step, manifest, lambda: None)

    assert manifest.made == ["user reversi"]
    assert manifest.folders == [str(new)]
    assert manifest.files == {str(new / "a"): digest(b"a")}


def entry_names(path: Path) -> tuple[str, str]:
    found = entry(path)
    assert found is not None
    return found.owner, found.group
