"""What `uninstall` plans."""

from __future__ import annotations

from dataclasses import replace

from checker.install.places import (
    CONFIG,
    DROP_IN,
    MANIFEST,
    REST,
    RUN,
    STATE,
    TMPFILES,
    UNITS,
)
from checker.install.steps import (
    Command,
    Entry,
    Remove,
    Withdraw,
)
from checker.install.undo import EndSessions, Installed, Leave, undo
from tests.checker.install.machines import STOCK, done


def test_uninstall_removes_both_drop_ins_of_sshd() -> None:
    there = done(STOCK)
    installed = Installed(
        files=there.written,
        folders=[],
        made=[],
        entries=there.entries,
        has_systemd=False,
        sshd_unit="",
        tunnel_user="reversi",
    )

    assert [
        step.path for step in undo(installed, purge=False)[0] if isinstance(step, Withdraw)
    ] == [DROP_IN, REST]


def test_uninstall_removes_what_the_manifest_lists_in_the_opposite_order() -> None:
    there = done(STOCK)
    installed = Installed(
        files=there.written,
        folders=[str(path) for path in (CONFIG, STATE, RUN)],
        made=["group reversi-operators", "user reversi"],
        entries=there.entries,
        has_systemd=True,
        sshd_unit="ssh.service",
        tunnel_user="reversi",
    )

    steps, notes = undo(installed, purge=False)

    assert steps == (
        Command(
            words=("systemctl", "disable", "--now", "reversi-checker.service", "reversi-keys.path"),
            must=False,
        ),
        Command(words=("systemctl", "stop", "reversi-keys.service"), must=False),
        *(
            Withdraw(path=path, reload=("systemctl", "try-reload-or-restart", "ssh.service"))
            for path in (DROP_IN, REST)
        ),
        Remove(path=TMPFILES),
        *(Remove(path=path) for path in UNITS),
        Command(words=("systemctl", "daemon-reload")),
        EndSessions(user="reversi"),
        Remove(path=RUN),
        Remove(path=STATE),
        Command(words=("userdel", "reversi")),
        Command(words=("groupdel", "reversi-operators")),
        Leave(path=CONFIG),
    )
    assert "left: /etc/reversi, with the registry" in notes[0]
    assert undo(installed, purge=True)[0][-1] == Remove(path=CONFIG)
    assert not installed.is_undone
    left = replace(
        installed, files={}, folders=[str(CONFIG)], made=[], has_systemd=False, entries={}
    )
    assert left.is_undone
    assert undo(left, purge=True)[0] == (Remove(path=CONFIG),)


def test_uninstall_leaves_changed_files_and_accounts_that_were_there_before() -> None:
    there = done(STOCK)
    changed = Entry(mode=0o644, owner="root", group="root", content=b"mine\n")
    installed = Installed(
        files=there.written,
        folders=[],
        made=[],
        entries={TMPFILES: changed},
        has_systemd=False,
        sshd_unit="",
        tunnel_user="reversi",
    )

    steps, notes = undo(installed, purge=False)

    assert steps == (Remove(path=MANIFEST),)
    assert notes[0] == f"left: {TMPFILES}, which was changed since init wrote it"
    assert Remove(path=TMPFILES) in undo(installed, purge=True)[0]
