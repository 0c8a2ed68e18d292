"""The inbox: what operators and other gateways leave for root, one file for each batch.

Whoever may write there may be anybody: so no link is followed, no name is believed, and what is too
large is thrown away unread.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from checker.config.files import make_folder
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.fleet.sealed import MOST_BATCH, Sealed, parse_batch
from checker.model import CheckerError, InvalidValue, printable

AT_ONCE = 50
"""Most batches that are taken out in one run."""
STALE_AFTER_S = 3600
"""A batch that takes longer to write is never finished."""


@dataclass(kw_only=True)
class Taken:
    """What was in the inbox."""

    paths: list[Path] = field(default_factory=list)
    batches: list[list[Sealed]] = field(default_factory=list)
    size: int = 0
    """Bytes in these batches."""
    troubles: list[str] = field(default_factory=list)


def drop(layout: Layout, content: bytes, folder: Path | None = None) -> Path:
    """Leave a batch in the inbox; the agent of a bus has a folder of its own. Raises
    ConfigError.
    """
    folder = folder or layout.inbox
    if layout.home is not None:
        make_folder(folder)
    name = f"batch-{time.time_ns()}-{os.getpid()}"
    part, path = folder / f".{name}.part", folder / name
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(folder, why_not(error)) from error
    return path


def why_not(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "is missing; run: sudo reversi-checker init"
    return (
        f"cannot be written ({error.strerror}); only root, and members of operators_group in a"
        " fleet that signs, may bring entries"
    )


def opened(folder: Path) -> int | None:
    """Open the inbox, which must be no link; None if there is none."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(folder, flags)
    except OSError:
        return None


def read_inbox(layout: Layout, now: float) -> Taken:
    """Read the batches in the inbox, and in the folder of the agent."""
    taken = Taken()
    for folder in (layout.inbox, layout.from_bus):
        read_folder(folder, taken, now)
    return taken


def read_folder(folder: Path, taken: Taken, now: float) -> None:
    place = opened(folder)
    if place is None:
        return
    try:
        names = os.listdir(place)  # noqa: PTH208 - of a descriptor
        whole = [one for one in names if not is_being_written(one, place, now)]
        for name in chosen(whole, place, MOST_BATCH - taken.size):
            taken.paths.append(folder / name)
            try:
                taken.batches.append(parse_batch(content_of(name, place)))
                taken.size += size_of(name, place)
            except (CheckerError, OSError) as error:
                said = error.strerror if isinstance(error, OSError) else error
                taken.troubles.append(f"{printable(name)} in the inbox was thrown away: {said}")
    finally:
        os.close(place)


def chosen(names: Iterable[str], place: int, room: int) -> list[str]:
    """Return what to take out now, by name: small batches first, and together no more than one
    large one, so that nobody keeps those of others waiting. The rest is for the next run.
    """
    found: list[str] = []
    for name in sorted(names, key=lambda one: (size_of(one, place), one))[:AT_ONCE]:
        size = size_of(name, place)
        if size > MOST_BATCH:
            size = 0  # it is thrown away unread
        if found and size > room:
            break
        found.append(name)
        room -= size
    return sorted(found)


def size_of(name: str, place: int) -> int:
    """Return how many bytes it has; 0 if that is unknown."""
    try:
        return os.stat(name, dir_fd=place, follow_symlinks=False).st_size
    except OSError:
        return 0


def throw_away(paths: Iterable[Path]) -> None:
    """Remove these from their folders, whatever they are."""
    for path in paths:
        place = opened(path.parent)
        if place is None:
            continue
        try:
            os.unlink(path.name, dir_fd=place)
        except OSError:
            shutil.rmtree(path.name, ignore_errors=True, dir_fd=place)
        finally:
            os.close(place)


def is_being_written(name: str, place: int, now: float) -> bool:
    """Return whether somebody still writes this file."""
    if not name.startswith("."):
        return False
    try:
        found = os.stat(name, dir_fd=place, follow_symlinks=False)
    except OSError:
        return True  # it has its name by now
    return stat.S_ISREG(found.st_mode) and now - found.st_mtime < STALE_AFTER_S


def content_of(name: str, place: int) -> bytes:
    """Read a batch. Raises InvalidValue, OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(name, flags, dir_fd=place)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise InvalidValue("it is not a regular file")
        if found.st_size > MOST_BATCH:
            raise InvalidValue(f"it is larger than {MOST_BATCH >> 20} MiB")
        return file.read(MOST_BATCH)
