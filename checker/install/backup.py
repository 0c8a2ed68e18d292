"""Write a gateway's settings, registry, host keys and history to one archive."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import os
import socket
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from checker import __version__
from checker.config.files import sync_folder
from checker.config.layout import Layout
from checker.install.archive import (
    ABOUT,
    CONFIG,
    HOME_CONFIG,
    SSH,
    About,
    Content,
    about_json,
    is_of_this_machine,
    member_of,
)
from checker.install.extra_units import EXTRA_UNITS
from checker.install.host_keys import host_keys
from checker.install.tuning import TUNE
from checker.install.unit_facts import is_turned_on
from checker.linux.accounts import group_name, user_name
from checker.model import CheckerError
from checker.registry.authorized_keys import present_keys
from checker.registry.last_good import record_path
from checker.registry.lock import locked
from checker.state.errors import StateError, StateMissing, translated
from checker.state.store import open_reader

TEMPORARY = ".reversi-backup-"


class CannotBackUp(CheckerError):
    """The archive cannot be written; an earlier one is as before."""


@dataclass(slots=True, kw_only=True)
class Backup:
    """What is in an archive that was just written."""

    nodes: int = 0
    host_keys: int = 0
    private_keys: int = 0
    """Kept keys of devices, and those of enrolments."""
    has_history: bool = False
    notes: list[str] = field(default_factory=list)
    """Sentences about what is missing or different."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file or directory to put into an archive."""

    name: str
    like: Path
    """Whose mode and owner it gets."""
    content: bytes | None = None
    """What the file said when it was read, once; None for a directory and for a copy."""
    copy: Path | None = None
    """A copy that nobody changes, if it may be large."""

    @property
    def is_folder(self) -> bool:
        return self.content is None and self.copy is None


def back_up(layout: Layout, archive: Path, *, force: bool, now: float) -> Backup:
    """Write the archive whole or not at all, readable only by us. Raises CheckerError."""
    inside = layout.nodes if layout.home else layout.config.parent
    if archive.parent.resolve().is_relative_to(inside.resolve()):
        raise CannotBackUp(f"{archive} would become part of itself; name a file outside {inside}")
    if os.path.lexists(archive) and not force:
        raise CannotBackUp(f"{archive} exists; name another file, or replace it with --force")
    done = Backup()
    try:
        with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=archive.parent) as name:
            folder = Path(name)
            with locked(layout):
                sources = [*config_sources(layout, done), *key_sources(layout, done)]
                sources += state_sources(layout, folder, done)
                pack(folder / "archive", sources, now)
            put(folder / "archive", archive, force=force)
            sync_folder(archive.parent)
    except OSError as error:
        raise CannotBackUp(
            f"{error.filename or archive} cannot be read or written ({error.strerror}); check free"
            f" space and permissions of {archive.parent}"
        ) from error
    return done


def put(made: Path, archive: Path, *, force: bool) -> None:
    """Raises CannotBackUp, OSError."""
    if force:
        made.replace(archive)
        return
    try:
        os.link(made, archive)  # unlike a rename, it never replaces a file
    except FileExistsError:
        raise CannotBackUp(
            f"{archive} exists; name another file, or replace it with --force"
        ) from None


def config_sources(layout: Layout, done: Backup) -> Iterator[Source]:
    """Yield the settings and the registry. Raises OSError."""
    top = layout.config.parent
    tops = sorted(top.iterdir()) if layout.home is None else [top / one for one in HOME_CONFIG]
    yield Source(name=str(CONFIG), like=top)
    for path in tops:
        if os.path.lexists(path):
            yield from tree(layout, path, done)


