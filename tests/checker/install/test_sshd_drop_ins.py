"""Which drop-ins of sshd `init` writes, and which ones then count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.install.places import (
    DROP_IN,
    REST,
)
from checker.install.plan import plan
from checker.install.sshd_drop_ins import live_drop_ins
from checker.install.steps import (
    Entry,
    Found,
    GoLive,
    digest,
)
from checker.sshd.lockdown import (
    EARLIER_STARTUPS,
    LOCKDOWN,
    drop_in,
    max_startups,
    released_drop_in,
    rest_of_drop_in,
)
from tests.checker.install.machines import STOCK, done


def released(content: bytes | None = None, *, noted: bytes = b"") -> Found:
    """A gateway of an earlier release: sshd's whole drop-in is in what is now the second file."""
    there = done(STOCK)
    entries = {path: entry for path, entry in there.entries.items() if path != DROP_IN}
    mine = released_drop_in("reversi", there.unknown_options) if content is None else content
    old = Entry(mode=0o644, owner="root", group="root", content=mine)
    return replace(there, entries={**entries, REST: old}, written={str(REST): digest(noted)})


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(released(), id="as the release before wrote it"),
        pytest.param(released(b"earlier\n", noted=b"earlier\n"), id="as one long ago wrote it"),
        pytest.param(released(released_drop_in("reversi")), id="of a package"),
    ],
)
def test_the_drop_in_of_an_earlier_release_moves_to_the_front(found: Found) -> None:
    planned = plan(found)
    (step,) = planned.steps

    assert isinstance(step, GoLive)
    assert [file.path for file in step.files] == [DROP_IN, REST]
    assert not any(file.backup for file in step.files)
    assert live_drop_ins(found, planned) == {
        DROP_IN: drop_in("reversi"),
        REST: rest_of_drop_in("reversi"),
    }


def test_a_drop_in_of_an_earlier_release_that_the_admin_changed_counts_until_force() -> None:
    found = released(b"mine\n")
    forced = replace(found, force=True)

    assert plan(found).steps == ()
    assert plan(found).notes[0].startswith(f"left as it is: {REST}")
    assert live_drop_ins(found, plan(found)) == {REST: b"mine\n"}
    (step,) = plan(forced).steps
    assert isinstance(step, GoLive)
    assert [(file.path, file.backup) for file in step.files] == [(DROP_IN, False), (REST, True)]


@pytest.mark.parametrize("startups", [EARLIER_STARTUPS, max_startups(2), max_startups(64)])
def test_init_fits_the_logins_at_once_to_the_machine(startups: str) -> None:
    there = done(replace(STOCK, startups=startups))
    now = replace(there, startups=max_startups(16), written={})
    noted = replace(there, startups=max_startups(16))

    (step,) = plan(noted).steps

    assert isinstance(step, GoLive)
    assert [file.content.count(b"MaxStartups 1600:30:3200\n") for file in step.files] == [1, 1]
    assert not any(file.backup for file in step.files)
    assert bool(plan(now).steps) is (startups != max_startups(64)), "else it is the admin's own"


def test_no_list_has_an_item_twice_after_a_rollback() -> None:
    """The earlier release would reject `AcceptEnv X X`."""
    both = (drop_in("reversi", ()) + released_drop_in("reversi", ())).decode()

    assert both.count("AcceptEnv") == 1
    assert both.count("PermitTTY") == 2
    together = (drop_in("reversi", ()) + rest_of_drop_in("reversi")).decode()
    assert [key for key in LOCKDOWN if f"    {key} " not in together] == []


def test_init_warns_about_a_file_that_sshd_runs_at_each_login() -> None:
    planned = plan(replace(done(STOCK), sshrc=(Path("/etc/ssh/sshrc"),)))

    assert planned.steps == ()
    (warning,) = planned.warnings
    assert warning.startswith("sshd runs /etc/ssh/sshrc at each login")
    assert "old client" in warning
    assert "sudo sed -i" in warning
