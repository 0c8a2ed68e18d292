"""A TCP relay that makes a link slow: it delays each chunk, in order, in each direction.

    python relay.py LISTEN TARGET [--up DELAY] [--down DELAY] [--seed N] [--in-flight BYTES]

LISTEN and TARGET are `[HOST:]PORT`; LISTEN may be 0, and the relay prints its port. Up leads from
whoever connects (the device) to the target (the gateway), down leads back. DELAY is one of

    3            hold back each chunk for 3 s
    0.3:1-8      hold back a share of 0.3 of the chunks, drawn at random, for 1 to 8 s each
    60/0.02,2    hold back chunks for 0.02 s during 60 s, for 2 s during the next 60 s, and so on

A direction accepts at most BYTES (1 MB by default) that it has not yet passed on, as the queue of a
link does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
CHUNK = 16384
Delay = Callable[[float], float]
"""The seconds to hold back a chunk, by the seconds since the relay began."""


def delay_of(text: str, dice: random.Random) -> Delay:
    """Parse a DELAY of the command line. Raises ValueError."""
    share, colon, span = text.partition(":")
    if colon:
        least, most = (float(number) for number in span.split("-"))
        portion = float(share)
        return lambda _: dice.uniform(least, most) if dice.random() < portion else 0.0
    period, slash, steps = text.partition("/")
    if slash:
        turns, each_s = [float(number) for number in steps.split(",")], float(period)
        return lambda at: turns[int(at / each_s) % len(turns)]
    always = float(text)
    return lambda _: always


def place(text: str) -> tuple[str, int]:
    """Parse `[HOST:]PORT`."""
    host, _, port = text.rpartition(":")
    return host or LOOPBACK, int(port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One direction of the link."""

    delay: Delay
    began: float
    in_flight: int

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Pass on what comes, late, until it ends."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(max(1, self.in_flight // CHUNK))
        async with asyncio.TaskGroup() as group:
            group.create_task(self.take(source, waiting))
            group.create_task(self.give(waiting, sink))

    async def take(
        self, source: asyncio.StreamReader, waiting: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        loop, due = asyncio.get_running_loop(), 0.0
        part = b"-"
        while part:
            try:
                part = await source.read(CHUNK)
            except OSError:
                part = b""
            now = loop.time()
            due = max(due, now + self.delay(now - self.began))
            await waiting.put((due, part))

    async def give(
        self, waiting: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while True:
                due, part = await waiting.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not part:
                    break
                sink.write(part)
                await sink.drain()
        sink.close()
        while part:
            _, part = await waiting.get()  # nobody reads it any longer; its sender must not wait


async def serve(arguments: argparse.Namespace) -> None:
    """Relay until killed."""
    loop = asyncio.get_running_loop()
    dice = random.Random(arguments.seed)
    up, down = (
        Way(delay=delay_of(text, dice), began=loop.time(), in_flight=arguments.in_flight)
        for text in (arguments.up, arguments.down)
    )

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*place(arguments.target))
        except OSError:
            writer.close()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(up.pump(reader, far_writer))
            group.create_task(down.pump(far_reader, writer))

    host, port = place(arguments.listen)
    server = await asyncio.start_server(meet, host, port)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


class Relay:
    """A running relay; `port` is where a device connects to."""

    def __init__(
        self, target: int | str, *options: str, inside: tuple[str, ...] = (), listen: str = "0"
    ) -> None:
        words = [*inside, sys.executable, str(Path(__file__)), listen, str(target), *options]
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.began = time.monotonic()
        self.port = int(self.process.stdout.readline())

    def freeze(self) -> None:
        """Pass nothing from now on; neither end notices, and the kernel takes what its buffers
        hold.
        """
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def relay(
    target: int | str, *options: str, inside: tuple[str, ...] = (), listen: str = "0"
) -> Iterator[Relay]:
    """Run a slow link for the block: `with relay(gateway.ssh_port, "--up", "3") as link`."""
    found = Relay(target, *options, inside=inside, listen=listen)
    try:
        yield found
    finally:
        found.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("listen")
    parser.add_argument("target")
    parser.add_argument("--up", default="0")
    parser.add_argument("--down", default="0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=1 << 20)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
