"""Put what an archive has in the place of what is there, with the earlier state kept in another."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.config.files import sync_folder
from checker.config.layout import Layout
from checker.install.archive import HOME_CONFIG, SSH, STATE, is_of_this_machine, place_of
from checker.install.backup import back_up, content_of
from checker.install.host_keys import host_keys, used_keys
from checker.install.unpack import Member, Unpacked
from checker.model import CheckerError, Event, EventKind
from checker.registry.key_places import restored
from checker.registry.lock import locked
from checker.state.rows import Batch
from checker.state.store import open_store

KEPT = Path("/var/backups/reversi")
"""Where an installed gateway keeps what `restore` replaces; a home has a directory in itself."""
SHOWN = 12
"""Changes that are shown before the question."""
Say = Callable[[str], None]


class RestoreFailed(CheckerError):
    """A step failed; what was there before is in an archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Write a file or a directory of the archive to its place."""

    member: Member
    path: Path
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Remove a file that the archive does not have."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RestorePlan:
    """What `restore` changes."""

    puts: Sequence[Put]
    drops: Sequence[Drop]
    all_members: Sequence[Put]
    """Also those that are there already."""

    def lines(self) -> Iterator[str]:
        """One line for each change."""
        for put in self.puts:
            if not put.member.is_folder:
                yield f"{'write' if put.is_new else 'replace'} {put.path}"
        for drop in self.drops:
            yield f"remove {drop.path}"

    def summary(self) -> Iterator[str]:
        """The first changes, how many more there are, and what happens to the present state."""
        lines = list(self.lines())
        yield from lines[:SHOWN]
        if lines[SHOWN:]:
            yield f"and change {len(lines) - SHOWN} more files: --dry-run lists them"
        yield "back up what is there now, so that you can restore it; end no tunnel"


def plan_restore(
    puts: Sequence[Put], present: Mapping[Path, str], droppable: Sequence[Path]
) -> RestorePlan:
    """Plan the changes. `present` has the digest of each file that is there. Pure."""
    wanted = {put.path for put in puts}
    return RestorePlan(
        puts=[
            put
            for put in puts
            if put.member.is_folder or present.get(put.path) != put.member.sha256
        ],
        drops=[Drop(path=path) for path in droppable if path not in wanted],
        all_members=puts,
    )


def survey_restore(layout: Layout, unpacked: Unpacked) -> RestorePlan:
    """Compare the archive with what is there. Raises OSError."""
    places = {member.name: place_of(layout, member.name) for member in unpacked.members}
    for used in used_keys(layout):
        for half in (used, *(used.with_name(used.name + end) for end in (".pub", "-cert.pub"))):
            if str(SSH / half.name) in places:
                places[str(SSH / half.name)] = half
    puts = [
        Put(
            member=member, path=places[member.name], is_new=not os.path.lexists(places[member.name])
        )
        for member in unpacked.members
        if not is_parent(layout, member)
    ]
    present = {
        put.path: content_of(put.path).sha256
        for put in puts
        if put.path.is_file() and not put.path.is_symlink()
    }
    return plan_restore(puts, present, sorted(settings_files(layout)))


def is_parent(layout: Layout, member: Member) -> bool:
    """Whether it is a directory that `init` makes, or the system."""
    return member.is_folder and place_of(layout, member.name) in (
        layout.config.parent,
        layout.host_key.parent,
        layout.state.parent,
        *layout.config.parent.parents,
    )


def settings_files(layout: Layout) -> Iterator[Path]:
    """Yield the files of settings and registry that an archive replaces as a whole."""
    top = layout.config.parent
    tops = [top] if layout.home is None else [top / name for name in HOME_CONFIG]
    for place in tops:
        found = place.rglob("*") if place.is_dir() else [place]
        for path in found:
            is_ours = not is_of_this_machine(path.relative_to(top))
            if is_ours and os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
                yield path


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The backup of what `restore` replaces."""

    archive: Path
    has_history: bool
    """Whether it has the state file, too, which a damaged one cannot be."""


def keep_present(layout: Layout, say: Say) -> Kept | None:
    """Back up what is there now; return None if nothing is. Raises CheckerError."""
    if not (layout.config.exists() or layout.state.exists() or host_keys(layout)):
        return None
    folder = KEPT if layout.home is None else layout.home / "backups"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RestoreFailed(f"{folder} cannot be made ({error.strerror})") from error
    now = time.time()
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    names = (f"before-restore-{stamp}{more}.tar.gz" for more in ("", *map(str, range(-2, -99, -1))))
    kept = next(path for path in map(folder.joinpath, names) if not path.exists())
    done = back_up(layout, kept, force=False, now=now)
    for note in done.notes:
        say(note)
    return Kept(archive=kept, has_history=done.has_history)


