"""Measure what a tunnel costs its device, with bundles, the Python client and autossh."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import shutil
import time
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import psutil

from bench.cpu import exact_cpu_s, memory_of, tree_of
from bench.figures import Figure
from bench.setting import (
    Gateway,
    Member,
    Scale,
    banner_server,
    gateway,
    listening,
    until,
    until_usable,
)
from checker.sshd.keygen import host_key_line
from checker.sshd.program import find_sshd
from client.bundle.compose import Bundle, render
from client.bundle.keyforms import read_key
from client.bundle.settings import Settings
from demo.processes import start
from demo.stage import free_ports

TEN_MINUTES_S = 600.0
BEAT_S = 10.0
"""The default of bundles and of the Python client. Here the bundles beat every second, so that one
minute has as many beats as ten.
"""
LOGINS = "logins.log"
ORIGINALS_LOGINS = 120
"""Logins an hour of the original reversi: one for each check, every half minute."""
SHELLS = {"dbclient": ("busybox", "ash"), "ssh": ("sh",)}
BESIDE = "autossh + ssh"
PROGRAMS = {
    "dropbear": ("dbclient", "busybox"),
    "OpenSSH": ("ssh",),
    BESIDE: ("autossh", "ssh"),
    "Python": (),
}
NAMES = {
    "dropbear": "bundle with dropbear, busybox ash",
    "OpenSSH": "bundle with OpenSSH, sh",
    "Python": "Python client",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The measured cost of one tunnel."""

    pss_mb: float
    processes: int
    cpu_s: float
    """For ten minutes."""
    first_logins: int
    """Until the tunnel was up, and three seconds more."""
    logins_an_hour: float


def bundle(  # noqa: PLR0913 - what differs between two bundles
    server: Gateway,
    member: Member,
    settings: Settings,
    target: int,
    *,
    host: str = "",
    others: Sequence[Gateway] = (),
) -> Path:
    """Write the member's bundle, with a root directory of its own.

    `host` is where its device reaches the gateway, if that is another address. `others`: the
    gateways that it tries after this one; then each has its own host key.
    """
    servers = (server, *others)
    ids = [f"gw{number}" for number, _ in enumerate(servers, 1)] if others else [""]
    root = server.home / f"root-{member.name}"
    root.mkdir()
    text = render(
        Bundle(
            node=member.name,
            gateways=[
                f"{id_}{'=' if id_ else ''}{host or one.listen}:{one.port}"
                for id_, one in zip(ids, servers, strict=True)
            ],
            user=server.user,
            forwards=[f"{member.port}:127.0.0.1:{target}"],
            host_keys=[
                f"{id_} {host_key_line(one.layout.host_key)}".strip()
                for id_, one in zip(ids, servers, strict=True)
            ],
            key=read_key(member.key.read_bytes()),
            node_add="",
            settings=dataclasses.replace(settings, root=str(root)),
        )
    )
    path = root / f"{member.name}.sh"
    path.write_text(text, encoding="ascii")
    return path


async def begin(server: Gateway, kind: str, member: Member, target: int) -> Process:
    """Start a tunnel of that kind."""
    if kind == "Python":
        return await server.run_client(member)
    env = {**server.env, "AUTOSSH_GATETIME": "0"}
    if kind == BESIDE:
        options = ("-N", "-o", "ServerAliveInterval=15", "-R", f"{member.port}:127.0.0.1:{target}")
        argv = ["autossh", "-M", "0", *server.ssh(member.key, *options)[1:]]
    else:
        client = PROGRAMS[kind][0]
        argv = [
            *SHELLS[client],
            str(bundle(server, member, Settings(beat="1", client=client), target)),
            "run",
        ]
    process = await start(argv, log=server.home / "bundles.log", env=env)
    server.clients.append(process)
    return process


async def count_logins(server: Gateway) -> None:
    """Start another sshd with the same configuration and a log: the daemon's own sshd has none."""
    config = server.layout.run / "_sshd_config"
    (port,) = free_ports(1)
    argv = [
        find_sshd(),
        "-D",
        "-E",
        str(server.home / LOGINS),
        "-o",
        f"ListenAddress={server.listen}:{port}",
        "-f",
        str(config),
    ]
    server.clients.append(await start(argv, log=server.home / "bundles.log", env=server.env))
    server.port = port
    await until(lambda: bool(listening([port])))


