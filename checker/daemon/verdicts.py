"""The files that the beat loops read: each node's verdict, and when the sweep last kept its
time.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from checker.config.files import replace_text
from checker.linux.clock import uptime_s
from checker.model import NodeName
from checker.registry.nodes import Registry
from checker.tunnels.gateway import Gateway


class Verdicts:
    """Keeps the files in line with what the gateway judged last."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.folder = gateway.layout.run
        self.told: dict[NodeName, int] = {}
        self.telling = asyncio.Lock()

    async def tell(self, name: NodeName) -> None:
        """Bring the file that the node's beat loop reads up to date."""
        node = self.gateway.registry.nodes.get(name)
        if node is None:
            return  # nobody of that name beats; and what an operator calls a node may be any path
        async with self.telling:  # else an older verdict could be written over a newer one
            verdict = self.gateway.verdict(node)
            if self.told.get(name) == verdict:
                return
            try:
                await asyncio.to_thread(replace_text, self.folder / name, f"{verdict}\n")
            except OSError as error:
                self.gateway.ledger.complain(
                    f"the verdict of {name} can not be written to {self.folder}: {error.strerror}"
                )
                return
            self.told[name] = verdict

    async def rename(self, old: NodeName, new: NodeName) -> None:
        """The node has another name; the beat loop of a connection that was opened under the old
        one reads the same.
        """
        self.told.pop(old, None)
        await self.tell(new)
        await asyncio.to_thread(link_verdict, self.folder, old, new)

    async def clear(self) -> None:
        """Those of another life of the daemon are worth nothing: every node hears 0 until it was
        looked at.
        """
        await asyncio.to_thread(clear_verdicts, self.folder, self.gateway.registry)

    async def mark_swept(self, every_s: float) -> None:
        """The sweep keeps its time; how old that may become stands with it."""
        try:
            await asyncio.to_thread(
                replace_text, self.folder / "_sweep", f"{uptime_s()} {round(3 * every_s)}\n"
            )
        except OSError as error:
            why = (
                f"can not be written ({error.strerror}); check free space and permissions of"
                f" {self.folder}"
            )
            self.gateway.ledger.complain(f"{self.folder / '_sweep'} {why}")


def link_verdict(folder: Path, old: NodeName, new: NodeName) -> None:
    """Under the old name the new one's file is found."""
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
                # without one the beat loops ask; to remove it takes no room
                (folder / name).unlink(missing_ok=True)
