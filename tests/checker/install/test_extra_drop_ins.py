"""Files for sshd that only some machines need: made, kept, and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from checker.install.extra_drop_ins import EXTRAS, allow, is_as_made, lists_in
from checker.install.places import ALLOW
from checker.install.plan import plan
from checker.install.steps import Entry, Found, GoLive, Step, Withdraw, digest
from checker.install.undo import Installed, undo
from tests.checker.install.machines import STOCK, done, words, written

RELOAD = ("systemctl", "try-reload-or-restart", "ssh.service")
OURS = allow("reversi", ("AllowUsers",))


def gateway(
    users: str, *, asked: bool = False, there: bytes | None = None, groups: str = ""
) -> Found:
    """A gateway whose sshd has these lists, ours included."""
    found = done(STOCK)
    entries = dict(found.entries)
    if there is not None:
        entries[ALLOW] = entry(there)
    lists = {"allowusers": users, "allowgroups": groups}
    return replace(found, entries=entries, allowed=lists, allow_login=asked)


def entry(content: bytes) -> Entry:
    return Entry(mode=0o644, owner="root", group="root", content=content)


@pytest.mark.parametrize(
    ("found", "content"),
    [
        pytest.param(gateway("root", asked=True), b"AllowUsers reversi\n", id="one list"),
        pytest.param(
            gateway("root", groups="wheel", asked=True),
            b"AllowUsers reversi\nAllowGroups reversi\n",
            id="two lists",
        ),
        pytest.param(
            gateway("root *@10.0.0.0/8", asked=True),
            b"AllowUsers reversi\n",
            id="let in from some addresses only",
        ),
        pytest.param(
            gateway("root reversi", there=b"AllowUsers reversi\n"),
            b"AllowUsers reversi\n",
            id="an earlier doctor's file becomes ours",
        ),
        pytest.param(
            gateway(
                "reversi",
                groups="wheel reversi",
                there=allow("reversi", ("AllowUsers", "AllowGroups")),
            ),
            b"AllowGroups reversi\n",
            id="one of two lists is gone",
        ),
    ],
)
def test_a_file_adds_the_tunnel_user_to_the_lists_that_shut_it_out(
    found: Found, content: bytes
) -> None:
    file = written(plan(found))[ALLOW]

    assert file.content.partition(b"\n")[2] == content
    assert (GoLive(file=file, reload=RELOAD)) in plan(found).steps


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(gateway("root"), id="not asked for"),
        pytest.param(gateway("", asked=True), id="no list"),
        pytest.param(gateway("root rev*", asked=True), id="in by a pattern"),
        pytest.param(gateway("root reversi", there=OURS), id="there already"),
        pytest.param(gateway("root", there=b"AllowUsers reversi anna\n"), id="changed"),
        pytest.param(
            replace(gateway("reversi", there=OURS), allowed=None), id="sshd was not asked"
        ),
    ],
)
def test_nothing_is_changed_without_need(found: Found) -> None:
    assert plan(found).steps == ()


def test_the_file_goes_once_the_admins_own_list_is_gone() -> None:
    """If only our file were left, nobody but the tunnel user could log in."""
    steps: tuple[Step, ...] = plan(gateway("reversi", there=OURS)).steps

    assert steps == (Withdraw(path=ALLOW, reload=RELOAD),)


def test_a_file_that_was_changed_is_named() -> None:
    assert any(str(ALLOW) in note for note in plan(gateway("", there=b"AllowUsers a b\n")).notes)
    assert words(plan(gateway("", there=b"AllowUsers a b\n"))) == []


@pytest.mark.parametrize("purge", [True, False])
def test_uninstall_takes_each_of_these_files_back(purge: bool) -> None:
    there = done(STOCK)
    files = {**there.written, **{str(path): digest(OURS) for path in EXTRAS}}
    entries = {**there.entries, **{path: entry(OURS) for path in EXTRAS}}

    steps, _ = undo(installed(files, entries), purge=purge)

    assert [step.path for step in steps if isinstance(step, Withdraw)][:3] == list(EXTRAS)


def test_uninstall_names_a_file_that_is_not_as_we_make_it() -> None:
    there = done(STOCK)

    steps, notes = undo(installed(there.written, {**there.entries, ALLOW: entry(b"x")}), purge=True)

    assert any(note.startswith(f"left: {ALLOW}") for note in notes)
    assert ALLOW not in [step.path for step in steps if isinstance(step, Withdraw)]


def installed(files: Mapping[str, str], entries: Mapping[Path, Entry]) -> Installed:
    return Installed(
        files=files,
        folders=[],
        made=[],
        entries=entries,
        has_systemd=True,
        sshd_unit="ssh.service",
        tunnel_user="reversi",
    )


@pytest.mark.parametrize(
    ("content", "lists", "is_ours"),
    [
        pytest.param(OURS, ("AllowUsers",), True, id="init"),
        pytest.param(
            b"AllowUsers reversi\nAllowGroups reversi\n",
            ("AllowUsers", "AllowGroups"),
            True,
            id="doctor",
        ),
        pytest.param(b"PerSourcePenaltyExemptList 192.0.2.1,192.0.2.2\n", (), True, id="exempt"),
        pytest.param(b"Match User reversi\nRequiredRSASize 1024\nMatch all\n", (), True, id="keys"),
        pytest.param(b"AllowUsers reversi root\n", ("AllowUsers",), False, id="another name"),
        pytest.param(b"PermitRootLogin yes\n", (), False, id="another line"),
    ],
)
def test_our_files_are_known_by_their_lines(
    content: bytes, lists: tuple[str, ...], is_ours: bool
) -> None:
    assert (lists_in(content), is_as_made(content)) == (lists, is_ours)
