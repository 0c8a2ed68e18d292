"""Connect forwarded connections to their targets, and log targets that cannot be reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import cast

import asyncssh

from client.config import Address
from client.login import reason_of, resolve
from client.traffic import Traffic

REACH_TIMEOUT_S = 4.0
"""Shorter than the gateway's probe (5 s): else a target that is switched off would look like a hung
tunnel.
"""
REPEAT_S = 600.0

Session = asyncssh.SSHTCPSession[bytes]


class Complaints:
    """Which targets cannot be reached, and when that was last logged."""

    def __init__(self) -> None:
        self.logged_s: dict[Address, float] = {}

    def failed(self, target: Address, reason: str, now_s: float) -> str:
        """Return what to log, or an empty string."""
        if now_s - self.logged_s.get(target, float("-inf")) < REPEAT_S:
            return ""
        self.logged_s[target] = now_s
        return f"target {target} cannot be reached: {reason}; the tunnel stays up"

    def reached(self, target: Address) -> str:
        """Return what to log, or an empty string."""
        return (
            f"target {target} can be reached again"
            if self.logged_s.pop(target, None) is not None
            else ""
        )


class Targets:
    """Connect asyncssh's sessions to their targets."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.complaints = Complaints()

    def say_unless_empty(self, text: str) -> None:
        if text:
            self.say(text)

    def sessions(
        self, traffic: Traffic, target: Address
    ) -> Callable[[str, int], Awaitable[Session]]:
        """Return the function that asyncssh calls for each connection to a forwarded port."""

        async def reach(_peer: str, _peer_port: int) -> Session:
            try:
                async with asyncio.timeout(REACH_TIMEOUT_S):
                    session = await self.forward(traffic, target)
            except TimeoutError:
                reason = f"no answer within {REACH_TIMEOUT_S:g} s"
            except OSError as error:
                reason = reason_of(error)
            else:
                self.say_unless_empty(self.complaints.reached(target))
                return session
            self.say_unless_empty(self.complaints.failed(target, reason, time.monotonic()))
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, reason)

        return reach

    @staticmethod
    async def forward(traffic: Traffic, target: Address) -> Session:
        """Connect to the first of the target's addresses that answers. Raises OSError."""
        numbers = await resolve(target)
        for number in numbers[:-1]:
            try:
                return cast(Session, await traffic.forward(number, target.port))
            except OSError:
                continue
        return cast(Session, await traffic.forward(numbers[-1], target.port))
