"""Answer letters that come over the bus: the daemon carries them out, the gateway seals the answer.

An act may take a minute, so several are under way at once, and none keeps another question waiting.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from checker.fleet.allowance import Allowance
from checker.fleet.identity import Identity
from checker.fleet.letter_box import said
from checker.model import InvalidValue
from checker.model.letter import nonce_in

log = logging.getLogger(__name__)
AT_ONCE = 16
MOST_A_SECOND = 100.0
"""Letters: a flood of them must not take our processor, nor the daemon's."""
HandOver = Callable[[bytes], bytes]
"""Gives the daemon a letter, and returns its answer; it blocks, and raises nothing."""


class Acting:
    """Takes letters from the bus."""

    def __init__(self, identity: Identity, hand_over: HandOver) -> None:
        self.identity, self.hand_over = identity, hand_over
        self.allowance = Allowance(MOST_A_SECOND)
        self.under_way = 0
        self.threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="act")

    async def answer(self, subject: str, content: bytes) -> bytes | None:
        """Return the sealed answer; None: there is none."""
        if not self.allowance.take(time.monotonic()):
            return None
        if self.under_way >= AT_ONCE:
            why = f"{AT_ONCE} letters are being carried out there; repeat it in a minute"
            return self.sealed(subject, said(refused=why, nonce=nonce_in(content)))
        self.under_way += 1
        try:
            loop = asyncio.get_running_loop()
            body = await loop.run_in_executor(self.threads, self.hand_over, content)
        finally:
            self.under_way -= 1
        return self.sealed(subject, body)

    def sealed(self, subject: str, body: bytes) -> bytes | None:
        try:
            return self.identity.sealed(subject, body)
        except InvalidValue as error:
            log.warning("the answer to a letter was not sent: %s", error)
            return None
