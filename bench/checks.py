"""Measure the cost of a beat, of a check on a kept connection and by a login, and of the gate."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncssh

from bench.cpu import tree_cpu_s
from bench.figures import Cost, Figure, times
from bench.setting import Gateway, Member, Scale, banner_server, gateway, write_private
from checker.registry.authorized_keys import gate_command
from demo.processes import DemoFailed
from demo.stage import free_ports

SELDOM = "probe_every_s = 3600\nrequests_a_minute = 1000000\n"
"""Keep the daemon's sweeps, and refusals of a node that asks too often, out of the figures."""
PACK = 40
"""Beats without a pause: the loop slows down nodes that send many more within a second."""


async def cost_of(one: Callable[[], Awaitable[None]], rounds: int, server: Gateway) -> Cost:
    """Return the mean cost of so many rounds, one after the other."""
    await one()
    await asyncio.sleep(0.5)  # let the processes of the first one be reaped
    began_cpu, began = await asyncio.to_thread(tree_cpu_s, server.daemon), time.monotonic()
    for _ in range(rounds):
        await one()
    wall_s = time.monotonic() - began
    await asyncio.sleep(0.5)
    cpu_s = await asyncio.to_thread(tree_cpu_s, server.daemon) - began_cpu
    return Cost(wall_ms=wall_s / rounds * 1000, cpu_ms=cpu_s / rounds * 1000)


def expect_zero(answer: str | bytes | None) -> None:
    """Raise DemoFailed for any other verdict: it would be the cost of something else."""
    if str(answer).strip() != "0":
        raise DemoFailed(f"a healthy tunnel was answered {answer!r}")


def add_true(server: Gateway) -> Path:
    """Add a key whose forced command is `true`, to measure the cost of any session."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path = server.home / "true.key"
    write_private(path, key.export_private_key())
    line = f'restrict,command="exec true" {key.export_public_key().decode()}'
    server.layout.authorized_keys.write_text(
        line + server.layout.authorized_keys.read_text(encoding="utf-8"), encoding="utf-8"
    )
    return path


@contextlib.asynccontextmanager
async def tunnel(
    server: Gateway, target_port: int
) -> AsyncIterator[tuple[Member, asyncssh.SSHClientConnection]]:
    """Keep a healthy tunnel with asyncssh; yield its node and its connection."""
    (member,) = await server.add(free_ports(1), f"127.0.0.1:{target_port}")
    async with await server.login(member.key) as connection:
        await connection.forward_remote_port("localhost", member.port, "127.0.0.1", target_port)
        yield member, connection


async def beat_cost(connection: asyncssh.SSHClientConnection, rounds: int, server: Gateway) -> Cost:
    """Measure only the beats: subtract what the gateway costs in the pauses between packs."""
    process = await connection.create_process("hold benchmark")
    beats, paused = 0, Cost(wall_ms=0.0, cpu_ms=0.0)

    async def one() -> None:
        nonlocal beats, paused
        beats += 1
        if beats % PACK == 0:
            began_cpu, began = await asyncio.to_thread(tree_cpu_s, server.daemon), time.monotonic()
            await asyncio.sleep(1)
            rest_s, cpu_s = (
                time.monotonic() - began,
                await asyncio.to_thread(tree_cpu_s, server.daemon) - began_cpu,
            )
            paused = Cost(
                wall_ms=paused.wall_ms + rest_s * 1000, cpu_ms=paused.cpu_ms + cpu_s * 1000
            )
        process.stdin.write("\n")
        expect_zero(await process.stdout.readline())

    cost = await cost_of(one, rounds, server)
    return Cost(
        wall_ms=cost.wall_ms - paused.wall_ms / rounds, cpu_ms=cost.cpu_ms - paused.cpu_ms / rounds
    )


async def session_cost(
    connection: asyncssh.SSHClientConnection, command: str, rounds: int, server: Gateway
) -> Cost:
    async def one() -> None:
        done = await connection.run(command, stdin=asyncssh.DEVNULL)
        if command == "check":
            expect_zero(done.stdout if isinstance(done.stdout, str) else None)

    return await cost_of(one, rounds, server)


async def login_cost(server: Gateway, key: Path, rounds: int) -> Cost:
    async def one() -> None:
        process = await asyncio.create_subprocess_exec(
            *server.ssh(key), "check", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        await process.wait()

    return await cost_of(one, rounds, server)


async def checks(scale: Scale) -> list[Figure]:
    """Measure a beat, a check and a new login, and compare with a session that runs `true`."""
    async with banner_server() as target, gateway(toml=SELDOM) as server:
        true_key = add_true(server)
        async with (
            tunnel(server, target) as (member, connection),
            await server.login(true_key) as plain,
        ):
            beat = await beat_cost(connection, scale.rounds * 3, server)
            check = await session_cost(connection, "check", scale.rounds, server)
            true = await session_cost(plain, "true", scale.rounds, server)
            logins = max(5, scale.rounds // 5)
            login, true_login = (
                await login_cost(server, member.key, logins),
                await login_cost(server, true_key, logins),
            )
    over_ms = check.wall_ms - true.wall_ms
    cheaper = (
        f"CPU of a check: {times(check.cpu_ms, beat.cpu_ms)} as much; of a login:"
        f" {times(login.cpu_ms, beat.cpu_ms)}"
    )
    return [
        Figure(
            what="beat",
            measured=str(beat),
            beside=cheaper,
            target="<= 0.2 ms CPU",
            met=beat.cpu_ms <= 0.2,
        ),
        Figure(
            what="check, kept connection",
            measured=str(check),
            beside=f"`true`: {true}; {over_ms:+.1f} ms wall",
            target="<= 25 ms wall over `true`",
            met=over_ms <= 25,
        ),
        Figure(what="check, new login", measured=str(login), beside=f"`true`: {true_login}"),
    ]


def run_cost(argv: list[str], env: dict[str, str], rounds: int) -> Cost:
    """Return the mean cost of so many runs of a command."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for _ in range(rounds):
        subprocess.run(
            argv, env=env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
    wall_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_ms=wall_s / rounds * 1000, cpu_ms=cpu_s / rounds * 1000)


async def gate(scale: Scale) -> list[Figure]:
    """Measure one run of the forced command with `version`, and compare with an idle shell."""
    async with gateway(toml=SELDOM) as server:
        (member,) = await server.add(free_ports(1), "127.0.0.1:9")
        command = gate_command(server.layout)
        argv = command.words(member.name)
        environ = {"PATH": os.environ["PATH"]}
        asked = await asyncio.to_thread(
            run_cost, argv, {**environ, "SSH_ORIGINAL_COMMAND": "version"}, scale.rounds
        )
        shell = await asyncio.to_thread(run_cost, ["sh", "-c", "true"], environ, scale.rounds)
    beside = f"`sh -c true`: {shell}; {times(asked.wall_ms, shell.wall_ms)}"
    return [Figure(what="gate, start to end", measured=str(asked), beside=beside)]
