"""Where a gateway keeps the signed entries: `fleet/nodes/NAME.toml`, with the signature beside it.

An older release reads none of it. What could not be taken yet, because its port or key belongs to
another node, waits in `fleet/left-out/`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from checker.config.files import make_readable_folder, write_atomically, write_changed
from checker.config.layout import Layout
from checker.config.toml_file import MOST_BYTES, ConfigError, beginning, toml_files
from checker.model import InvalidValue, NodeName
from checker.registry.entries import TOMBSTONE_KEPT_S, Entry, parse_entry

SIGNATURE = ".sig"
MOST_SIGNATURE = 1 << 14
PAIR_TRIES = 100
"""How often a pair is read again that is being replaced; then it counts as not signed."""
LOOKED = ".tombstones"
"""Whose time says when tombstones were looked at last; an empty file."""
LOOKED_EVERY_S = 24 * 3600.0
WHY = ".why"
"""Beside an entry that was left out: the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptEntry:
    """An entry as it lies on the disk."""

    entry: Entry
    signature: bytes
    """Empty: nobody signed it."""


def entries_folder(layout: Layout) -> Path:
    return layout.fleet / "nodes"


def left_out_folder(layout: Layout) -> Path:
    return layout.fleet / "left-out"


def entry_path(layout: Layout, name: NodeName) -> Path:
    return entries_folder(layout) / f"{name}.toml"


def left_out_path(layout: Layout, name: NodeName) -> Path:
    return left_out_folder(layout) / f"{name}.toml"


def signature_path(path: Path) -> Path:
    return path.with_name(f"{path.name}{SIGNATURE}")


def read_kept(path: Path) -> KeptEntry | None:
    """Read an entry; None if there is none. Raises ConfigError."""
    if not os.path.lexists(path):
        return None
    text, signature = read_pair(path, MOST_BYTES + 1)
    try:
        entry = parse_entry(text)
    except InvalidValue as error:
        raise ConfigError(path, str(error)) from error
    if entry.name != path.stem:
        raise ConfigError(path, f"is the entry of node {entry.name}; move it away")
    return KeptEntry(entry=entry, signature=signature)


def read_pair(path: Path, most: int) -> tuple[bytes, bytes]:
    """Read a text, at most so many bytes, and the signature beside it; empty: nobody signed it.
    Raises ConfigError.

    Another process may replace both meanwhile. It removes the old signature first, so a text that
    was read while one signature stayed in its place belongs to that one.
    """
    place = signature_path(path)
    text = b""
    for _ in range(PAIR_TRIES):
        before = stamp_of(place)
        text = beginning(path, most)
        if before is None:
            return text, b""
        with contextlib.suppress(FileNotFoundError):
            signature = signature_in(place)
            if stamp_of(place) == before:
                return text, signature
    return text, b""


def stamp_of(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced; None if there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(path, f"cannot be read ({error.strerror})") from error
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns


def signature_in(place: Path) -> bytes:
    """Raises FileNotFoundError, ConfigError."""
    try:
        return beginning(place, MOST_SIGNATURE)
    except ConfigError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise error.__cause__ from None
        raise


def read_entry(layout: Layout, name: NodeName) -> KeptEntry | None:
    """Read the entry of a node; None if there is none. Raises ConfigError."""
    return read_kept(entry_path(layout, name))


def all_kept(folder: Path) -> Iterator[KeptEntry | ConfigError]:
    """Yield each entry of a folder by name, or why it cannot be read. Raises ConfigError."""
    for path in toml_files(folder):
        try:
            kept = read_kept(path)
        except ConfigError as error:
            yield error
        else:
            if kept is not None:
                yield kept


def write_signed(path: Path, text: bytes, signature: bytes) -> None:
    """Write a text and its signature. The old signature goes first: beside another text it would
    look like a forgery, and `read_pair` relies on it. Raises ConfigError.
    """
    try:
        make_readable_folder(path.parent)
        place = signature_path(path)
        if path.exists() and path.read_bytes() != text:
            place.unlink(missing_ok=True)
        write_changed(path, text, mode=0o644)
        if signature:
            write_atomically(place, signature, mode=0o644)
        else:
            place.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(path, f"cannot be written ({error.strerror})") from error


def forget(path: Path) -> None:
    """Remove a text and its signature."""
    signature_path(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def forget_left_out(layout: Layout, name: NodeName) -> None:
    """Forget the entry that waits, as a newer one counts."""
    path = left_out_path(layout, name)
    forget(path)
    path.with_suffix(WHY).unlink(missing_ok=True)


def forget_old_tombstones(layout: Layout, now: float) -> None:
    """Forget nodes that were removed long ago, by our clock and by that of whoever did it. Look at
    most once a day: there may be 30,000 entries. Raises ConfigError.
    """
    looked = layout.fleet / LOOKED
    with contextlib.suppress(OSError):
        if 0 <= now - looked.stat().st_mtime < LOOKED_EVERY_S:
            return
    for path in toml_files(entries_folder(layout)):
        with contextlib.suppress(OSError, ConfigError):
            if now - path.stat().st_mtime <= TOMBSTONE_KEPT_S:
                continue
            kept = read_kept(path)
            if (
                kept
                and kept.entry.node is None
                and now - kept.entry.head.changed_at > TOMBSTONE_KEPT_S
            ):
                forget(path)
    with contextlib.suppress(OSError):
        looked.touch()
        os.utime(looked, (now, now))
