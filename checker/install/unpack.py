"""Read an archive of `backup`: check all of it, and unpack it into a directory of our own."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from checker.config.settings import load_config
from checker.install.archive import ABOUT, CONFIG, MOST_ABOUT, About, BadBackup, about_from, why_not
from checker.model import CheckerError
from checker.registry.reading import read_registry
from checker.state.errors import StateNewer
from checker.state.store import is_sound, open_reader

CHUNK = 1 << 20
FILE_MODES, FOLDER_MODES = 0o777, 0o2777
"""The bits of a mode that are restored: no file of ours is setuid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file or directory of an archive."""

    name: str
    mode: int
    owner: str
    group: str
    sha256: str = ""
    """Empty for a directory."""

    @property
    def is_folder(self) -> bool:
        return not self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """An archive that was checked, and lies unpacked in a directory of ours."""

    about: About
    members: Sequence[Member]
    folder: Path
    nodes: int
    warnings: Sequence[str]

    def path(self, member: Member) -> Path:
        return self.folder / member.name


def unpack(archive: Path, folder: Path) -> Unpacked:
    """Check the archive and unpack it. Raises BadBackup: then only `folder` has anything of it."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            about = read_about(archive, tar)
            members = [
                member for entry in tar if (member := taken(archive, tar, entry, about, folder))
            ]
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise BadBackup(archive, f"is damaged, or no archive of `backup` ({error})") from error
    except OSError as error:
        where = error.filename or archive
        raise BadBackup(
            archive, f"cannot be unpacked ({where}: {error.strerror or error})"
        ) from error
    names = [member.name for member in members]
    missing = about.files.keys() - set(names)
    if missing or len(set(names)) != len(names):
        raise BadBackup(archive, f"lacks {min(missing)}" if missing else "has a file twice")
    nodes, warnings = judge(archive, folder)
    return Unpacked(about=about, members=members, folder=folder, nodes=nodes, warnings=warnings)


def read_about(archive: Path, tar: tarfile.TarFile) -> About:
    """Raises BadBackup, tarfile.TarError, OSError."""
    first = tar.next()
    if first is None or first.name != ABOUT or not first.isreg() or first.size > MOST_ABOUT:
        raise BadBackup(archive, f"was not written by `backup`, or lost its first file, {ABOUT}")
    file = tar.extractfile(first)
    return about_from(archive, file.read() if file else b"")


def taken(
    archive: Path, tar: tarfile.TarFile, entry: tarfile.TarInfo, about: About, folder: Path
) -> Member | None:
    """Check and unpack one entry. Raises BadBackup, tarfile.TarError, OSError."""
    if entry.name == ABOUT:
        return None
    if why := why_not(entry.name):
        raise BadBackup(archive, why)
    if not entry.isreg() and not entry.isdir():
        raise BadBackup(archive, f"has {entry.name}, which is neither a file nor a directory")
    place = folder / entry.name
    sha256 = ""
    if entry.isdir():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    else:
        known = about.files.get(entry.name)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sha256 = copy_out(tar, entry, place)
        if known is None or (known.size, known.sha256) != (entry.size, sha256):
            raise BadBackup(archive, f"{entry.name} in it is not what was backed up")
    return Member(
        name=entry.name,
        mode=entry.mode & (FOLDER_MODES if entry.isdir() else FILE_MODES),
        owner=entry.uname,
        group=entry.gname,
        sha256=sha256,
    )


def copy_out(tar: tarfile.TarFile, entry: tarfile.TarInfo, place: Path) -> str:
    """Return the digest of what was written. Raises tarfile.TarError, OSError."""
    digest = hashlib.sha256()
    source = tar.extractfile(entry)
    assert source is not None
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        while part := source.read(CHUNK):
            digest.update(part)
            file.write(part)
    return digest.hexdigest()


def judge(archive: Path, folder: Path) -> tuple[int, list[str]]:
    """Return how many nodes the registry has, and what is wrong with it. Raises BadBackup if the
    daemon would not start with these files.
    """
    try:
        config = folder / CONFIG / "reversi.toml"
        load_config(config)
        registry = read_registry(folder / CONFIG / "nodes")
        check_state(archive, folder)
    except CheckerError as error:
        raise BadBackup(archive, str(error)) from error
    return len(registry.nodes), [one.sentence for one in registry.broken_files]


def check_state(archive: Path, folder: Path) -> None:
    """Raises BadBackup, StateError."""
    state = folder / "var/lib/reversi/state.db"
    if not state.exists():
        return
    try:
        reader = open_reader(state)
    except StateNewer as newer:
        raise BadBackup(
            archive,
            f"a newer reversi wrote its history (schema {newer.version}, this one knows"
            f" {newer.known}); install that release first",
        ) from newer
    try:
        if not is_sound(reader):
            raise BadBackup(archive, "its history is damaged")
    finally:
        reader.close()
