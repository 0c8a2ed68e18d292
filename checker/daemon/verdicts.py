"""The files that the beat loops read: each node's verdict, and when the sweep was last on time."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from checker.config.files import replace_text
from checker.linux.clock import uptime_s
from checker.model import NodeName
from checker.tunnels.gateway import Gateway

CLEARED = b"0\n"
UNWRITTEN = -1
"""No verdict: the file must be written."""


class Verdicts:
    """Keeps the files in line with the gateway's last judgement.

    A node that never had a connection has no file: nobody would read it. A beat loop that finds
    none asks the daemon.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.folder = gateway.layout.run
        self.written: dict[NodeName, int] = {}
        self.writing = asyncio.Lock()

    async def write(self, *names: NodeName) -> None:
        """Write the verdicts of these nodes, unless their files already have them."""
        if not any(map(self.is_due, names)):
            return
        async with self.writing:  # else an older verdict could be written over a newer one
            nodes = [self.gateway.registry.nodes[name] for name in names if self.is_due(name)]
            verdicts = {node.name: self.gateway.verdict(node) for node in nodes}
            # meanwhile each other verdict is due, even the one that the file had before
            self.written |= dict.fromkeys(verdicts, UNWRITTEN)
            troubles = await asyncio.to_thread(write_verdicts, self.folder, verdicts)
            for name, trouble in troubles.items():
                self.gateway.ledger.complain(
                    f"cannot write the verdict of {name} to {self.folder}: {trouble}"
                )
                del verdicts[name]
            self.written |= verdicts

    def is_due(self, name: NodeName) -> bool:
        """Return whether the node's verdict must be written. An operator's word for a node may be
        any path: no such node beats.
        """
        node = self.gateway.registry.nodes.get(name)
        if node is None or not (name in self.written or self.gateway.ledger.sessions.get(name)):
            return False
        return self.written.get(name) != self.gateway.verdict(node)

    async def rename(self, old: NodeName, new: NodeName) -> None:
        """Write the verdict under the new name, with a link from the old one.

        A beat loop that was started under the old name reads the old file.
        """
        was_written = self.written.pop(old, None) is not None
        if not (was_written or self.gateway.ledger.sessions.get(new)):
            return
        self.written[new] = UNWRITTEN
        await self.write(new)
        await asyncio.to_thread(link_verdict, self.folder, old, new)

    async def clear(self) -> None:
        """Set all verdicts to 0: those of an earlier daemon are out of date."""
        there = await asyncio.to_thread(clear_verdicts, self.folder, self.gateway.registry.nodes)
        self.written = dict.fromkeys(there, 0)

    def forget(self) -> None:
        """Write all files again: they were removed."""
        self.written = dict.fromkeys(self.written, UNWRITTEN)

    async def mark_swept(self, every_s: float) -> None:
        """Write that the sweep is on time: the uptime now, and how old that may get, in seconds."""
        try:
            await asyncio.to_thread(
                replace_text, self.folder / "_sweep", f"{uptime_s()} {round(3 * every_s)}\n"
            )
        except OSError as error:
            self.gateway.ledger.complain(
                f"cannot write {self.folder / '_sweep'} ({error.strerror}); check free space and"
                f" permissions of {self.folder}"
            )


def write_verdicts(folder: Path, verdicts: Mapping[NodeName, int]) -> dict[NodeName, str]:
    """Write these files; return why some could not be written, as a clause."""
    troubles: dict[NodeName, str] = {}
    for name, verdict in verdicts.items():
        try:
            replace_text(folder / name, f"{verdict}\n")
        except OSError as error:
            troubles[name] = str(error.strerror)
    return troubles


def link_verdict(folder: Path, old: NodeName, new: NodeName) -> None:
    """Make the old name's file a link to the new one's."""
    temporary = folder / f".{old}.new"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(new)
    temporary.replace(folder / old)


def clear_verdicts(folder: Path, names: Iterable[NodeName]) -> list[NodeName]:
    """Set the verdicts of these nodes to 0; return those that have a file now."""
    there = set(os.listdir(folder))  # noqa: PTH208 - only names are needed
    return [name for name in names if name in there and clear_verdict(folder / name)]


def clear_verdict(path: Path) -> bool:
    """Set one verdict to 0 in its place, which takes a fifth of the time of another file; whoever
    reads meanwhile finds 0 in the first line. Return False if it cannot be written: then it is
    removed, which needs no room, and the beat loop asks.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            if os.read(handle, 16) != CLEARED:
                os.pwrite(handle, CLEARED, 0)
                os.ftruncate(handle, len(CLEARED))
        finally:
            os.close(handle)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        return False
    return True
