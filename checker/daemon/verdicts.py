"""The files that the beat loops read: each node's verdict, and when the sweep was last on time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from checker.config.files import replace_text
from checker.linux.clock import uptime_s
from checker.model import NodeName
from checker.registry.nodes import Registry
from checker.tunnels.gateway import Gateway


class Verdicts:
    """Keeps the files in line with the gateway's last judgement."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.folder = gateway.layout.run
        self.written: dict[NodeName, int] = {}
        self.writing = asyncio.Lock()

    async def write(self, name: NodeName) -> None:
        """Write the node's verdict, unless its file already has it."""
        node = self.gateway.registry.nodes.get(name)
        if node is None:
            return  # no such node beats; and an operator's word for a node may be any path
        async with self.writing:  # else an older verdict could be written over a newer one
            verdict = self.gateway.verdict(node)
            if self.written.get(name) == verdict:
                return
            try:
                await asyncio.to_thread(replace_text, self.folder / name, f"{verdict}\n")
            except OSError as error:
                self.gateway.ledger.complain(
                    f"cannot write the verdict of {name} to {self.folder}: {error.strerror}"
                )
                return
            self.written[name] = verdict

    async def rename(self, old: NodeName, new: NodeName) -> None:
        """Write the verdict under the new name, with a link from the old one.

        A beat loop that was started under the old name reads the old file.
        """
        self.written.pop(old, None)
        await self.write(new)
        await asyncio.to_thread(link_verdict, self.folder, old, new)

    async def clear(self) -> None:
        """Set all verdicts to 0: those of an earlier daemon are out of date."""
        await asyncio.to_thread(clear_verdicts, self.folder, self.gateway.registry)

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


def link_verdict(folder: Path, old: NodeName, new: NodeName) -> None:
    """Make the old name's file a link to the new one's."""
    temporary = folder / f".{old}.new"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(new)
    temporary.replace(folder / old)


def clear_verdicts(folder: Path, registry: Registry) -> None:
    for name in registry.nodes:
        if (folder / name).exists():
            try:
                replace_text(folder / name, "0\n")
            except OSError:
                # without a file the beat loops ask; removing it needs no room
                (folder / name).unlink(missing_ok=True)
