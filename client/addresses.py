"""Try the addresses of a host name in order, and connect to the first that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable


class Memory:
    """Which addresses accepted a login, and which did not."""

    def __init__(self) -> None:
        self.ranks: dict[str, int] = {}
        self.count = 0

    def order(self, numbers: Iterable[str]) -> list[str]:
        """Sort the address that worked last first, and the one that failed last last.

        The others keep the resolver's order.
        """
        return sorted(numbers, key=lambda number: self.ranks.get(number, 0))

    def worked(self, number: str) -> None:
        self.count += 1
        self.ranks[number] = -self.count

    def failed(self, number: str) -> None:
        """Remember that this address accepted a TCP connection but no login."""
        self.count += 1
        self.ranks[number] = self.count


async def connect(number: str, port: int) -> socket.socket | OSError:
    """Return a TCP connection, or the error that prevented it."""
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
    """Connect to the first address that answers. Raises OSError: one that says that an address
    refused, else the last one that occurred.

    Try the next address when the one before fails, or when its head start is over; any of them
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
                        if not isinstance(failed, ConnectionRefusedError):
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
