"""The key file, private keys, the socket and the spool, and who can reach or write them."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from checker.config.files import groups_of, may_read, unreachable_part
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.doctor.examine_keys import fingerprint_facts, loose_part
from checker.doctor.facts import KeyFacts, PlaceFacts, SshdFacts
from checker.install.readable import installation, unreadable
from checker.install.steps import Entry, Trouble, UserAccount
from checker.install.unit_files import DAEMON_USER
from checker.linux.accounts import group_name, user_name
from checker.registry.authorized_keys import gate_command, keys_lag, present_keys
from checker.registry.key_lines import programs_in


def key_facts(layout: Layout, account: UserAccount | None, sshd: SshdFacts | None) -> KeyFacts:
    path = layout.authorized_keys
    needed, blocked = unreachable(layout, account) or (None, None)
    uid = account.uid if account else 0
    return KeyFacts(
        file=outside(path),
        is_closed=is_closed_to(path, account),
        loose=loose_part(path, uid, within=strict_from(layout, sshd)),
        lag=can_read_keys(layout) and keys_lag(layout),
        programs_gone=programs_gone(layout),
        open_secrets=tuple(open_secrets(layout)),
        unreadable=unreadable_part(layout, account),
        unreachable=needed,
        unreachable_at=blocked,
        by_fingerprint=fingerprint_facts(layout, sshd, user_name(uid) if account else ""),
    )


def can_read_keys(layout: Layout) -> bool:
    """Return whether we may read where the keys are."""
    return os.access(layout.authorized_keys, os.R_OK, effective_ids=True) and (
        not layout.key_list.exists() or os.access(layout.key_list, os.R_OK, effective_ids=True)
    )


def place_facts(layout: Layout, uid: int) -> PlaceFacts:
    there = layout.socket.exists()
    return PlaceFacts(
        socket_mode=stat.S_IMODE(layout.socket.stat().st_mode) if there else None,
        socket_blocked=unreachable_part(layout.socket, uid) if there else None,
        spool=outside(layout.spool),
    )


def programs_gone(layout: Layout) -> tuple[str, ...]:
    """Return the programs that key lines start but that are gone."""
    try:
        content = present_keys(layout)
    except ConfigError:
        return ()
    return tuple(sorted(path for path in programs_in(content) if is_gone(path)))


def is_gone(path: str) -> bool:
    """Return whether the path, or the target of its links, is missing; False if unknown."""
    try:
        os.stat(path)  # noqa: PTH116 - Path.exists raises where we may not look
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def strict_from(layout: Layout, sshd: SshdFacts | None) -> Path:
    """Return the directory from which on down sshd requires that others cannot write.

    If the sshd of a home runs without StrictModes, nothing above the home matters.
    """
    is_lax = sshd is None or sshd.effective.get("strictmodes", "").lower() != "yes"
    return layout.home if layout.home is not None and is_lax else Path("/")


def open_secrets(layout: Layout) -> Iterator[Path]:
    """Yield the private keys that others than their owner can read or write."""
    kept = [
        path
        for folder in (layout.nodes, layout.enrolments)
        if os.access(folder, os.R_OK | os.X_OK)
        for path in sorted(folder.glob("*.key"))
    ]
    for path in (layout.host_key, *kept):
        with contextlib.suppress(OSError):
            if path.stat().st_mode & 0o077:
                yield path


def unreachable(layout: Layout, account: UserAccount | None) -> tuple[Path, Path] | None:
    """Return what the tunnel user needs but cannot reach, and the directory that keeps it out."""
    if account is None or account.uid == os.geteuid():
        return None
    command = gate_command(layout)
    for needed in (Path(command.python), Path(command.gate), layout.nodes / "x", layout.run / "x"):
        if needed.parent.exists() and (blocked := unreachable_part(needed, account.uid)):
            return needed, blocked
    return None


def unreadable_part(layout: Layout, account: UserAccount | None) -> Trouble | None:
    """Try, as the two accounts of an installed gateway, to read what runs reversi."""
    if layout.home is not None or account is None or os.geteuid() != 0:
        return None
    here = installation(sys.executable)
    users = (user_name(account.uid), DAEMON_USER)
    return unreadable(users, here) if here is not None else None


def is_closed_to(path: Path, account: UserAccount | None) -> bool:
    """Return whether the file is there, and this user cannot read it."""
    if account is None or not path.exists():
        return False
    return not may_read(path.stat(), account.uid, groups_of(account.uid))


def outside(path: Path) -> Entry | None:
    """Return owner and mode, without the contents, which we may not be allowed to read."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Entry(
        mode=stat.S_IMODE(found.st_mode),
        owner=user_name(found.st_uid),
        group=group_name(found.st_gid),
    )
