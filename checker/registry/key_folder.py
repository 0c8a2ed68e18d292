"""The directory with a file for each key: write and remove files there, and find what is wrong.

Files and directories are of one owner, group and mode, that of the directory itself. sshd reads
them by a command that runs as another user, who can write nothing there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from checker.config.files import mode_in, sync_folder
from checker.config.toml_file import ConfigError
from checker.registry.key_lines import TRIAL

FEW = 8
"""Of more files, not each is flushed to disk by itself, but the whole disk once."""
FILE_MODE = 0o644
LOOSE = 0o022
TRIAL_LIVES_S = 600
"""Longer than the key of `doctor --login` is in use."""


def put_files(folder: Path, changes: Mapping[str, bytes]) -> None:
    """Write these files, and remove those without content. Raises ConfigError."""
    try:
        is_few = len(changes) <= FEW
        for name, content in changes.items():
            if content:
                put_file(folder, name, content, is_synced=is_few)
            else:
                drop_file(folder, name, is_synced=is_few)
        if not is_few:
            os.sync()
    except OSError as error:
        raise cannot_write(folder, error) from error


def cannot_write(folder: Path, error: OSError) -> ConfigError:
    return ConfigError(
        folder,
        f"cannot be written ({error.strerror}); check free space and permissions of {folder}",
    )


def put_file(folder: Path, name: str, content: bytes, *, is_synced: bool = True) -> None:
    """Write one file whole or not at all. Raises OSError."""
    path = folder / name
    make_parents(folder, path.parent, is_synced=is_synced)
    handle, temporary = tempfile.mkstemp(prefix=".", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode_in(folder.stat(), FILE_MODE))
            if is_synced:
                os.fsync(file.fileno())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    if is_synced:
        sync_folder(path.parent)


def make_parents(folder: Path, place: Path, *, is_synced: bool) -> None:
    """Make the directories of a file, with the mode of the top one. Raises OSError."""
    if place == folder or place.is_dir():
        return
    make_parents(folder, place.parent, is_synced=is_synced)
    mode = stat.S_IMODE(folder.stat().st_mode)
    place.mkdir(mode=mode & 0o777, exist_ok=True)  # another writer may have made it meanwhile
    # only if needed: a service without CAP_FSETID would lose the setgid bit, which is inherited
    if stat.S_IMODE(place.stat().st_mode) != mode:
        place.chmod(mode)
    if is_synced:
        sync_folder(place.parent)


def drop_file(folder: Path, name: str, *, is_synced: bool = True) -> None:
    """Remove one file, and the directories that it leaves empty. Raises OSError."""
    path = folder / name
    path.unlink(missing_ok=True)
    place = path.parent
    if is_synced and place.is_dir():
        sync_folder(place)
    with contextlib.suppress(OSError):  # others are in it
        while place != folder:
            place.rmdir()
            place = place.parent


def reconcile(folder: Path, wanted: Mapping[str, bytes]) -> None:
    """Make the directory hold exactly these files. The key of a running `doctor --login` stays.
    Raises ConfigError.
    """
    try:
        if not folder.is_dir():
            folder.mkdir()
            folder.chmod(0o755)
            sync_folder(folder.parent)
        differing = dict(differences(folder, wanted))
        for name in differing:
            mend_parents(folder, name)
    except OSError as error:
        raise cannot_write(folder, error) from error
    put_files(folder, {name: wanted.get(name, b"") for name in differing})


def mend_parents(folder: Path, name: str) -> None:
    """Give the directories of a file mode and group of the top one, and remove a link or a file in
    the place of one. Raises OSError.
    """
    top = folder.stat()
    place = folder
    for part in Path(name).parts[:-1]:
        place /= part
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            place.unlink()
        if not place.exists():
            return
        found = place.stat()
        if (found.st_uid, found.st_gid) != (top.st_uid, top.st_gid):
            os.chown(place, top.st_uid, top.st_gid)
        if stat.S_IMODE(place.stat().st_mode) != stat.S_IMODE(top.st_mode):
            place.chmod(stat.S_IMODE(top.st_mode))
    last = folder / name
    if last.is_dir() and not last.is_symlink():
        shutil.rmtree(last)


def differences(folder: Path, wanted: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Yield each file that is not as it should be, and why, as a clause. Raises OSError."""
    there = set()
    top = folder.stat()
    for name in names_in(folder):
        there.add(name)
        content = wanted.get(name)
        why = fault(folder, name, content, top)
        if why:
            yield name, why
    for name in wanted.keys() - there:
        yield name, "is missing"


def names_in(folder: Path, below: str = "") -> Iterator[str]:
    """Yield the name of everything in the directory that is not a directory. Raises OSError."""
    with os.scandir(folder / below) as found:
        entries = list(found)
    for entry in entries:
        name = f"{below}{entry.name}"
        if entry.is_dir(follow_symlinks=False) and not name.endswith(".pub"):
            yield from names_in(folder, f"{name}/")
        else:
            yield name


def fault(folder: Path, name: str, content: bytes | None, top: os.stat_result) -> str:
    """Say what is wrong with a file, as a clause; empty if nothing is. Raises OSError."""
    path = folder / name
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        return "is not a file"
    present = path.read_bytes()
    if content is None:
        is_trial = present.rstrip().endswith(TRIAL.encode())
        is_new = time.time() - found.st_mtime < TRIAL_LIVES_S
        return "" if is_trial and is_new else "is of no key in the registry"
    if present != content:
        return "does not follow the registry"
    if found.st_mode & LOOSE or found.st_uid != top.st_uid:
        return "can be written by others"
    is_wanted = stat.S_IMODE(found.st_mode) == mode_in(top, FILE_MODE)
    if not is_wanted or found.st_gid != top.st_gid:
        return "has another mode or group than the directory"
    for parent in path.parents:
        if parent == folder:
            return ""
        place = parent.lstat()
        same = (place.st_uid, place.st_gid, stat.S_IMODE(place.st_mode))
        if same != (top.st_uid, top.st_gid, stat.S_IMODE(top.st_mode)):
            return "is in a directory with another owner, group or mode"
    return ""


def remove_folder(folder: Path) -> None:
    """Remove the directory. Raises ConfigError."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_write(folder, error) from error
