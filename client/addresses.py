"""The addresses of a name: in which order they are tried, and a connection to the first that
answers.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable


class Memory:
    """Which addresses let us in, and which never did."""

    def __init__(self) -> None:
        self.ranks: dict[str, int] = {}
        self.count = 0

    def order(self, numbers: Iterable[str]) -> list[str]:
        """The one that worked last comes first, the one that failed last comes last; in between the
        resolver's order.
        """
        return sorted(numbers, key=lambda number: self.ranks.get(number, 0))

    def worked(self, number: str) -> None:
        self.count += 1
        self.ranks[number] = -self.count

    def failed(self, number: str) -> None:
        """It took a TCP connection, and no login came of it."""
        self.count += 1
        self.ranks[number] = self.count


async def connect(number: str, port: int) -> socket.socket | OSError:
    """A TCP connection, or why there is none."""
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    try:
        channel = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        return error
    try:
        channel.setblocking(False)
        await asyncio.get_running_loop().sock_connect(channel, (number, port))
    except OSError as error:
        channel.close()
        return error
    except BaseException:
        channel.close()
        raise
    return channel


async def race(numbers: Iterable[str], port: int, head_start_s: float) -> tuple[str, socket.socket]:
    """A TCP connection to the first address that answers. Raises OSError, the last one's.

    The next one is tried when the one before fails, or was silent for the head start; all of them
    may still win. Source: RFC 8305.
    """
    left = list(numbers)
    racing: dict[asyncio.Task[socket.socket | OSError], str] = {}
    failed = OSError("the name has no address")
    async with asyncio.TaskGroup() as group:
        try:
            while left or racing:
                if left:
                    number = left.pop(0)
                    racing[group.create_task(connect(number, port), name=f"connect {number}")] = (
                        number
                    )
                done, _ = await asyncio.wait(
                    racing,
                    timeout=head_start_s if left else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for task in done:
                    outcome, number = task.result(), racing.pop(task)
                    if isinstance(outcome, OSError):
                        failed = outcome
                        continue
                    return number, outcome
        finally:
            for task in racing:
                task.cancel()
                if (
                    task.done()
                    and not task.cancelled()
                    and isinstance(late := task.result(), socket.socket)
                ):
                    late.close()
    raise failed