def logins(server: Gateway, member: Member) -> int:
    """Return how often the member's key was accepted."""
    mark = asyncssh.read_private_key(member.key).get_fingerprint()
    log = (server.home / LOGINS).read_text(encoding="utf-8", errors="replace")
    return sum("Accepted publickey" in line and mark in line for line in log.splitlines())


async def watch(
    server: Gateway, member: Member, process: Process, kind: str, watch_s: float
) -> Cost:
    """Measure the tunnel's cost, once it is up and idle."""
    await until_usable(member.port)
    await asyncio.sleep(3)
    root, first = psutil.Process(process.pid), logins(server, member)
    began, spent = time.monotonic(), await asyncio.to_thread(exact_cpu_s, root)
    await asyncio.sleep(watch_s)
    watched_s, spent = time.monotonic() - began, await asyncio.to_thread(exact_cpu_s, root) - spent
    found = [memory_of(one).pss_mb for one in tree_of(root)]
    scale = TEN_MINUTES_S / watched_s / (BEAT_S if kind in ("dropbear", "OpenSSH") else 1)
    return Cost(
        pss_mb=sum(found),
        processes=len(found),
        cpu_s=spent * scale,
        first_logins=first,
        logins_an_hour=(logins(server, member) - first) * 3600 / watched_s,
    )


async def costs(kinds: Sequence[str], watch_s: float) -> dict[str, Cost]:
    """Measure all kinds side by side, at one gateway."""
    async with banner_server() as target, gateway() as server:
        await count_logins(server)
        members = dict(
            zip(kinds, await server.add(free_ports(len(kinds)), f"127.0.0.1:{target}"), strict=True)
        )
        async with asyncio.TaskGroup() as group:
            tasks = {
                kind: group.create_task(
                    watch(server, member, await begin(server, kind, member, target), kind, watch_s),
                    name=kind,
                )
                for kind, member in members.items()
            }
        return {kind: task.result() for kind, task in tasks.items()}


def rows(found: Mapping[str, Cost], watch_s: float) -> list[Figure]:
    """Return the figures for memory, CPU and logins of each kind."""
    other = found.get(BESIDE)
    beside = (
        (f"{BESIDE}: {other.pss_mb:.1f} MB", f"{BESIDE}: {other.cpu_s:.2f} s, without a beat")
        if other
        else ("", "")
    )
    ours = [(name, found[kind]) for kind, name in NAMES.items() if kind in found]
    figures = [
        Figure(
            what=f"memory, {name}",
            measured=f"PSS {cost.pss_mb:.1f} MB; processes: {cost.processes}",
            beside=beside[0],
        )
        for name, cost in ours
    ]
    figures += [
        Figure(
            what=f"client CPU in ten minutes, {name}",
            measured=f"{cost.cpu_s:.2f} s (60 beats; scaled from {watch_s:g} s)",
            beside=beside[1],
        )
        for name, cost in ours
    ]
    figures += [
        Figure(
            what=f"logins an hour, {name}",
            measured=f"{cost.logins_an_hour:g}, after {cost.first_logins} to come up",
            beside=f"the original: {ORIGINALS_LOGINS}",
            target=f"< {ORIGINALS_LOGINS}",
            met=cost.logins_an_hour < ORIGINALS_LOGINS,
        )
        for name, cost in ours
    ]
    return figures


async def bundles(scale: Scale) -> list[Figure]:
    """Measure each kind of client whose programs are installed."""
    path = os.environ.get("PATH")
    missing = {
        kind: [name for name in names if shutil.which(name, path=path) is None]
        for kind, names in PROGRAMS.items()
    }
    found = await costs([kind for kind, names in missing.items() if not names], scale.watch_s)
    left_out = [
        Figure(
            what=f"a device's tunnel, {NAMES.get(kind, kind)}",
            measured=f"left out: needs {', '.join(names)}",
        )
        for kind, names in missing.items()
        if names
    ]
    return rows(found, scale.watch_s) + left_out
