"""Write files whole or not at all, and make directories, while others read them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from checker.config.toml_file import ConfigError


def unreachable_part(path: Path, uid: int) -> Path | None:
    """The first directory on the way to `path` that the user `uid` cannot enter; None if there is
    none.
    """
    for place in reversed(path.resolve().parents):
        found = place.stat()
        passes = 0o100 if found.st_uid == uid else 0o001
        if uid != 0 and not found.st_mode & passes:
            return place
    return None


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


def write_atomically(path: Path, content: bytes, *, mode: int) -> None:
    """Write the file whole or not at all. An existing one keeps its mode and owner. Raises
    ConfigError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                present = path.stat() if path.exists() else None
                os.fchmod(file.fileno(), present.st_mode & 0o7777 if present else mode)
                if present and (present.st_uid, present.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), present.st_uid, present.st_gid)
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
