"""Change the mutes: through the daemon, or in this process if none answers or it is older."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from checker.config.layout import Layout
from checker.control.client import Control, DaemonAbsent, NotAllowed, ask, operator_name
from checker.model import CheckerError, Mute, MuteChange
from checker.model.mute import change_json, is_in_force, mute_json, selector_json
from checker.state.mutes import change_mutes, mute_events, read_mutes

AT_ONCE_BYTES = 40_000
"""The daemon reads messages of up to 64 KiB."""
T = TypeVar("T")


class OldDaemon(CheckerError):
    """The daemon that runs does not know what is asked, and this account may not do it itself."""

    def __init__(self) -> None:
        super().__init__(
            "the daemon that runs is older than this command; restart it: sudo systemctl restart"
            " reversi-checker"
        )


def change_mutes_through(layout: Layout, change: MuteChange, *, read_only: bool = False) -> str:
    """Make the change; a sentence about what else the operator should know, empty if nothing.
    Raises NotAllowed, DaemonAbsent, OldDaemon, CheckerError.
    """
    if read_only:
        raise NotAllowed("this console is read-only: mutes are not changed")
    notes = [change_part(layout, part) for part in parts(change)]
    return "; ".join(dict.fromkeys(filter(None, notes)))


def change_part(layout: Layout, change: MuteChange) -> str:
    """Make a change that fits into one message. Raises as above."""
    request = {"verb": "mute", "operator": operator_name(), **change_json(change)}
    try:
        return str(ask(layout, request)["note"])
    except DaemonAbsent:
        if not may_write(layout):
            raise
    except NotAllowed as error:
        if not str(error).startswith("a malformed request"):
            raise
        if not may_write(layout):
            raise OldDaemon from error
    note = change_mutes(layout.mutes, change)
    trouble = Control(layout=layout).report(mute_events(change, operator_name(), time.time()))
    unlogged = f"done, but the event could not be written: {trouble}" if trouble else ""
    return "; ".join(filter(None, (note, unlogged)))


def mutes_of(layout: Layout, now: float) -> tuple[tuple[Mute, ...], str]:
    """The mutes that have not ended, and a sentence if the file is broken, so that nothing is
    muted.
    """
    found = read_mutes(layout.mutes)
    return tuple(mute for mute in found.mutes if is_in_force(mute, now)), found.trouble


def may_write(layout: Layout) -> bool:
    """Whether this account may write the mutes."""
    folder = layout.mutes.parent
    return not folder.exists() or os.access(folder, os.W_OK | os.X_OK, effective_ids=True)


def parts(change: MuteChange) -> Iterator[MuteChange]:
    """The change, in parts that fit into one message each."""
    for mutes in pieces(change.add, [len(json.dumps(mute_json(one))) for one in change.add]):
        yield MuteChange(add=mutes)
    sizes = [len(json.dumps(selector_json(one))) for one in change.remove]
    for selectors in pieces(change.remove, sizes):
        yield MuteChange(remove=selectors)


def pieces(values: Sequence[T], sizes: Sequence[int]) -> Iterator[tuple[T, ...]]:
    """The values in groups of as many as fit."""
    many = max(1, AT_ONCE_BYTES // max(sizes, default=1))
    for start in range(0, len(values), many):
        yield tuple(values[start : start + many])
