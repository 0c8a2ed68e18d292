"""How `init` has sshd read the keys, and the steps from one way to the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.config.layout import SYSTEM
from checker.install.key_ways import AS_ASKED
from checker.install.places import DROP_IN
from checker.install.plan import plan
from checker.install.readers import KEYS_FOLDER_MODE
from checker.install.steps import (
    Choices,
    Entry,
    Folder,
    Found,
    GoLive,
    InitPlan,
    KeysFound,
    KeysInLine,
    KeysMove,
    KeysProof,
    Remove,
    Step,
)
from checker.install.unit_files import KEYS_USER
from checker.registry.key_files import Stand
from checker.sshd.lockdown import drop_in, keys_command
from tests.checker.install.machines import STOCK, done, entry_of, files_of

RUNS = KeysFound(is_sshd_active=True)
COMMAND = keys_command(SYSTEM.keys).encode()
BY_FILE = drop_in("reversi")
BY_FINGERPRINT = drop_in("reversi", keys_user=KEYS_USER)


def about_keys(planned: InitPlan) -> list[str]:
    """The steps that move keys or tell sshd where they are, in order."""
    return [one for step in planned.steps if (one := said(step))]


def said(step: Step) -> str:
    match step:
        case KeysInLine():
            return "write"
        case KeysMove(stand=stand):
            return str(stand)
        case KeysProof():
            return "log in"
        case GoLive():
            by = any(COMMAND in file.content for file in files_of(step))
            return f"sshd reads {'fingerprints' if by else 'the file'}"
        case Folder(path=SYSTEM.keys):
            return "directory"
        case _:
            return ""


def settled(found: Found, **keys: object) -> Found:
    """The gateway whose keys are by fingerprint."""
    there = replace(RUNS, stand=Stand.FINGERPRINT)
    after = done(replace(found, keys=there))
    folder = Entry(mode=0o755, owner="root", group="root", is_folder=True)
    return replace(
        after,
        entries={**after.entries, SYSTEM.keys: folder},
        keys=replace(there, **keys),  # type: ignore[arg-type]
    )


def test_a_new_gateway_reads_keys_by_fingerprint_once_a_login_has_shown_it() -> None:
    planned = plan(replace(STOCK, keys=RUNS))

    assert about_keys(planned) == [
        "directory",
        "to fingerprint",
        "sshd reads fingerprints",
        "log in",
    ]
    proof = planned.steps[-1]
    assert isinstance(proof, KeysProof)
    assert proof.back.file.path == DROP_IN
    assert proof.back.file.content == BY_FILE
    assert proof.back.reload


def test_a_gateway_of_an_earlier_release_migrates() -> None:
    planned = plan(replace(done(STOCK), keys=RUNS))

    assert about_keys(planned) == [
        "directory",
        "to fingerprint",
        "sshd reads fingerprints",
        "log in",
    ]


def test_a_second_run_changes_nothing() -> None:
    assert plan(settled(STOCK)) == InitPlan(steps=())


@pytest.mark.parametrize(
    "keys", [KeysFound(), replace(RUNS, why="sshd said no")], ids=["sshd is down", "it refused"]
)
def test_the_key_file_stays(keys: KeysFound) -> None:
    assert plan(replace(done(STOCK), keys=keys)) == InitPlan(steps=())


def test_a_refusal_is_tried_again_if_asked() -> None:
    keys = replace(RUNS, why="sshd said no", asked="fingerprint")

    assert about_keys(plan(replace(done(STOCK), keys=keys)))[-1] == "log in"


def test_on_the_way_back_the_key_file_comes_first_and_the_files_go_last() -> None:
    planned = plan(settled(STOCK, asked="file"))

    assert about_keys(planned) == ["to file", "sshd reads the file", "file"]
    assert planned.steps[-1] == KeysMove(stand=Stand.FILE, why=AS_ASKED)


def test_the_wish_for_one_file_is_kept() -> None:
    asked = replace(RUNS, asked="file")
    wished = plan(replace(done(STOCK), keys=asked))
    assert wished.steps == (KeysMove(stand=Stand.FILE, why=AS_ASKED),)
    assert plan(replace(done(STOCK), keys=replace(asked, why=AS_ASKED))).steps == ()


@pytest.mark.parametrize(
    ("stand", "ends"),
    [(Stand.TO_FINGERPRINT, "log in"), (Stand.FINGERPRINT, "log in"), (Stand.TO_FILE, "file")],
)
@pytest.mark.parametrize("is_live", [True, False])
def test_what_was_interrupted_is_finished(stand: Stand, ends: str, is_live: bool) -> None:
    found = settled(STOCK, stand=stand, is_in_both=True)
    content = BY_FINGERPRINT if is_live else BY_FILE
    entry = Entry(mode=0o644, owner="root", group="root", content=content)
    found = replace(found, entries={**found.entries, DROP_IN: entry})

    steps = about_keys(plan(found))

    assert steps[-1] == ends
    assert steps[0] in ("to fingerprint", "to file")


def test_without_a_proof_no_key_leaves_the_key_file() -> None:
    """Whatever is planned, our lines leave it only after a login, or were not there before."""
    for stand in Stand:
        for is_in_both in (True, False):
            for runs in (True, False):
                keys = KeysFound(
                    stand=stand, is_in_both=is_in_both, is_sshd_active=runs, has_faults=True
                )
                for step in plan(replace(settled(STOCK), keys=keys)).steps:
                    if isinstance(step, KeysMove) and step.stand is Stand.FINGERPRINT:
                        assert stand is Stand.FINGERPRINT
                        assert not is_in_both


def test_damaged_files_are_written_again() -> None:
    assert about_keys(plan(settled(STOCK, has_faults=True))) == ["fingerprint"]
    assert about_keys(plan(replace(settled(STOCK), keys_lag=True))) == ["write"]


def test_a_drop_in_that_the_admin_changed_stays_and_so_do_the_keys() -> None:
    found = done(STOCK)
    entry = Entry(mode=0o644, owner="root", group="root", content=BY_FILE + b"# mine\n")
    found = replace(found, entries={**found.entries, DROP_IN: entry})

    planned = plan(replace(found, keys=replace(RUNS, asked="fingerprint")))

    assert about_keys(planned) == []
    assert any("where sshd reads the keys" in note for note in planned.notes)


def test_files_of_a_move_that_never_began_are_removed() -> None:
    found = replace(done(STOCK), keys=replace(RUNS, why=AS_ASKED))
    folder = entry_of(Folder(path=SYSTEM.keys))
    found = replace(found, entries={**found.entries, SYSTEM.keys: replace(folder, is_folder=True)})

    assert plan(found).steps == (Remove(path=SYSTEM.keys),)


def test_a_closed_gateway_closes_the_files_to_all_but_who_reads_them() -> None:
    found = settled(replace(STOCK, choices=Choices(readers="watchers")))

    (folder,) = (
        step for step in plan(found).steps if isinstance(step, Folder) and step.path == SYSTEM.keys
    )

    assert (folder.mode, folder.owner, folder.group) == (KEYS_FOLDER_MODE, "root", KEYS_USER)
    assert "fingerprint" in about_keys(plan(found))
