"""Answer what nodes ask: check, beat, hold and, by `claims`, claim."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from checker import __version__, wire
from checker.config.layout import Layout
from checker.model import (
    EventKind,
    ExpectKind,
    Forward,
    Node,
    NodeName,
    ProcessId,
    Registration,
    Status,
    enrolment_of,
    expect_said,
    printable,
)
from checker.output import today
from checker.registry.authorized_keys import gate_command
from checker.state.beats import beat_file
from checker.tunnels.claims import Claims
from checker.tunnels.enrol_requests import EnrolRequests, without_daemon
from checker.tunnels.gateway import Gateway
from checker.tunnels.peers import peer_address
from checker.tunnels.rate_limits import HELD_AT_ONCE, Over
from checker.tunnels.sent_away import DRAINS
from checker.tunnels.shared_requests import SharedRequests
from checker.wire import (
    TRY_LATER,
    Asked,
    Beat,
    Check,
    Claim,
    Hold,
    Malformed,
    OldCheck,
    Reply,
    Request,
    Version,
    refusal,
)


class Requests:
    """The requests of nodes at one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.shared = SharedRequests(gateway, self.refuse)
        self.claims = Claims(gateway)
        self.enrolling: EnrolRequests | None = None
        """None without a daemon."""

    async def answer(self, asked: Asked, caller: ProcessId | None) -> Reply:
        """Answer a node's request; `caller` is the sshd session that it came through, None if not
        known.
        """
        if enrolment_of(asked.node) is not None:
            return self.enrolling.answer(asked) if self.enrolling else without_daemon()
        try:
            is_shared = asked.node == wire.ANY_NODE
            parse = wire.parse_shared_request if is_shared else wire.parse_request
            request = parse(asked.command)
        except Malformed as error:
            return self.refuse(asked, str(error), wire.MALFORMED)
        if is_shared:
            return await self.shared.answer(request, asked)
        node = self.gateway.registry.nodes.get(NodeName(asked.node))
        if node is None:
            return self.refuse(asked, self.why_unknown(asked), wire.NOT_YOURS)
        barred = node.barred(today())
        if barred:
            return self.refuse(asked, f"node {node.name} may not listen: {barred}", wire.NOT_YOURS)
        return await self.answer_node(request, node, asked, caller)

    def why_unknown(self, asked: Asked) -> str:
        """Return why the registry has no such node, as a sentence for the node."""
        if asked.node in self.gateway.registry.broken:
            return f"node {asked.node} may not listen: its file at the gateway cannot be read"
        return f"node {printable(asked.node)} is not registered at this gateway"

    async def answer_node(
        self, request: Request, node: Node, asked: Asked, caller: ProcessId | None
    ) -> Reply:
        """Answer a node that came with a key of its own."""
        match request:
            case Version():
                return Reply(answer=f"{wire.PROTOCOL} {__version__}")
            case Check(ports):
                return self.with_foreign(await self.checked(node, ports, asked), node, ports)
            case Beat():
                return await self.beat(node, caller)
            case OldCheck(name, port, expected):
                if not node.answers_to(name):
                    return self.refuse(
                        asked,
                        f"this key belongs to node {node.name}, not to {printable(name)}",
                        wire.NOT_YOURS,
                    )
                return await self.checked(node, (port,), asked, expected)
            case Claim(instance):
                wait_s = await self.claims.answer(node, instance, caller, asked)
                return self.with_foreign(Reply(answer=str(wait_s)), node, ())
            case Hold():
                return await self.hold(node, request, caller, asked)

    async def beat(self, node: Node, caller: ProcessId | None) -> Reply:
        """Probe each forward now and answer a beat. The caller's connection lives, as it asks."""
        asking = self.gateway.watcher.signs.asking
        if caller is not None:
            asking.add(caller)
        try:
            await self.gateway.settle_all(node.forwards, actor=f"node {node.name}")
        finally:
            if caller is not None:
                asking.discard(caller)
        self.gateway.note_contact(node.forwards)
        return Reply(answer=str(self.gateway.verdict(node)))

    def refuse(self, asked: Asked, complaint: str, exit_status: int) -> Reply:
        """Refuse, and log it unless there were too many."""
        text = (
            f"refused {printable(asked.command)!r} from"
            f" {peer_address(asked.peer) or 'an unknown peer'}: {complaint}"
        )
        self.gateway.log_refusal(NodeName(asked.node), text, actor=actor_of(asked))
        return refused(asked, complaint, exit_status)

    def put_off(self, asked: Asked, over: Over) -> Reply:
        """Refuse a request over the node's limit, and log it if an event is due."""
        if over.untold is not None:
            name = NodeName(asked.node)
            known = name if name in self.gateway.registry.nodes else None
            text = (
                f"refused {over.untold} request(s), this one from"
                f" {peer_address(asked.peer) or 'an unknown peer'}: {over.why}"
            )
            self.gateway.ledger.log_event(
                EventKind.REFUSED, text, node=known, actor=actor_of(asked)
            )
        return refused(asked, over.why, TRY_LATER)

    async def checked(
        self, node: Node, ports: Sequence[int], asked: Asked, expected: str = ""
    ) -> Reply:
        """Probe these forwards of the node now and answer the longest wait; no port means all."""
        own = {int(port): forward for forward in node.forwards for port in reversed(forward.ports)}
        strange = [port for port in ports if port not in own]
        if strange:
            return self.refuse(
                asked, f"port {strange[0]} is not a port of node {node.name}", wire.NOT_YOURS
            )
        asked_of = dict.fromkeys(own[port] for port in ports) if ports else node.forwards
        forwards = [with_expected(forward, expected) for forward in asked_of]
        judgements = await self.gateway.settle_all(forwards, actor=f"node {node.name}")
        self.gateway.note_contact(forwards)
        return Reply(
            answer=str(max((judgement.tunnel.verdict for judgement in judgements), default=0))
        )

    def with_foreign(self, reply: Reply, node: Node, ports: Sequence[int]) -> Reply:
        """Add a sentence to the reply if another program holds a port.

        Not for the original's words: its devices may read both outputs as one, and would then find
        no number.
        """
        tunnels = [
            self.gateway.ledger.tunnel(forward)
            for forward in node.forwards
            if not ports or set(ports).intersection(forward.ports)
        ]
        foreign = [
            f"{tunnel.port}: {tunnel.detail}"
            for tunnel in tunnels
            if tunnel.status is Status.FOREIGN
        ]
        if reply.complaint or not foreign:
            return reply
        return replace(
            reply,
            complaint=(
                f"port {'; port '.join(foreign)}; the checker does not touch it: its admin must"
                " free the port"
            ),
        )

    async def hold(
        self, node: Node, request: Hold, caller: ProcessId | None, asked: Asked
    ) -> Reply:
        """Register the connection as the node's tunnel; the gate becomes its beat loop."""
        if caller is None:
            return self.refuse(asked, "hold must come through sshd", wire.MALFORMED)
        if self.gateway.sent_away.refuses(node.name, time.monotonic()):
            self.gateway.sent_away.refused[caller] = (node.name, time.monotonic())
            return Reply(answer="", complaint=DRAINS, exit_status=TRY_LATER)
        inodes, others = await self.sockets_of_node(node, caller)
        if others and not inodes:
            return self.refuse(
                asked,
                f"another live connection of node {node.name} holds its ports; claim first",
                wire.NOT_YOURS,
            )
        if not inodes and len(await self.gateway.ledger.of_node(node.name)) >= HELD_AT_ONCE:
            return self.refuse(
                asked, f"{HELD_AT_ONCE} connections of node {node.name} are held already", TRY_LATER
            )
        made = Registration(
            node=node.name,
            instance=request.instance,
            session=caller,
            peer=peer_address(asked.peer),
            registered_at=time.time(),
            inodes=inodes,
            client=request.client,
            moves=request.moves,
            home=request.home,
        )
        await self.register(node, made, asked.key)
        return Reply(
            answer="",
            becomes=beat_loop(self.gateway.layout, node.name, caller, self.gateway.swept_since_s),
        )

    async def register(self, node: Node, made: Registration, key: str) -> None:
        """Register a connection of the node, which came with `key`; older verdicts are void."""
        self.gateway.ledger.register(made)
        self.gateway.sent_away.waits.pop(node.name, None)
        self.gateway.sent_away.refused.pop(made.session, None)
        await self.gateway.rights.handover.note_key(node, key, made.session)
        self.gateway.watcher.registered_at[node.name] = time.monotonic()
        for forward in node.forwards:
            self.gateway.watcher.record.connected(forward, made.registered_at)
        # 0.1.0 searches the text for what begins with "instance"
        client = f"{made.client}, " if made.client else ""
        text = f"{client}instance {made.instance} connected from {made.peer or 'an unknown peer'}"
        self.gateway.ledger.log_event(
            EventKind.HOLD, text, node=node.name, actor=f"node {node.name}"
        )
        self.gateway.rights.arrived(node, made.instance, made.peer)

    async def sockets_of_node(
        self, node: Node, caller: ProcessId
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Return the node's listeners that no other connection holds, so they are the caller's, and
        those that others hold.
        """
        own: frozenset[int] = frozenset()
        others: frozenset[int] = frozenset()
        ports = [port for forward in node.forwards for port in forward.ports]
        holders, now = self.gateway.watcher.holders, time.monotonic()
        await holders.note_own(caller, ports, newer_than=now)
        for forward in node.forwards:
            for held in await holders.all_held(forward, newer_than=now):
                if held.session in (None, caller):
                    own |= held.inodes
                else:
                    others |= held.inodes
        return own, others


def actor_of(asked: Asked) -> str:
    """Return who asks, for an event."""
    enrolment = enrolment_of(asked.node)
    return f"node {printable(asked.node)}" if enrolment is None else f"enrolment {enrolment}"


def refused(asked: Asked, complaint: str, exit_status: int) -> Reply:
    """Return the refusal of a request. To a node's `hold` it prints nothing: clients take a 0 for a
    tunnel that works, and then do not try their next gateway.
    """
    reply = refusal(complaint, exit_status)
    return replace(reply, answer="") if is_hold(asked) else reply


def is_hold(asked: Asked) -> bool:
    """Whether a node asks for `hold`. Other keys than a node's own never ask for it."""
    if asked.node == wire.ANY_NODE or enrolment_of(asked.node) is not None:
        return False
    try:
        return isinstance(wire.parse_request(asked.command), Hold)
    except Malformed:
        return False


def with_expected(forward: Forward, expected: str) -> Forward:
    """Return the forward with the banner that the node's request names, if the registry expects no
    particular response.
    """
    return (
        forward
        if forward.expect.kind is not ExpectKind.OPEN
        else replace(forward, expect=expect_said(expected))
    )


def beat_loop(layout: Layout, node: NodeName, session: ProcessId, since_s: int) -> tuple[str, ...]:
    """Return the command line of this connection's beat loop, which believes sweeps after an uptime
    of `since_s`.
    """
    command = gate_command(layout)
    loop = str(Path(command.gate).with_name("hold.sh"))
    return (
        "/bin/sh",
        loop,
        str(layout.run),
        node,
        str(beat_file(layout.spool, session)),
        str(since_s),
        *command.words(node),
    )
