"""What an idle tunnel sends and receives in a month, and what its device logs in a day."""

from __future__ import annotations

import asyncio
import re
import shutil
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from bench.bundles import NAMES, PROGRAMS, SHELLS, bundle
from bench.cpu import tree_of
from bench.device_log import device_log
from bench.figures import Figure
from bench.setting import Gateway, Member, Scale, banner_server, gateway, until_usable
from client.bundle.settings import Settings
from demo.processes import run_quietly, start
from demo.stage import free_ports

LASTS_S = 600.0
"""A full run takes so long: two probes and ten beats with the settings for a metered link."""
SETTLED_S = 5.0
"""After it is usable, a tunnel has said what it says once."""
SETTLED_BEATS = 2.5
"""After three beats the gateway knows the rhythm, and probes less often."""
HEADERS = 52
"""Bytes of IPv4 and TCP with timestamps, for each segment."""
MONTH_S = 30 * 86400
MOST_MB, MOST_METERED_MB = 100, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often a tunnel is used."""

    beat_s: int
    probe_s: int

    def __str__(self) -> str:
        return f"beat {self.beat_s} s, probe {self.probe_s} s"


DEFAULTS, METERED = Rhythm(beat_s=10, probe_s=60), Rhythm(beat_s=60, probe_s=300)


async def begin(server: Gateway, kind: str, member: Member, target: int, rhythm: Rhythm) -> Process:
    """The tunnel of that kind, with that rhythm."""
    if kind == "Python":
        text = member.config.read_text(encoding="utf-8")
        member.config.write_text(f"check_every_s = {rhythm.beat_s}\n{text}", encoding="utf-8")
        return await server.run_client(member)
    client = PROGRAMS[kind][0]
    script = bundle(server, member, Settings(beat=str(rhythm.beat_s), client=client), target)
    process = await start(
        [*SHELLS[client], str(script), "run"], log=server.home / "bundles.log", env=server.env
    )
    server.clients.append(process)
    return process


def local_ports(process: Process, gateway_port: int) -> set[int]:
    """The client's ends of its connections to the gateway."""
    sockets = [
        socket
        for one in tree_of(psutil.Process(process.pid))
        for socket in one.net_connections("tcp")
    ]
    connected = (socket for socket in sockets if socket.status == psutil.CONN_ESTABLISHED)
    return {socket.laddr.port for socket in connected if socket.raddr.port == gateway_port}


async def carried(port: int) -> dict[int, int]:
    """Bytes of each connection to sshd so far, headers included, by the client's port.

    Source: ss(8), --info.
    """
    found = {}
    lines = (
        await run_quietly("ss", "-HtinO", "state", "established", f"( sport = :{port} )")
    ).splitlines()
    for line in lines:
        counted = {
            name: int(value)
            for name, value in re.findall(
                r"\b(bytes_sent|bytes_received|segs_out|segs_in):(\d+)", line
            )
        }
        peer = re.match(r"\d+ +\d+ +\S+ +\S+:(\d+) ", line)
        if peer:
            segments = counted.get("segs_out", 0) + counted.get("segs_in", 0)
            found[int(peer[1])] = (
                counted.get("bytes_sent", 0) + counted.get("bytes_received", 0) + HEADERS * segments
            )
    return found


async def megabytes(rhythm: Rhythm, kinds: tuple[str, ...], lasts_s: float) -> Mapping[str, float]:
    """MB a month of each kind of client, all of them side by side at one gateway."""
    async with (
        banner_server() as target,
        gateway(toml=f"probe_beating_every_s = {rhythm.probe_s}\n") as server,
    ):
        members = dict(
            zip(kinds, await server.add(free_ports(len(kinds)), f"127.0.0.1:{target}"), strict=True)
        )
        running = {
            kind: await begin(server, kind, member, target, rhythm)
            for kind, member in members.items()
        }
        for member in members.values():
            await until_usable(member.port)
        await asyncio.sleep(SETTLED_S + (SETTLED_BEATS * rhythm.beat_s if lasts_s >= 60 else 0.0))
        ends = {
            kind: await asyncio.to_thread(local_ports, process, server.port)
            for kind, process in running.items()
        }
        before = await carried(server.port)
        await asyncio.sleep(lasts_s)
        after = await carried(server.port)
    grown = {port: after[port] - before[port] for port in before if port in after}
    return {
        kind: sum(grown[port] for port in ports) / lasts_s * MONTH_S / 1e6
        for kind, ports in ends.items()
    }


async def traffic(scale: Scale) -> list[Figure]:
    """Both rhythms and the log at once, each at a gateway of its own."""
    missing = {
        kind: [name for name in (*PROGRAMS[kind], "ss") if shutil.which(name) is None]
        for kind in NAMES
    }
    kinds = tuple(kind for kind, names in missing.items() if not names)
    lasts_s = LASTS_S if scale.watch_s >= LASTS_S / 10 else scale.watch_s
    async with asyncio.TaskGroup() as group:
        tasks = {
            rhythm: group.create_task(megabytes(rhythm, kinds, lasts_s), name=str(rhythm))
            for rhythm in (DEFAULTS, METERED)
        }
        logged = group.create_task(device_log(lasts_s, is_judged=lasts_s >= LASTS_S))
    measured = {rhythm: task.result() for rhythm, task in tasks.items()}
    figures = [
        Figure(
            what=f"idle traffic, {NAMES[kind]}",
            measured=f"{measured[DEFAULTS][kind]:.0f} MB a month ({DEFAULTS})",
            beside=f"{measured[METERED][kind]:.0f} MB ({METERED})",
            target=f"<= {MOST_MB} MB, and <= {MOST_METERED_MB} MB metered",
            met=(
                measured[DEFAULTS][kind] <= MOST_MB and measured[METERED][kind] <= MOST_METERED_MB
                if lasts_s >= LASTS_S
                else None
            ),
        )
        for kind in kinds
    ]
    left_out = {kind: names for kind, names in missing.items() if names}
    return [
        *figures,
        *(
            Figure(
                what=f"idle traffic, {NAMES[kind]}", measured=f"left out: needs {', '.join(names)}"
            )
            for kind, names in left_out.items()
        ),
        logged.result(),
    ]
