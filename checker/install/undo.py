"""What `uninstall` is to do: from what `init` noted, and what is still there, to a list of steps.
Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from checker.config.layout import SYSTEM
from checker.install.plan import (
    CONFIG,
    DROP_INS,
    ENABLED,
    MANIFEST,
    RUN,
    STATE,
    SYSCTL,
    TMPFILES,
    UNIT_FILE,
    UNITS,
    reload_words,
)
from checker.install.steps import Command, Entry, NotSent, Remove, digest
from checker.install.tuning import TUNE, left_value, restore

OURS_TO_REMOVE = (TMPFILES, SYSCTL, TUNE, *UNITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """sshd's drop-in goes, and sshd reads its configuration again."""

    path: Path
    reload: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessions:
    """All tunnels end: an account in use can not be removed."""

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The list of what `init` made is cut down to the one directory that stays, for a later
    --purge.
    """

    path: Path


Undo = Command | Remove | Withdraw | EndSessions | Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What there is to undo."""

    files: Mapping[str, str]
    folders: Sequence[str]
    made: Sequence[str]
    entries: Mapping[Path, Entry]
    has_systemd: bool
    sshd_unit: str
    tunnel_user: str
    not_sent: NotSent = field(default_factory=NotSent)

    @property
    def is_undone(self) -> bool:
        """Whether nothing but what an earlier `uninstall` left is there."""
        return not (self.files or self.made) and list(self.folders) == [str(CONFIG)]


def undo(there: Installed, *, purge: bool) -> tuple[tuple[Undo, ...], tuple[str, ...]]:
    """The steps, in order, and what is left, as sentences."""
    steps: list[Undo] = []
    notes: list[str] = []
    if there.has_systemd and UNIT_FILE in there.entries and str(UNIT_FILE) in there.files:
        steps.append(Command(words=("systemctl", "disable", "--now", *ENABLED), must=False))
    for path in (*DROP_INS, *OURS_TO_REMOVE):
        fate = is_as_written(there, path)
        if fate is False and not purge:
            notes.append(f"left: {path}, which was changed since init wrote it")
        elif fate is not None:
            if path == TUNE:
                content = there.entries[path].content or b""
                steps.extend(restore(content, there.not_sent))
                notes.extend(left_value(content, there.not_sent))
            steps.append(
                Withdraw(path=path, reload=reload_words(there.sshd_unit))
                if path in DROP_INS
                else Remove(path=path)
            )
    if there.has_systemd:
        steps.append(Command(words=("systemctl", "daemon-reload")))
    if f"user {there.tunnel_user}" in there.made:
        steps.append(EndSessions(user=there.tunnel_user))
    steps.extend(
        Remove(path=path)
        for path in (RUN, STATE)
        if str(path) in there.folders and path in there.entries
    )
    steps.extend(
        Command(words=(f"{kind}del", name))
        for kind, _, name in (made.partition(" ") for made in reversed(there.made))
    )
    is_made = str(CONFIG) in there.folders
    steps.append(
        Remove(path=CONFIG) if purge else Leave(path=CONFIG) if is_made else Remove(path=MANIFEST)
    )
    if not purge:
        what = f"the registry ({SYSTEM.nodes.name}/), {SYSTEM.config.name} and the key file"
        notes.append(f"left: {CONFIG}, with {what}; uninstall --purge removes them")
    if str(SYSCTL) in there.files:
        notes.append("left until the next boot: the ports that the kernel reserves")
    return tuple(steps), tuple(notes)


def is_as_written(there: Installed, path: Path) -> bool | None:
    """Whether a file of ours is as we wrote it; None where it is gone, or never was ours."""
    written, found = there.files.get(str(path)), there.entries.get(path)
    if written is None or found is None or found.content is None:
        return None
    return digest(found.content) == written
