"""Answer what arrives at the daemon's socket: a gate's request for a node, an operator's act."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from checker import __version__
from checker.daemon.accept import Caller
from checker.daemon.drainer import Drainer
from checker.daemon.gate_messages import decode_asked, encode_reply
from checker.daemon.operators import Operators
from checker.daemon.registry_watch import RegistryWatch
from checker.daemon.sweep import Sweeper
from checker.daemon.verdicts import Verdicts
from checker.model import (
    OPERATOR_KINDS,
    Aim,
    CheckerError,
    EventKind,
    NodeName,
    Outcome,
    Verb,
    aim_from,
    enrolment_of,
    outcome_json,
    printable,
)
from checker.model.action import GatewayVerb
from checker.model.drain import progress_json
from checker.model.mute import change_from
from checker.sshd.sessions import session_above
from checker.state.mutes import change_mutes, mute_events
from checker.state.spool import event_in
from checker.tunnels.applying import network_of
from checker.tunnels.enrol_requests import EnrolRequests
from checker.tunnels.gateway import Gateway
from checker.tunnels.operations import Operations
from checker.tunnels.rate_limits import Limit, Limits
from checker.tunnels.requests import Requests
from checker.wire import (
    ANY_NODE,
    MALFORMED,
    Asked,
    Malformed,
    Reply,
    refusal,
)

if TYPE_CHECKING:
    from checker.daemon.letters import Letters

ACKNOWLEDGED = b".\n"
DRAIN_VERBS = ("drain", "undrain", "draining")
SHARED_AT_ONCE = 64
"""Requests with the shared key under way from one address: a whole mesh may be behind it."""
SHARED_TIMES = 10
"""One such address may ask this many times what one node may ask."""


class Server:
    """Answers the messages of gates and operators."""

    def __init__(
        self,
        gateway: Gateway,
        verdicts: Verdicts,
        sweeper: Sweeper,
        registry_watch: RegistryWatch,
        operators: Operators,
    ) -> None:
        self.gateway = gateway
        self.verdicts = verdicts
        self.sweeper = sweeper
        self.registry_watch = registry_watch
        self.operators = operators
        self.requests = Requests(gateway)
        self.enrolling = EnrolRequests(gateway, self.requests.refuse)
        self.requests.enrolling = registry_watch.enrolling = self.enrolling
        self.operations = Operations(gateway)
        self.drainer = Drainer(gateway, verdicts)
        self.letters: Letters | None = None
        a_minute = gateway.config.requests_a_minute
        self.limits = Limits(Limit(a_minute=a_minute))
        many = Limit(at_once=SHARED_AT_ONCE, a_minute=SHARED_TIMES * a_minute)
        self.shared_limits = Limits(many)
        self.enrol_limits = Limits(many)

    def forget_idle(self) -> None:
        """Drop the accounts of those that asked nothing lately."""
        self.limits.forget(time.monotonic())
        self.shared_limits.forget(time.monotonic())
        self.enrol_limits.forget(time.monotonic())

    async def answer(self, message: bytes, caller: Caller) -> None:
        """Answer a gate or an operator. Raises OSError, TimeoutError if the caller is gone."""
        if message.startswith(b"gate\0"):
            await caller.send(ACKNOWLEDGED)
            await caller.send(encode_reply(await self.for_gate(message, caller)))
        else:
            answer = {"schema": 1, **await self.for_operator(message, caller.uid)}
            await caller.send(json.dumps(answer).encode())

    async def for_gate(self, message: bytes, caller: Caller) -> Reply:
        """The reply to a node; its session is looked up from the PID of the gate."""
        if caller.uid not in (self.gateway.watcher.uid, 0):
            return refusal("only the tunnel user may speak for a node", MALFORMED)
        try:
            asked = decode_asked(message)
        except Malformed as error:
            return refusal(str(error), MALFORMED)
        limits, node = self.limits_of(asked)
        over = limits.enter(node, time.monotonic())
        if over is not None:
            return self.requests.put_off(asked, over)
        try:
            return await self.for_node(asked, caller.pid)
        finally:
            limits.leave(node)

    def limits_of(self, asked: Asked) -> tuple[Limits, NodeName]:
        """Return which limits count for the request, and under which name: devices that have one
        key in common are told apart by their address.
        """
        address = asked.peer.partition(" ")[0]
        if asked.node == ANY_NODE:
            return self.shared_limits, NodeName(address)
        if enrolment_of(asked.node) is not None:
            return self.enrol_limits, NodeName(network_of(address))
        return self.limits, NodeName(asked.node)

    async def for_node(self, asked: Asked, pid: int) -> Reply:
        """The reply; the files that the node's beat loop reads are in order by then."""
        if enrolment_of(asked.node) is not None:
            return await self.requests.answer(asked, None)
        session = await asyncio.to_thread(session_above, pid, self.gateway.watcher.uid)
        reply = await self.requests.answer(asked, session)
        if reply.becomes:  # a hold: what the last sweep saw was before it
            await self.verdicts.write(NodeName(asked.node))
            await self.gateway.ledger.flush_changes()  # whose connection it is must outlive us
            self.sweeper.probe_soon([NodeName(asked.node)])
        return reply

    async def for_operator(self, message: bytes, uid: int) -> dict[str, Any]:
        """The answer to an operator; `ping` is answered to everyone."""
        try:
            request = json.loads(message)
            verb = request["verb"]
            if verb == "ping":
                return {"pid": os.getpid(), "version": __version__}
            if verb == "letter":
                return await self.letter(request, uid)
            if not await self.operators.include(uid):
                return {"error": self.operators.refusal(uid, printable(str(verb)))}
            if verb == "reload":
                with self.sweeper.giving_way():
                    return await self.reload(request)
            if verb == "mute":
                return await self.mute(request)
            if verb == "reject":
                return await self.reject(request)
            if verb in DRAIN_VERBS:
                return await self.drain(verb, request)
            return await self.act(request)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            return {"error": f"a malformed request: {error!r}"}

    async def reload(self, request: dict[str, Any]) -> dict[str, Any]:
        """Log what an operator did beside this daemon, and read the registry again, unless the
        events say that it did not change.

        Raises ValueError, KeyError, TypeError for a malformed request.
        """
        events = [event_in(row) for row in request.get("events", ())]
        changes = [event for event in events if event.kind is EventKind.REGISTRY]
        if changes or not events:
            await self.registry_watch.read_now()
        self.gateway.ledger.pending.add_events(
            event for event in events if event.kind in OPERATOR_KINDS
        )
        self.sweeper.probe_soon({event.node for event in changes if event.node})
        await self.gateway.ledger.flush_changes()
        return {}

    async def mute(self, request: dict[str, Any]) -> dict[str, Any]:
        """Write the mutes as an operator changed them; `note` says what else he should know.
        Raises ValueError, KeyError, TypeError, OverflowError for a malformed request.
        """
        change, operator = change_from(request), printable(str(request["operator"]))
        try:
            note = await asyncio.to_thread(change_mutes, self.gateway.layout.mutes, change)
        except CheckerError as error:
            return {"error": str(error)}
        self.gateway.ledger.pending.add_events(mute_events(change, operator, time.time()))
        await self.gateway.ledger.flush()
        return {"note": note}

    async def reject(self, request: dict[str, Any]) -> dict[str, Any]:
        """Reject the applicants with these fingerprints; answer the names of those that waited, and
        the fingerprints of the others. Raises ValueError, KeyError, TypeError for a malformed
        request.
        """
        prints = [printable(str(one)) for one in request["fingerprints"]]
        rejected, unknown = self.enrolling.reject(prints, printable(str(request["operator"])))
        await self.gateway.ledger.flush()
        return {"rejected": rejected, "unknown": unknown}

    async def drain(self, verb: str, request: dict[str, Any]) -> dict[str, Any]:
        """Begin or end a drain, or only say how far it is. Raises ValueError, KeyError, TypeError
        for a malformed request.
        """
        operator = printable(str(request["operator"]))
        try:
            if verb == "drain":
                await self.drainer.begin(operator)
            elif verb == "undrain":
                await self.drainer.end(operator)
        except CheckerError as error:
            return {"error": str(error)}
        again = bool(request.get("again", False))
        return {"progress": progress_json(await self.drainer.progress(again=again))}

    async def act(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what an operator asked for. Raises ValueError, KeyError, TypeError for a malformed
        request.
        """
        aims = [aim_from(aim) for aim in request["aims"]]
        outcomes = await self.act_as(
            Verb(request["verb"]), aims, printable(str(request["operator"]))
        )
        return {"outcomes": [outcome_json(outcome) for outcome in outcomes]}

    async def act_as(
        self, verb: Verb | GatewayVerb, aims: Sequence[Aim], operator: str
    ) -> list[Outcome]:
        """Do it to each forward, in order, or to the gateway; whoever asks, and from wherever.
        Raises ConfigError.
        """
        if isinstance(verb, GatewayVerb):
            return [await self.drainer.asked(verb, operator)]
        outcomes = await self.operations.act(verb, aims, operator)
        for node in {aim.node for aim in aims}:
            await self.verdicts.write(node)
        await self.gateway.ledger.flush()
        return outcomes

    async def letter(self, request: dict[str, Any], uid: int) -> dict[str, Any]:
        """Carry out what an operator at another gateway signed. Raises ValueError, KeyError,
        TypeError for a malformed request.
        """
        from checker.daemon.letters import Letters, may_bring  # only a fleet needs it

        if not await asyncio.to_thread(may_bring, uid, self.operators.always):
            return {"error": "only the agent of the fleet may bring letters"}
        if self.letters is None:
            self.letters = Letters(self.gateway.layout, self.gateway.ledger, self.act_as)
        return await self.letters.answer(request)
