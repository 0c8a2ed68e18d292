"""Try as another account what it can read, in a process of that account."""

from __future__ import annotations

import json
import os
import pwd
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """What the kernel knows an account by."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A file that an account cannot read, and the part of its path that keeps the account out."""

    path: Path
    at: Path
    mode: int = 0o700


def ids_of(name: str) -> Ids:
    """Return the ids of an account; for one that does not exist, ids that no account has."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        taken = {user.pw_uid for user in pwd.getpwall()} | {user.pw_gid for user in pwd.getpwall()}
        free = next(number for number in range(59_999, 0, -1) if number not in taken)
        return Ids(uid=free, gid=free)
    groups = tuple(os.getgrouplist(name, found.pw_gid))
    return Ids(uid=found.pw_uid, gid=found.pw_gid, groups=groups)


def first_closed(ids: Ids, paths: Sequence[Path], *, program: Path) -> Closed | None:
    """Return the first of these files and directories that the account cannot read, or the program
    if it cannot run it; None if all is well, or if we cannot become that account.
    """
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:  # no threads run here, and the child only reads
        try:
            os.close(readable)
            os.write(writable, answer(ids, paths, program))
        finally:
            os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    found = json.loads(said) if said else None
    if not found:
        return None
    path, at = map(Path, found)
    return Closed(path=path, at=at, mode=stat.S_IMODE(at.stat().st_mode))


def answer(ids: Ids, paths: Sequence[Path], program: Path) -> bytes:
    """Become the account, and try everything; empty if we cannot become it."""
    try:
        os.setgroups(ids.groups)
        os.setgid(ids.gid)
        os.setuid(ids.uid)
    except OSError:
        return b""
    closed = next((path for path in paths if not may_read(path)), None)
    if closed is None and not os.access(program, os.X_OK):
        closed = program
    return b"" if closed is None else json.dumps([str(closed), str(barrier(closed))]).encode()


def may_read(path: Path) -> bool:
    """Return whether this process can read the file, or list and enter the directory."""
    try:
        if path.is_dir():
            os.listdir(path)  # noqa: PTH208 - only whether it can be listed
            return os.access(path, os.X_OK)
        with path.open("rb"):
            return True
    except FileNotFoundError:
        return True
    except OSError:
        return False


def barrier(path: Path) -> Path:
    """Return the first directory on the way to the file that this process cannot enter; the file
    itself if it can enter them all.
    """
    for place in (*reversed(path.parents), path):
        real = Path(os.path.realpath(place))
        for part in (*reversed(real.parents), real):
            if part != Path(os.path.realpath(path)) and not os.access(part, os.X_OK):
                return part
    return Path(os.path.realpath(path))
