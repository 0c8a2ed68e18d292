"""Many real nodes: Python clients that share processes, and bundles with OpenSSH and dropbear."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from bench.bundles import SHELLS, bundle
from bench.cpu import tree_cpu_s
from bench.many_clients import Count
from bench.setting import Gateway, Member
from client.bundle.settings import Settings
from demo.processes import end_all, start

CLIENTS = {"OpenSSH": "ssh", "dropbear": "dbclient"}
NEEDED = {"OpenSSH": ("ssh",), "dropbear": ("dbclient", "busybox")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """How many nodes of each kind."""

    python: tuple[int, ...]
    """For each process, the number of Python clients in it."""
    openssh: int
    dropbear: int

    @property
    def nodes(self) -> int:
        return sum(self.python) + self.openssh + self.dropbear

    def __str__(self) -> str:
        return (
            f"{sum(self.python)} Python clients (processes: {len(self.python)}), bundles:"
            f" {self.openssh} with OpenSSH, {self.dropbear} with dropbear"
        )

    @property
    def kinds(self) -> list[str]:
        """Return the kind of each node, in the order in which they are started."""
        return [
            *["Python client"] * sum(self.python),
            *["OpenSSH bundle"] * self.openssh,
            *["dropbear bundle"] * self.dropbear,
        ]

    def possible(self) -> Mixture:
        """Return the mixture without the kinds whose programs are not installed."""
        lacks = {kind: not all(map(shutil.which, names)) for kind, names in NEEDED.items()}
        openssh = 0 if lacks["OpenSSH"] else self.openssh
        dropbear = 0 if lacks["dropbear"] else self.dropbear
        python = (self.python[0] + self.nodes - sum(self.python) - openssh - dropbear,)
        return replace(self, python=(*python, *self.python[1:]), openssh=openssh, dropbear=dropbear)


@dataclass(slots=True, kw_only=True)
class Crowd:
    """The processes of many nodes."""

    server: Gateway
    target: int
    """The port of the service that all of them forward."""
    inside: Sequence[str] = ()
    """The words that run a command where the nodes are."""
    others: Sequence[Gateway] = ()
    """The gateways that a bundle tries after the first."""
    beat_s: int = 10
    """The default of all clients; a bundle waits as long for an answer."""
    python: list[Process] = field(default_factory=list)
    bundles: list[Process] = field(default_factory=list)

    async def start_python(self, members: Sequence[Member], each_s: float) -> None:
        """Start one process of Python clients."""
        configs = [str(member.config) for member in members]
        argv = [sys.executable, "-m", "bench.many_clients", str(each_s), *configs]
        process = await self.begin(argv, stdin=True)
        self.python.append(process)

    async def start_bundle(self, member: Member, kind: str) -> None:
        script = self.script(member, CLIENTS[kind])
        self.bundles.append(await self.begin([*SHELLS[CLIENTS[kind]], str(script), "run"]))

    def script(self, member: Member, client: str) -> Path:
        settings = Settings(client=client, beat=str(self.beat_s))
        return bundle(self.server, member, settings, self.target, others=self.others)

    async def begin(self, argv: Sequence[str], *, stdin: bool = False) -> Process:
        log = self.server.home / "crowd.log"
        process = await start(
            [*self.inside, *argv],
            log=log,
            env=self.server.env,
            stdin=PIPE if stdin else DEVNULL,
            stdout=PIPE if stdin else DEVNULL,
        )
        self.server.clients.append(process)
        return process

    async def start(self, mixture: Mixture, members: Sequence[Member], each_s: float) -> None:
        """Start all nodes, so many seconds apart; return when the last one has been started."""
        left = iter(members)
        for count in mixture.python:
            await self.start_python([next(left) for _ in range(count)], each_s)
            await asyncio.sleep(each_s * count)
        for kind, count in (("OpenSSH", mixture.openssh), ("dropbear", mixture.dropbear)):
            for _ in range(count):
                await self.start_bundle(next(left), kind)
                await asyncio.sleep(each_s)

    def cpu_s(self) -> float:
        """Return the CPU time of all nodes so far."""
        return sum(
            tree_cpu_s(psutil.Process(process.pid)) for process in (*self.python, *self.bundles)
        )

    async def count(self) -> Count:
        """Return what the Python clients saw since they were last asked."""
        total = Count()
        for process in self.python:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"\n")
            found = Count(**json.loads(await process.stdout.readline()))
            total = Count(
                beats=total.beats + found.beats,
                late=total.late + found.late,
                worst_s=max(total.worst_s, found.worst_s),
                lost=total.lost + found.lost,
                failed=total.failed + found.failed,
                own_lag_s=max(total.own_lag_s, found.own_lag_s),
            )
        return total

    async def leave(self, process: Process) -> None:
        """End one process of Python clients, as if their devices lost power."""
        self.python.remove(process)
        self.server.clients.remove(process)
        await end_all([process])
