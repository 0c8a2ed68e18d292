"""The file of the mutes, beside the state file: read by all, written by the daemon or by root.

If it cannot be used, nothing is muted: an alert too many is better than silence.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from checker.config.files import make_folder, write_atomically
from checker.config.layout import is_there
from checker.config.toml_file import ConfigError, beginning
from checker.model import CheckerError, Event, EventKind, Mute, MuteChange, NodeName, printable
from checker.model.mute import MOST_BYTES, changed_mutes, mutes_in, mutes_text
from checker.output import clock
from checker.state.store import make_for_daemon

MOST_TEXT = 400
"""Characters of an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundMutes:
    """What the file says."""

    mutes: tuple[Mute, ...] = ()
    """Also those that ended."""
    trouble: str = ""
    """Why nothing is muted, as a sentence; empty if the file is as we write it, or missing."""


class TooManyMutes(CheckerError):
    """The file would be too large."""

    def __init__(self) -> None:
        super().__init__(
            f"the mutes would take more than {MOST_BYTES >> 20} MiB; mute with --filter, which"
            " takes one line however many forwards it matches"
        )


def read_mutes(path: Path) -> FoundMutes:
    """Read the file; it raises nothing."""
    if not is_there(path):
        return FoundMutes()
    try:
        content = beginning(path, MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigError(path, f"is larger than {MOST_BYTES >> 20} MiB, so it is not ours")
        return FoundMutes(mutes=mutes_in(content.decode()))
    except ConfigError as error:
        return FoundMutes(trouble=f"nothing is muted: {error}")
    except (CheckerError, UnicodeDecodeError) as error:
        return FoundMutes(
            trouble=(
                f"nothing is muted: {path}: {error}; remove the file, and mute again:"
                " reversi-checker mute --help"
            )
        )


def change_mutes(path: Path, change: MuteChange) -> str:
    """Write the mutes as they are after this change; a sentence if the file was broken, and was
    moved aside. Raises ConfigError, StateError, TooManyMutes.
    """
    with locked(path):
        found = read_mutes(path)
        after = changed_mutes(found.mutes, change, time.time())
        if after == found.mutes and not found.trouble:
            return ""
        content = mutes_text(after).encode()
        if len(content) > MOST_BYTES:
            raise TooManyMutes
        aside = moved_aside(path) if found.trouble else ""
        make_for_daemon(path)
        write_atomically(path, content, mode=0o644)
        return aside


def rename_muted(path: Path, old: NodeName, new: NodeName) -> str:
    """Let the mutes of a node follow it to its new name; why that failed, empty if it did not."""
    mutes = [mute for mute in read_mutes(path).mutes if mute.selector.node == old]
    if not mutes:
        return ""
    change = MuteChange(
        add=tuple(replace(mute, selector=replace(mute.selector, node=new)) for mute in mutes),
        remove=tuple(mute.selector for mute in mutes),
    )
    try:
        return change_mutes(path, change)
    except CheckerError as error:
        return f"node {new} is no longer muted: {error}"


def mute_events(change: MuteChange, operator: str, now: float) -> tuple[Event, ...]:
    """An event for each mute that is made or taken back."""
    made = (
        (EventKind.MUTE, mute.selector, f"muted until {clock(mute.until)}: {mute.why}")
        for mute in change.add
    )
    taken_back = ((EventKind.UNMUTE, selector, "no longer muted") for selector in change.remove)
    return tuple(
        Event(
            at=now,
            kind=kind,
            text=printable(text if selector.node else f"{selector} {text}", MOST_TEXT),
            node=selector.node,
            port=selector.port,
            actor=operator,
        )
        for kind, selector, text in (*made, *taken_back)
    )


def moved_aside(path: Path) -> str:
    """Keep a broken file under another name; a sentence that says so. Raises ConfigError."""
    aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
    try:
        path.replace(aside)
    except OSError as error:
        raise ConfigError(path, f"cannot be moved aside ({error.strerror})") from error
    return f"the mutes before this one are lost: the file was broken, and is now {aside}"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on the file for the block. It is on a file beside it that only its owner and root
    can open: whoever can open a lock can hold it for ever. Raises ConfigError, StateError.
    """
    lock = path.with_name(f".{path.name}.lock")
    make_folder(path.parent)
    make_for_daemon(lock, 0o600)
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(lock, f"cannot be used ({error.strerror})") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