def set_state_aside(state: Path, now: float) -> Path | None:
    """Rename a state file that no backup has; return its new path, or None if there is none.
    Raises OSError.
    """
    if not state.exists():
        return None
    aside = state.with_name(f"{state.name}.replaced-{int(now)}")
    for end in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            state.with_name(state.name + end).rename(aside.with_name(aside.name + end))
    return aside


def put_back(layout: Layout, unpacked: Unpacked, planned: RestorePlan) -> None:
    """Change the files. Raises RestoreFailed, ConfigError."""
    try:
        with locked(layout):
            for put in planned.puts:
                write(unpacked, put)
            # the archive's key file has all keys, and now it is the one that counts
            restored(layout.authorized_keys)
            for drop in planned.drops:
                drop.path.unlink(missing_ok=True)
                sync_folder(drop.path.parent)
    except OSError as error:
        raise RestoreFailed(
            f"{error.filename} cannot be changed ({error.strerror or error})"
        ) from error


def write(unpacked: Unpacked, put: Put) -> None:
    """Raises OSError."""
    if put.member.is_folder:
        put.path.mkdir(mode=0o755, parents=True, exist_ok=True)
        put.path.chmod(put.member.mode)
        return
    is_state = put.member.name == str(STATE / "state.db")
    put.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{put.path.name}.", dir=put.path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, unpacked.path(put.member).open("rb") as source:
            shutil.copyfileobj(source, file)
            file.flush()
            give(file.fileno(), put.member)
            os.fchmod(file.fileno(), put.member.mode)
            os.fsync(file.fileno())
        if is_state:  # the log of the file that goes would damage the one that comes
            for end in ("-wal", "-shm"):
                put.path.with_name(put.path.name + end).unlink(missing_ok=True)
        temporary.replace(put.path)
        sync_folder(put.path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def give(place: int | Path, member: Member) -> bool:
    """Give a file to the account and the group of the archive's names, if we are root; return
    whether both exist here. Numbers of another machine mean nothing here. Raises OSError.
    """
    uid, gid = uid_of(member.owner), gid_of(member.group)
    if os.geteuid() == 0:
        follow = {} if isinstance(place, int) else {"follow_symlinks": False}
        os.chown(place, 0 if uid is None else uid, 0 if gid is None else gid, **follow)
    return uid is not None and gid is not None


def uid_of(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def gid_of(name: str) -> int | None:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def ownerless(planned: RestorePlan) -> list[Put]:
    """Return what belongs to accounts that this machine does not have, or not yet."""
    return [
        put
        for put in planned.all_members
        if uid_of(put.member.owner) is None or gid_of(put.member.group) is None
    ]


def give_again(puts: Sequence[Put]) -> list[str]:
    """Set the owners that `init` has made meanwhile; return a sentence for each name that is still
    no account here. Raises OSError.
    """
    strangers: dict[str, Path] = {}
    for put in puts:
        with contextlib.suppress(FileNotFoundError):
            if put.path.is_symlink():
                continue
            if not give(put.path, put.member):
                strangers.setdefault(f"{put.member.owner}:{put.member.group}", put.path)
            put.path.chmod(put.member.mode)
    return [
        f"{path} belonged to {names}, which this machine does not have: it is root's now"
        for names, path in strangers.items()
    ]


def note_restored(unpacked: Unpacked, archive: Path, actor: str, now: float) -> None:
    """Write the event into the unpacked history, if there is one. Raises StateError."""
    state = unpacked.folder / STATE / "state.db"
    if not state.exists():
        return
    made = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unpacked.about.made_at))
    text = f"restored {archive.name}, made on {unpacked.about.machine} at {made}"
    store = open_store(state)
    try:
        store.write(Batch(events=(Event(at=now, kind=EventKind.GATEWAY, text=text, actor=actor),)))
    finally:
        store.close()


def is_offered(layout: Layout, planned: RestorePlan) -> bool:
    """Whether this machine's sshd names one of the host keys in the archive; True if unknown."""
    keys = {
        put.path
        for put in planned.all_members
        if put.member.name.startswith(f"{SSH}/") and not put.path.name.endswith(".pub")
    }
    used = set(used_keys(layout))
    return not keys or not used or bool(keys & used)
