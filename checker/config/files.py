"""Read files, write them whole or not at all, and make directories, while others read them."""

from __future__ import annotations

import os
import pwd
import stat
import tempfile
from collections.abc import Collection
from pathlib import Path

from checker.config.toml_file import ConfigError


def groups_of(uid: int) -> frozenset[int]:
    """Return the groups that a new session of this user has; none for an unknown user."""
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        return frozenset()
    return frozenset(os.getgrouplist(found.pw_name, found.pw_gid))


def may_read(found: os.stat_result, uid: int, groups: Collection[int]) -> bool:
    """Return whether this user may read the file, or list and enter the directory."""
    needed = 0o5 if stat.S_ISDIR(found.st_mode) else 0o4
    shift = 6 if found.st_uid == uid else 3 if found.st_gid in groups else 0
    return uid == 0 or found.st_mode >> shift & needed == needed


def unreachable_part(path: Path, uid: int) -> Path | None:
    """The first directory on the way to `path` that the user `uid` cannot enter; None if there is
    none.
    """
    groups = groups_of(uid)
    for place in reversed(path.resolve().parents):
        found = place.stat()
        passes = 0o100 if found.st_uid == uid else 0o010 if found.st_gid in groups else 0o001
        if uid != 0 and not found.st_mode & passes:
            return place
    return None


def mode_in(folder: os.stat_result, mode: int) -> int:
    """Return the mode of a new file in this directory.

    A directory whose new files get its group (setgid), and that others cannot list, is closed to
    them (`readers_group`); then its new files are, too.
    """
    is_closed = folder.st_mode & stat.S_ISGID and not folder.st_mode & stat.S_IROTH
    return mode & ~0o007 if is_closed else mode


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read. Raises ConfigError."""
    write_atomically(path, content, mode=0o600)
    path.chmod(0o600)


def make_folder(path: Path) -> None:
    """Make the directory, with its parents. Raises ConfigError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            path, f"cannot be made ({error.strerror}); it must be a directory that we may write"
        ) from error


def make_readable_folder(path: Path) -> None:
    """Make the directory readable for all, whatever our umask is; leave an existing one alone.
    Raises OSError.
    """
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(0o755)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Return the device and inode of a file or directory, to see whether another one is there by
    now; None if it cannot be found.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def present_file(path: Path) -> bytes | None:
    """Return the content of the file; None if it does not exist. Raises ConfigError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            path, f"cannot be read ({error.strerror}); check its permissions"
        ) from error


def write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    """Write the file whole or not at all. An existing one keeps its mode and owner; a new one in a
    closed directory is closed too. Raises ConfigError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                take_after(path, file.fileno(), mode)
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            path,
            f"cannot be written ({error.strerror}); check free space and permissions of"
            f" {path.parent}",
        ) from error


def take_after(path: Path, handle: int, mode: int) -> None:
    """Give a new file the owner and the mode of the one that it replaces; `mode` if there is none.
    Raises OSError.
    """
    if not path.exists():
        os.fchmod(handle, mode_in(path.parent.stat(), mode))
        return
    present, made = path.stat(), os.fstat(handle)
    os.fchmod(handle, stat.S_IMODE(present.st_mode))
    if (present.st_uid, present.st_gid) != (made.st_uid, made.st_gid):
        os.fchown(handle, present.st_uid, present.st_gid)


def write_changed(path: Path, content: bytes, *, mode: int) -> None:
    """Write the file only if its content changes, so that a full disk harms nothing otherwise.
    Raises ConfigError.
    """
    try:
        if path.read_bytes() == content:
            return
    except OSError:
        pass  # if it matters, writing fails too
    write_atomically(path, content, mode=mode)


def sync_folder(path: Path) -> None:
    """Flush the directory to disk (fsync). Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all, without fsync: after a reboot nobody reads it."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, encoding="ascii")
    temporary.replace(path)
