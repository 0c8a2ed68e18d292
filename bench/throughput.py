"""Measure a tunnel's throughput each way, with our client and OpenSSH's, both with aes128-gcm.

`python -m bench.throughput` is the service at the end of the tunnel; it prints its port. Each
connection begins with an order of nine bytes: `s` (send) or `r` (receive), and a big-endian size.
After `r` the service confirms with one byte.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.banner import BANNER
from bench.figures import Figure
from bench.setting import Gateway, Member, Scale, gateway, until
from checker.linux.sockets import read_listeners
from demo.processes import start
from demo.stage import free_ports

CIPHER = "aes128-gcm@openssh.com"
CHUNK = bytes(1 << 18)
ROUNDS = 3
SETTLES_S = 0.5


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry out one order."""
    try:
        order = await reader.readexactly(9)
        size = int.from_bytes(order[1:], "big")
        if order[:1] == b"s":
            for _ in range(size // len(CHUNK)):
                writer.write(CHUNK)
                await writer.drain()
        else:
            await receive(reader, size)
            writer.write(BANNER[:1])
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        return
    finally:
        writer.close()


async def receive(reader: asyncio.StreamReader, size: int) -> None:
    """Read that many bytes. Raises ConnectionResetError if fewer come."""
    while size > 0:
        part = await reader.read(1 << 20)
        if not part:
            raise ConnectionResetError
        size -= len(part)


async def transfer(port: int, megabytes: int, *, up: bool) -> float:
    """Return MB/s through the tunnel; up is from the device to the gateway."""
    size = megabytes * 1_000_000 // len(CHUNK) * len(CHUNK)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        began = time.monotonic()
        writer.write((b"s" if up else b"r") + size.to_bytes(8, "big"))
        if up:
            await receive(reader, size)
        else:
            for _ in range(size // len(CHUNK)):
                writer.write(CHUNK)
                await writer.drain()
            await reader.readexactly(1)
        return size / 1e6 / (time.monotonic() - began)
    finally:
        writer.close()


@asynccontextmanager
async def service(server: Gateway) -> AsyncIterator[int]:
    """Run the service in another process; yield its port."""
    log = server.home / "service.log"
    process = await start(
        [sys.executable, "-m", "bench.throughput"], log=log, env=server.env, stdout=PIPE
    )
    server.clients.append(process)
    assert process.stdout is not None
    yield int(await process.stdout.readline())


async def connect_openssh(server: Gateway, member: Member, target: int) -> None:
    options = (
        "-N",
        "-c",
        CIPHER,
        "-o",
        "Compression=no",
        "-R",
        f"localhost:{member.port}:127.0.0.1:{target}",
    )
    argv = server.ssh(member.key, *options)
    server.clients.append(
        await start(argv, log=server.home / "ssh.log", env=server.env, stdout=DEVNULL)
    )


async def throughput(scale: Scale) -> list[Figure]:
    """Measure our client and OpenSSH's in turn, at one gateway; take the median of three."""
    async with gateway() as server, service(server) as target:
        ours, theirs = await server.add(free_ports(2), f"127.0.0.1:{target}", "open")
        await server.run_client(ours)
        await connect_openssh(server, theirs, target)
        await until(lambda: {ours.port, theirs.port} <= set(read_listeners()))
        await asyncio.sleep(SETTLES_S)
        figures = []
        for way, up in (("device to gateway", True), ("gateway to device", False)):
            speeds: dict[int, list[float]] = {ours.port: [], theirs.port: []}
            for _ in range(ROUNDS):
                for port, found in speeds.items():
                    found.append(await transfer(port, scale.megabytes, up=up))
            mine, other = (statistics.median(found) for found in speeds.values())
            figures.append(
                Figure(
                    what=f"throughput, {way}",
                    measured=f"{mine:.0f} MB/s",
                    beside=f"OpenSSH's client: {other:.0f} MB/s; {mine / other:.2f} of it",
                    target=">= 0.5 of OpenSSH's client",
                    met=mine >= other / 2,
                )
            )
    return figures


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
