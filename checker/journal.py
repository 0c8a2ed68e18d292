"""What the admin changed, for the log: as events, and into the state file where no daemon takes
them.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence

from checker.config import Layout
from checker.model import Event, EventKind, NodeName, Port
from checker.store import Batch, StateError, open_store


def events_of(
    clauses: Sequence[tuple[NodeName, Port | None, str]], operator: str
) -> tuple[Event, ...]:
    """An event for each change: node, port, and what was done."""
    now = time.time()
    return tuple(
        Event(at=now, kind=EventKind.REGISTRY, text=text, node=node, port=port, actor=operator)
        for node, port, text in clauses
    )


def write_down(
    layout: Layout, events: Sequence[Event], renamed: Sequence[tuple[NodeName, NodeName]] = ()
) -> str:
    """Put them into the state file; why that could not be done, empty where it was."""
    try:
        make_state_file(layout)
        with contextlib.closing(open_store(layout.state)) as store:
            store.write(Batch(events=events, renamed=renamed))
    except (StateError, OSError) as error:
        return str(error)
    return ""


def make_state_file(layout: Layout) -> None:
    """Where there is none, an empty one that belongs to whom its directory does: the daemon must be
    able to write it. Raises OSError.
    """
    if layout.state.exists():
        return
    layout.state.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(layout.state, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644))
    owner = layout.state.parent.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.chown(layout.state, owner.st_uid, owner.st_gid, follow_symlinks=False)
