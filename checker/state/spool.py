"""The spool: JSON lines that sessions of the tunnel user leave for the daemon.

They may not write the state file themselves.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from checker.model import Event, NodeName, Port, ProcessId, Registration, printable
from checker.state.rows import Batch, event_row, kind_from, registration_row
from checker.wire import split_client

FILE = "left"
MAX_BYTES = 1 << 20
"""A spool that nobody reads stops growing here."""
LAST_INSTANT = 2.0**33


def leave(folder: Path, batch: Batch) -> None:
    """Append the batch's events and registrations.

    What cannot be written is lost: a node's tunnel does not wait for it.
    """
    lines = [json.dumps({"event": event_row(event)}) for event in batch.events]
    lines += [
        json.dumps({"registration": registration_row(registration)})
        for registration in batch.registrations
    ]
    if lines:
        append(folder / FILE, "\n".join(lines) + "\n")


def append(path: Path, text: str) -> None:
    """Append to the file unless it is full; do nothing if that is impossible."""
    try:
        handle = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
    except OSError:
        return
    try:
        if os.fstat(handle).st_size < MAX_BYTES:
            os.write(handle, text.encode())
    except OSError:
        return
    finally:
        os.close(handle)


def collect(folder: Path, uid: int) -> Batch:
    """Take what the tunnel user left; drop entries that are malformed."""
    events: list[Event] = []
    registrations: list[Registration] = []
    for line in take_text(folder, uid).splitlines():
        try:
            entry = json.loads(line)
            if "event" in entry:
                events.append(event_in(entry["event"]))
            else:
                registrations.append(registration_in(entry["registration"]))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue
    return Batch(events=events, registrations=registrations)


def take_text(folder: Path, uid: int) -> str:
    """Read and remove the file; empty if it is not a regular file of this user or of ours."""
    path = folder / f"{FILE}.taken"
    try:
        (folder / FILE).rename(path)  # sessions write to a new file from now on
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid not in (uid, os.geteuid()):
            return ""
        text = os.read(handle, 2 * MAX_BYTES).decode("utf-8", "replace")
        path.unlink()
    except OSError:
        return ""
    finally:
        os.close(handle)
    return text


def whole(value: Any, highest: int) -> int:
    """Parse a number that the state file can hold. Raises ValueError, TypeError, OverflowError."""
    if 0 <= int(value) <= highest:
        return int(value)
    raise ValueError(value)


def instant(value: Any) -> float:
    """Parse Unix seconds that a calendar can show. Raises ValueError, TypeError."""
    if 0 <= float(value) <= LAST_INSTANT:
        return float(value)
    raise ValueError(value)


def event_in(row: Any) -> Event:
    """Parse an event. Raises ValueError, KeyError, TypeError, OverflowError."""
    return Event(
        at=instant(row["at"]),
        kind=kind_from(row["kind"], row.get("act")),
        text=printable(str(row["text"]), 400),
        node=None if row["node"] is None else NodeName(printable(str(row["node"]))),
        port=None if row["port"] is None else Port(whole(row["port"], 65535)),
        actor=printable(str(row["actor"]), 80),
    )


def registration_in(row: Any) -> Registration:
    """Parse a registration. Raises ValueError, KeyError, TypeError, OverflowError."""
    node = NodeName(printable(str(row["node"])))
    client, moves, home = split_client(printable(str(row.get("client", ""))))
    return Registration(
        node=node,
        instance=printable(str(row["instance"])),
        session=ProcessId(
            pid=whole(row["pid"], 2**31), start_ticks=whole(row["start_ticks"], 2**62)
        ),
        peer=printable(str(row["peer"])),
        registered_at=instant(row["registered_at"]),
        inodes=frozenset(whole(inode, 2**63) for inode in str(row["inodes"]).split()),
        client=client,
        moves=moves,
        home=home,
    )
