"""What a herd costs the machine, and whether the daemon keeps time and kills nobody meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.cpu import own_cpu_s, tree_cpu_s
from bench.crowd import Crowd
from bench.own_sshd import OwnSshd
from bench.setting import Gateway
from checker.model import EventKind
from checker.state.store import open_reader

CORES = os.cpu_count() or 1
MARK_EVERY_S = 0.5
EVENTS_AT_ONCE = 1_000_000
ENDS = (EventKind.KILL, EventKind.KILL_FAILED, EventKind.CLONE, EventKind.RESET)
"""Events of a kill, of a failed one, and of a node that is taken for a copy."""


def busy_s() -> float:
    """Return how long all cores of this machine have worked, for anybody. Source: proc(5)."""
    line = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, line.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """CPU time in seconds, of one spell or until now."""

    at: float
    sshd_s: float
    daemon_s: float
    nodes_s: float
    machine_s: float
    """Everybody's."""

    def since(self, before: Spent) -> Spent:
        return Spent(
            at=self.at - before.at,
            sshd_s=self.sshd_s - before.sshd_s,
            daemon_s=self.daemon_s - before.daemon_s,
            nodes_s=self.nodes_s - before.nodes_s,
            machine_s=self.machine_s - before.machine_s,
        )

    @property
    def total_s(self) -> float:
        return self.sshd_s + self.daemon_s + self.nodes_s

    @property
    def others(self) -> str:
        """The share of all cores that went to other work of this machine, as text."""
        share = max(0.0, self.machine_s - self.total_s) / (self.at * CORES) * 100
        return f"other work {share:.0f} % of the cores"

    def __str__(self) -> str:
        return (
            f"CPU: sshd {self.sshd_s:.1f} s, daemon {self.daemon_s:.1f} s, nodes"
            f" {self.nodes_s:.1f} s"
        )


def spent(server: Gateway, sshd: OwnSshd, crowd: Crowd) -> Spent:
    """Return what was spent until now, by those processes that run."""
    return Spent(
        at=time.monotonic(),
        sshd_s=tree_cpu_s(sshd.root),
        daemon_s=own_cpu_s(server.daemon),
        nodes_s=crowd.cpu_s(),
        machine_s=busy_s(),
    )


def kills(server: Gateway) -> list[str]:
    """Return what the log says of kills and copied keys."""
    with contextlib.closing(open_reader(server.layout.state)) as reader:
        events = reader.events(after=0, limit=EVENTS_AT_ONCE)
        return [
            f"{event.kind} {event.node}: {event.text}" for event in events if event.kind in ENDS
        ]


def holders(server: Gateway, ports: Sequence[int]) -> dict[int, object]:
    """Return the session that the daemon saw at each of the ports."""
    with contextlib.closing(open_reader(server.layout.state)) as reader:
        return {
            tunnel.port: tunnel.session
            for tunnel in reader.tunnels()
            if tunnel.port in ports and tunnel.session is not None
        }


@dataclass(slots=True)
class Marks:
    """How old the daemon's mark of its last sweep became at most."""

    oldest_s: float = 0.0
    allowed_s: float = 0.0
    """An older one lets the beat loops ask for a check each."""

    def look(self, server: Gateway) -> None:
        try:
            mark, allowed = (server.layout.run / "_sweep").read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return
        uptime = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        self.oldest_s = max(self.oldest_s, uptime - float(mark))
        self.allowed_s = float(allowed)


@contextlib.asynccontextmanager
async def marks(server: Gateway) -> AsyncIterator[Marks]:
    """Watch the daemon's mark during the block."""
    found = Marks()

    async def look() -> None:
        while True:
            found.look(server)
            await asyncio.sleep(MARK_EVERY_S)

    looking = asyncio.create_task(look(), name="marks")
    try:
        yield found
    finally:
        looking.cancel()
        await asyncio.wait([looking])