def tree(layout: Layout, path: Path, done: Backup) -> Iterator[Source]:
    """Yield a file, or a directory with all that is in it. A link is followed. Raises OSError."""
    if is_of_this_machine(path.relative_to(layout.config.parent)):
        return
    try:
        found = path.stat()
    except FileNotFoundError:
        done.notes.append(f"left out: {path}, a link to nowhere")
        return
    if stat.S_ISDIR(found.st_mode) and not path.is_symlink():
        yield Source(name=member_of(layout, path), like=path)
        for child in sorted(path.iterdir()):
            yield from tree(layout, child, done)
    elif stat.S_ISREG(found.st_mode):
        if path.is_symlink():
            done.notes.append(f"{path} is a link: the archive has the file that it leads to")
        is_ours = path.parent in (layout.nodes, layout.enrolments)
        is_node = path.parent == layout.nodes and not path.name.startswith(".")
        done.nodes += is_node and path.suffix == ".toml"
        done.private_keys += is_ours and path.suffix == ".key"
        content = present_keys(layout) if path == layout.authorized_keys else path.read_bytes()
        yield Source(name=member_of(layout, path), like=path, content=content)
    else:
        done.notes.append(f"left out: {path}, which is neither a file nor a directory")


def key_sources(layout: Layout, done: Backup) -> Iterator[Source]:
    """Yield the host keys with their public halves. Raises OSError."""
    for path in host_keys(layout):
        done.host_keys += 1
        for suffix in ("", ".pub", "-cert.pub"):
            half = path.with_name(path.name + suffix)
            if half.is_file():
                yield Source(name=str(SSH / half.name), like=half, content=half.read_bytes())
    if not done.host_keys:
        done.notes.append(
            f"no host key was found in {layout.host_key.parent}: devices refuse a gateway with"
            " other host keys"
        )


def state_sources(layout: Layout, folder: Path, done: Backup) -> Iterator[Source]:
    """Copy the state file as SQLite does, while the daemon writes it, and yield the copy."""
    copy = folder / layout.state.name
    try:
        copy_state(layout.state, copy)
    except StateMissing:
        done.notes.append(f"left out: the history, as there is no {layout.state} yet")
    except StateError as error:
        done.notes.append(f"left out: the history; {error}")
    else:
        done.has_history = True
        yield Source(name=member_of(layout, layout.state), like=layout.state, copy=copy)
    record = record_path(layout)
    with contextlib.suppress(FileNotFoundError):
        yield Source(name=member_of(layout, record), like=record, content=record.read_bytes())


def copy_state(state: Path, copy: Path) -> None:
    """Raises StateError."""
    reader = open_reader(state)
    try:
        with (
            reader.using() as db,
            translated(state),
            contextlib.closing(sqlite3.connect(copy)) as to,
        ):
            db.backup(to)
    finally:
        reader.close()


def pack(archive: Path, sources: list[Source], now: float) -> None:
    """Raises OSError."""
    about = About(
        version=__version__,
        made_at=int(now),
        machine=socket.gethostname(),
        tune=TUNE.exists(),
        services=tuple(unit.option for unit in EXTRA_UNITS if is_turned_on(unit)),
        files={one.name: digest_of(one) for one in sources if not one.is_folder},
    )
    handle = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        with (
            gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=int(now)) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            add_bytes(tar, ABOUT, about_json(about), now)
            for source in sources:
                add_source(tar, source, about)
        file.flush()
        os.fsync(file.fileno())


def digest_of(source: Source) -> Content:
    """Raises OSError."""
    if source.copy is None:
        content = source.content or b""
        return Content(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    return content_of(source.copy)


def content_of(path: Path) -> Content:
    """Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Content(size=file.tell(), sha256=digest)


def add_bytes(tar: tarfile.TarFile, name: str, content: bytes, now: float) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(now)
    entry.uname = entry.gname = "root"
    tar.addfile(entry, io.BytesIO(content))


def add_source(tar: tarfile.TarFile, source: Source, about: About) -> None:
    """Raises OSError."""
    found = source.like.stat()
    entry = tarfile.TarInfo(source.name)
    entry.mode, entry.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
    entry.uid, entry.gid = found.st_uid, found.st_gid
    entry.uname, entry.gname = user_name(found.st_uid), group_name(found.st_gid)
    if source.is_folder:
        entry.type = tarfile.DIRTYPE
        tar.addfile(entry)
        return
    entry.size = about.files[source.name].size
    with source.copy.open("rb") if source.copy else io.BytesIO(source.content or b"") as file:
        tar.addfile(entry, file)
