"""The daemon's side of its socket: who comes, how much each may ask, and what is answered."""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
import time
from collections.abc import Iterable
from typing import Any, Protocol

from checker.config.settings import Config
from checker.daemon.verdicts import Verdicts
from checker.linux.unix_socket import credentials
from checker.model import CheckerError, EventKind, NodeName, Verb, aim_from, outcome_json, printable
from checker.sshd.sessions import session_above
from checker.state.spool import event_in
from checker.tunnels.gateway import Gateway
from checker.tunnels.operations import Operations
from checker.tunnels.rate_limits import Crowd, Limit, Limits
from checker.tunnels.requests import Requests
from checker.wire import (
    ANY_NODE,
    MALFORMED,
    Asked,
    Malformed,
    Reply,
    decode_asked,
    encode_reply,
    refusal,
)

READ_WITHIN_S = 5.0
MAX_MESSAGE = 1 << 16
ACKNOWLEDGED = b".\n"
SHARED_AT_ONCE = 64
"""Requests with the shared key under way from one address: a whole mesh may be behind it."""
SHARED_TIMES = 10
"""And so many times what one node may ask a minute."""


class Sweeper(Protocol):
    """What goes on behind the socket, as far as an answer may change it."""

    gateway: Gateway
    verdicts: Verdicts

    def sweep_soon(self, nodes: Iterable[NodeName]) -> None:
        """Probe these nodes' forwards next."""

    def watch_unregistered(self) -> None:
        """Follow what the shared key brought."""

    async def look_at_registry(self) -> None:
        """Read the registry again if it changed."""


class Reception:
    """Takes the messages of gates and operators, and has them answered."""

    def __init__(self, sweeper: Sweeper) -> None:
        self.sweeper = sweeper
        self.gateway = sweeper.gateway
        self.requests = Requests(self.gateway)
        self.operations = Operations(self.gateway)
        config = self.gateway.config
        self.operators = operator_uids(config)
        self.limits = Limits(Limit(a_minute=config.requests_a_minute))
        self.shared_limits = Limits(
            Limit(at_once=SHARED_AT_ONCE, a_minute=SHARED_TIMES * config.requests_a_minute)
        )
        self.crowd = Crowd(self.operators | {self.gateway.watcher.uid})

    def forget_idle(self) -> None:
        """Drop the accounts of those that asked nothing lately."""
        self.limits.forget(time.monotonic())
        self.shared_limits.forget(time.monotonic())

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to the socket: one message, one answer; a stranger has but a few at a
        time.
        """
        uid = credentials(writer)[1]
        if not self.crowd.enter(uid):
            writer.close()
            return
        try:
            async with asyncio.timeout(READ_WITHIN_S):
                message = await reader.read(MAX_MESSAGE)
                while not reader.at_eof():
                    message += await reader.read(MAX_MESSAGE)
                    if len(message) > MAX_MESSAGE:
                        return
            writer.write(await self.respond(message, writer))
            async with asyncio.timeout(READ_WITHIN_S):
                await writer.drain()
        except (TimeoutError, ConnectionError):
            return
        finally:
            self.crowd.leave(uid)
            writer.close()

    async def respond(self, message: bytes, writer: asyncio.StreamWriter) -> bytes:
        """The answer to a gate's or an operator's message."""
        pid, uid, _ = credentials(writer)
        if message.startswith(b"gate\0"):
            writer.write(ACKNOWLEDGED)
            return await self.for_gate(message, pid, uid)
        return json.dumps({"schema": 1, **await self.for_operator(message, uid)}).encode()

    async def for_gate(self, message: bytes, pid: int, uid: int) -> bytes:
        """What the node is told; the caller's session is looked up from the peer's own PID."""
        if uid not in (self.gateway.watcher.uid, 0):
            return encode_reply(refusal("only the tunnel user may speak for a node", MALFORMED))
        try:
            asked = decode_asked(message)
        except Malformed as error:
            return encode_reply(refusal(str(error), MALFORMED))
        shared = asked.node == ANY_NODE
        limits = self.shared_limits if shared else self.limits
        node = NodeName(asked.peer.partition(" ")[0] if shared else asked.node)
        over = limits.enter(node, time.monotonic())
        if over is not None:
            return encode_reply(self.requests.put_off(asked, over))
        try:
            return encode_reply(await self.answer(asked, pid))
        finally:
            limits.leave(node)

    async def answer(self, asked: Asked, pid: int) -> Reply:
        """What the node is answered, its verdict's file and the state file being in order by
        then.
        """
        caller = await asyncio.to_thread(session_above, pid, self.gateway.watcher.uid)
        reply = await self.requests.answer(asked, caller)
        self.sweeper.watch_unregistered()
        if reply.becomes:  # a hold: what the last sweep saw was before it
            await self.sweeper.verdicts.tell(NodeName(asked.node))
            await self.gateway.ledger.flush()  # whose connection it is must outlive us
            self.sweeper.sweep_soon([NodeName(asked.node)])
        return reply

    async def for_operator(self, message: bytes, uid: int) -> dict[str, Any]:
        """What an operator is told."""
        try:
            request = json.loads(message)
            verb = request["verb"]
            if verb == "ping":
                return {"pid": os.getpid()}
            if uid not in self.operators:
                return {
                    "error": f"uid {uid} may not {verb}: join the operators' group, or use sudo"
                }
            if verb == "reload":
                return await self.reload(request)
            return await self.act(request)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            return {"error": f"a malformed request: {error!r}"}

    async def reload(self, request: dict[str, Any]) -> dict[str, Any]:
        """The registry was changed, by whom stands in the events. Raises ValueError, KeyError,
        TypeError for what is no such request.
        """
        told = [event_in(row) for row in request.get("events", ())]
        await self.sweeper.look_at_registry()
        self.gateway.ledger.events.extend(
            event for event in told if event.kind is EventKind.REGISTRY
        )
        self.sweeper.sweep_soon({event.node for event in told if event.node})
        await self.gateway.ledger.flush()
        return {}

    async def act(self, request: dict[str, Any]) -> dict[str, Any]:
        """What an operator asked for is done. Raises ValueError, KeyError, TypeError for what is no
        such request.
        """
        aims = [aim_from(aim) for aim in request["aims"]]
        outcomes = await self.operations.act(
            Verb(request["verb"]), aims, printable(str(request["operator"]))
        )
        for node in {aim.node for aim in aims}:
            await self.sweeper.verdicts.tell(node)
        await self.gateway.ledger.flush()
        return {"outcomes": [outcome_json(outcome) for outcome in outcomes]}


def operator_uids(config: Config) -> frozenset[int]:
    """Root, the daemon's own user, and the members of the operators' group."""
    uids = {0, os.geteuid()}
    if config.operators_group:
        try:
            group = grp.getgrnam(config.operators_group)
        except KeyError:
            raise CheckerError(
                f"operators_group {config.operators_group!r} is no group here; make it with"
                " groupadd"
            ) from None
        uids |= {
            user.pw_uid
            for user in pwd.getpwall()
            if user.pw_gid == group.gr_gid or user.pw_name in group.gr_mem
        }
    return frozenset(uids)
