"""What `uninstall` does: from the manifest, and what is still there, to a list of steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from checker.config.layout import SYSTEM
from checker.install.alert_files import closed_again
from checker.install.extra_drop_ins import EXTRAS
from checker.install.extra_units import EXTRA_UNITS, forget_folders, forget_state
from checker.install.places import (
    ALERTS,
    BUS_FILE,
    BUS_UNIT_FILES,
    CONFIG,
    DROP_INS,
    ENABLED,
    EXTRA_UNIT_FILES,
    FLEET_PATH_FILE,
    FLEET_SERVICE_FILE,
    FLEET_STATE,
    FLEET_UNIT_FILES,
    KEYS_SERVICE_FILE,
    MANIFEST,
    READERS_DROP_INS,
    RUN,
    SERVICE,
    STATE,
    SYSCTL,
    TMPFILES,
    UNIT_FILE,
    UNITS,
)
from checker.install.sshd_drop_ins import reload_words
from checker.install.steps import Command, Entry, NotSent, Remove, Withdraw, digest
from checker.install.tuning import TUNE, left_value, restore_value

OURS_TO_REMOVE = (
    TMPFILES,
    SYSCTL,
    TUNE,
    *UNITS,
    *EXTRA_UNIT_FILES,
    *FLEET_UNIT_FILES,
    *BUS_UNIT_FILES,
    *READERS_DROP_INS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndSessions:
    """End all tunnels: an account in use cannot be removed."""

    user: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """Reduce the manifest to the one directory that stays, for a later --purge."""

    path: Path


Undo = Command | Remove | Withdraw | EndSessions | Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What `init` made, and what is still there."""

    files: Mapping[str, str]
    folders: Sequence[str]
    made: Sequence[str]
    entries: Mapping[Path, Entry]
    has_systemd: bool
    sshd_unit: str
    tunnel_user: str
    not_sent: NotSent = field(default_factory=NotSent)
    packaged: frozenset[str] = frozenset()
    """The units of a package, by name, if the gateway runs them and has none of its own."""

    @property
    def is_undone(self) -> bool:
        """Whether only what an earlier `uninstall` left is there."""
        return not (self.files or self.made) and list(self.folders) == [str(CONFIG)]


def undo(there: Installed, *, purge: bool) -> tuple[tuple[Undo, ...], tuple[str, ...]]:
    """Plan the steps, in order, and say what stays."""
    files, notes = file_steps(there, purge=purge)
    steps: list[Undo] = []
    has_own = UNIT_FILE in there.entries and str(UNIT_FILE) in there.files
    if there.has_systemd and (has_own or SERVICE in there.packaged):
        more = (*EXTRA_UNIT_FILES, FLEET_PATH_FILE, *BUS_UNIT_FILES)
        extra = [path.name for path in more if is_run(there, path)]
        steps.append(Command(words=("systemctl", "disable", "--now", *ENABLED, *extra), must=False))
        steps.append(Command(words=("systemctl", "stop", KEYS_SERVICE_FILE.name), must=False))
        if is_run(there, FLEET_PATH_FILE):
            words = ("systemctl", "stop", FLEET_SERVICE_FILE.name)
            steps.append(Command(words=words, must=False))
        if BUS_FILE.name in extra:
            steps.append(forget_folders(BUS_FILE))
        steps.extend(
            forget_state(unit) for unit in EXTRA_UNITS if unit.has_state and unit.path.name in extra
        )
    steps.extend(files)
    if there.has_systemd:
        steps.append(Command(words=("systemctl", "daemon-reload")))
    if f"user {there.tunnel_user}" in there.made:
        steps.append(EndSessions(user=there.tunnel_user))
    steps.extend(
        Remove(path=path)
        for path in (RUN, STATE, FLEET_STATE)
        if str(path) in there.folders and path in there.entries
    )
    steps.extend(
        Command(words=(f"{kind}del", name))
        for kind, _, name in (made.partition(" ") for made in reversed(there.made))
    )
    steps.append(last_step(there, purge=purge))
    if not purge and ALERTS in there.entries:
        steps[-1:-1] = closed_again()
    if not purge:
        what = f"the registry ({SYSTEM.nodes.name}/), {SYSTEM.config.name} and the key file"
        notes.append(f"left: {CONFIG}, with {what}; uninstall --purge removes them")
    if str(SYSCTL) in there.files:
        notes.append("left until the next boot: the ports that the kernel reserves")
    return tuple(steps), tuple(notes)


def file_steps(there: Installed, *, purge: bool) -> tuple[list[Undo], list[str]]:
    """Remove the files of `init`; without `purge`, leave and name those that were changed."""
    steps: list[Undo] = []
    notes: list[str] = []
    for path in (*EXTRAS, *DROP_INS, *OURS_TO_REMOVE):
        content = content_of_ours(there, path)
        if content is None:
            notes.extend(left_extra(there, path))
            continue
        if not purge and digest(content) != there.files[str(path)]:
            notes.append(f"left: {path}, which was changed since init wrote it")
            continue
        if path == TUNE:
            steps.extend(restore_value(content, there.not_sent))
            notes.extend(left_value(content, there.not_sent))
        if path in DROP_INS or path in EXTRAS:
            steps.append(Withdraw(path=path, reload=reload_words(there.sshd_unit)))
        else:
            steps.append(Remove(path=path))
    return steps, notes


def left_extra(there: Installed, path: Path) -> Iterator[str]:
    """Name a file for sshd that has a name of ours and other lines than ours."""
    if path in EXTRAS and path in there.entries:
        yield f"left: {path}, which was changed; see whom it still lets in, and remove it"


def is_run(there: Installed, unit: Path) -> bool:
    """Return whether the service may run as `init` turned it on."""
    return unit.name in there.packaged or content_of_ours(there, unit) is not None


def content_of_ours(there: Installed, path: Path) -> bytes | None:
    """Return the present content of a file that `init` wrote; None if it is gone or not ours."""
    entry = there.entries.get(path)
    return entry.content if entry is not None and str(path) in there.files else None


def last_step(there: Installed, *, purge: bool) -> Undo:
    """Remove the manifest; without `purge`, keep the directory that it is in."""
    if purge:
        return Remove(path=CONFIG)
    return Leave(path=CONFIG) if str(CONFIG) in there.folders else Remove(path=MANIFEST)
