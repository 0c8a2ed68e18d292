"""The services on this side: connecting to them, and saying once that one can not be reached."""

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
"""Shorter than the gateway's probe (5 s), which would otherwise take a target that is switched off
for a tunnel that hangs.
"""
REPEAT_S = 600.0

Session = asyncssh.SSHTCPSession[bytes]


class Complaints:
    """Which targets can not be reached, and when that was last said."""

    def __init__(self) -> None:
        self.said_s: dict[Address, float] = {}

    def failed(self, target: Address, reason: str, now_s: float) -> str:
        """What to log; empty for nothing."""
        if now_s - self.said_s.get(target, float("-inf")) < REPEAT_S:
            return ""
        self.said_s[target] = now_s
        return f"target {target} can not be reached: {reason}; the tunnel stays"

    def reached(self, target: Address) -> str:
        """What to log; empty for nothing."""
        return (
            f"target {target} can be reached again"
            if self.said_s.pop(target, None) is not None
            else ""
        )


class Targets:
    """Makes the sessions of forwarded connections."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.complaints = Complaints()

    def tell(self, text: str) -> None:
        if text:
            self.say(text)

    def sessions(
        self, traffic: Traffic, target: Address
    ) -> Callable[[str, int], Awaitable[Session]]:
        """What asyncssh calls for each connection to a forwarded port."""

        async def reach(_peer: str, _peer_port: int) -> Session:
            try:
                async with asyncio.timeout(REACH_TIMEOUT_S):
                    session = await self.forward(traffic, target)
            except TimeoutError:
                reason = f"no answer in {REACH_TIMEOUT_S:g} s"
            except OSError as error:
                reason = reason_of(error)
            else:
                self.tell(self.complaints.reached(target))
                return session
            self.tell(self.complaints.failed(target, reason, time.monotonic()))
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, reason)

        return reach

    @staticmethod
    async def forward(traffic: Traffic, target: Address) -> Session:
        """The library's own forwarder, to the first of the target's numbers that answers. Raises
        OSError.
        """
        numbers = await resolve(target)
        for number in numbers[:-1]:
            try:
                return cast(Session, await traffic.forward(number, target.port))
            except OSError:
                continue
        return cast(Session, await traffic.forward(numbers[-1], target.port))
