"""The agent's socket: it takes letters from operators of this machine, for other gateways.

The passwords of the bus are root's, so operators cannot send by themselves. A letter is signed, and
the agent cannot change it. Any account may connect; the kernel says whose process it is.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.control.bringing import NoAnswer, NobodyThere
from checker.daemon.accept import Caller, Door
from checker.daemon.crowd import Crowd
from checker.daemon.operators import Operators
from checker.linux.unix_socket import listen
from checker.model import CheckerError, InvalidValue
from checker.model.gateway_id import GatewayId, parse_gateway_id
from checker.model.letter import MOST_BYTES

AT_ONCE = 64
"""Letters under way: each may wait a minute for its answer."""
NO_UID = -1
Sends = Callable[[GatewayId, bytes], Awaitable[bytes]]
"""Sends a letter to a gateway, and returns its answer. Raises NobodyThere, NoAnswer."""


class Post:
    """Answers what operators bring."""

    def __init__(self, operators: Operators, sends: Sends) -> None:
        self.operators, self.sends = operators, sends
        self.under_way = 0

    async def answer(self, message: bytes, caller: Caller) -> None:
        """Send the caller what became of its letter. Raises OSError, TimeoutError."""
        answer = {"schema": 1, **await self.became(message, caller.uid)}
        await caller.send(json.dumps(answer).encode())

    async def became(self, message: bytes, uid: int) -> dict[str, Any]:
        """Return what became of a letter: the answer, or why nobody took it, or why there is no
        answer, as a clause.
        """
        if not await self.operators.include(uid):
            why = self.operators.refusal(uid, "send letters to other gateways")
            return {"nobody": f"was not asked: {why}"}
        try:
            id_, content = letter_in(message)
        except InvalidValue as error:
            return {"nobody": f"was not asked: {error}"}
        if self.under_way >= AT_ONCE:
            return {"nobody": f"was not asked: {AT_ONCE} letters are under way here; repeat it"}
        self.under_way += 1
        try:
            answer = await self.sends(id_, content)
        except NobodyThere as error:
            return {"nobody": str(error)}
        except NoAnswer as error:
            return {"silent": str(error)}
        finally:
            self.under_way -= 1
        return {"answer": base64.b64encode(answer).decode()}


def letter_in(message: bytes) -> tuple[GatewayId, bytes]:
    """Return for whom a letter is, and the letter. Raises InvalidValue."""
    try:
        table = json.loads(message)
        id_ = parse_gateway_id(str(table["gateway"]))
        content = base64.b64decode(table["letter"], validate=True)
    except InvalidValue:
        raise
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidValue("what came is not a request of reversi's") from None
    if len(content) > MOST_BYTES:
        raise InvalidValue(f"a letter has at most {MOST_BYTES >> 10} KiB")
    return id_, content


async def keep_post(layout: Layout, sends: Sends) -> None:
    """Serve the socket until cancelled. Raises CheckerError if it cannot be opened."""
    operators = Operators(load_config(layout.config))
    try:
        listener = listen(layout.post)
    except OSError as error:
        raise CheckerError(
            f"operators cannot act at other gateways from here: {layout.post} cannot be opened"
            f" ({error.strerror})"
        ) from error
    try:
        crowd: Crowd[asyncio.Task[None]] = Crowd(operators, NO_UID)
        await Door(listener, crowd, Post(operators, sends).answer).serve()
    finally:
        layout.post.unlink(missing_ok=True)
