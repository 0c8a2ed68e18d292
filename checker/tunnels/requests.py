"""What a node asks, and what it is answered: check, beat, claim and hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    expect_said,
    printable,
)
from checker.output import today
from checker.registry.authorized_keys import gate_command
from checker.registry.key_lines import NEW
from checker.state.beats import beat_file
from checker.tunnels.gateway import Gateway
from checker.tunnels.holders import Held
from checker.tunnels.judge import CannotKill, Kill, Owner, Recheck
from checker.tunnels.rate_limits import HELD_AT_ONCE, NODE_WAITS_S, TRY_LATER, Over
from checker.tunnels.shared_key import INSTANCE
from checker.tunnels.shared_requests import SharedRequests
from checker.wire import (
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

NOT_CLEAR_WAITS_S = 10
"""What a newcomer waits if by then it is not clear yet whether the port's holder lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """Who wants to listen."""

    instance: str
    peer: str
    has_new_key: bool
    """It came with the key that waits."""


class Requests:
    """The requests of nodes at one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.shared = SharedRequests(gateway, self.refuse)

    async def answer(self, asked: Asked, caller: ProcessId | None) -> Reply:
        """What a node's request is answered; `caller` is the sshd session that it came through,
        where that is known.
        """
        try:
            request = wire.parse_request(asked.command)
        except Malformed as error:
            return self.refuse(asked, str(error), wire.MALFORMED)
        if asked.node == wire.ANY_NODE:
            return await self.shared.answer(request, asked)
        node = self.gateway.registry.nodes.get(NodeName(asked.node))
        if node is None and asked.node in self.gateway.registry.broken:
            return self.refuse(
                asked,
                f"node {asked.node} may not listen: its file at the gateway can not be read",
                wire.NOT_YOURS,
            )
        if node is None:
            return self.refuse(
                asked,
                f"node {printable(asked.node)} is not registered at this gateway",
                wire.NOT_YOURS,
            )
        barred = node.barred(today())
        if barred:
            return self.refuse(asked, f"node {node.name} may not listen: {barred}", wire.NOT_YOURS)
        return await self.answer_node(request, node, asked, caller)

    async def answer_node(
        self, request: Request, node: Node, asked: Asked, caller: ProcessId | None
    ) -> Reply:
        """What is answered to a node that came with a key of its own."""
        match request:
            case Version():
                return Reply(answer=f"{wire.PROTOCOL} {__version__}")
            case Check(ports):
                return self.with_foreign(await self.checked(node, ports, asked), node, ports)
            case Beat():
                return await self.beat(node, caller)
            case OldCheck(name, port, expected):
                if name != node.name:
                    return self.refuse(
                        asked,
                        f"this key belongs to node {node.name}, not to {printable(name)}",
                        wire.NOT_YOURS,
                    )
                return await self.checked(node, (port,), asked, expected)
            case Claim(instance):
                return self.with_foreign(
                    Reply(answer=str(await self.claim(node, instance, caller, asked))), node, ()
                )
            case Hold():
                return await self.hold(node, request, caller, asked)

    async def beat(self, node: Node, caller: ProcessId | None) -> Reply:
        """What a connection that holds is to hear, each forward probed now; it lives, as it
        asks.
        """
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
        """Refuse, and log it, if not too often."""
        text = (
            f"refused {printable(asked.command)!r} from"
            f" {peer_address(asked.peer) or 'an unknown peer'}: {complaint}"
        )
        self.gateway.tell_refused(NodeName(asked.node), text, actor=f"node {printable(asked.node)}")
        return refusal(complaint, exit_status)

    def put_off(self, asked: Asked, over: Over) -> Reply:
        """Refuse what is over the node's limit."""
        if over.untold is not None:
            name = NodeName(asked.node)
            known = name if name in self.gateway.registry.nodes else None
            text = (
                f"refused {over.untold} request(s), this one from"
                f" {peer_address(asked.peer) or 'an unknown peer'}: {over.why}"
            )
            self.gateway.ledger.tell(
                EventKind.REFUSED, text, node=known, actor=f"node {printable(asked.node)}"
            )
        return refusal(over.why, TRY_LATER)

    async def checked(
        self, node: Node, ports: Sequence[int], asked: Asked, expected: str = ""
    ) -> Reply:
        """The longest wait over these forwards of the node, each probed now; no port means all of
        them.
        """
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
        """The reply, with a sentence where another program holds a port.

        The original's words get none: its devices may read both outputs as one, and would take no
        number from it.
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

    async def claim(self, node: Node, instance: str, caller: ProcessId | None, asked: Asked) -> int:
        """Make way for the node's next connection: 0 is go.

        What an earlier connection of the same instance still holds is killed at once. What another
        instance holds is killed if it is hung; if it is healthy, the key was cloned, and the
        newcomer is to wait. Where other programs hold all of its ports, it waits too. All of these
        are looked at side by side: the client waits as long for many as for one.
        """
        until = time.monotonic() + NODE_WAITS_S
        foreign = 0
        disputed: dict[ProcessId, tuple[Forward, Held]] = {}
        claimant = Claimant(
            instance=instance,
            peer=peer_address(asked.peer),
            has_new_key=asked.key == NEW and node.next_key is not None,
        )
        if claimant.has_new_key and node.is_shared:
            await self.note_holders(node, caller)
        for forward in node.forwards:
            found = await self.gateway.watcher.holdings.all_held(
                forward, newer_than=time.monotonic()
            )
            foreign += all(held.owner is Owner.FOREIGN and not held.leaves_ipv4 for held in found)
            for held in found:
                if held.session is not None and held.session != caller:
                    disputed.setdefault(held.session, (forward, held))
        async with asyncio.TaskGroup() as group:
            making = [
                group.create_task(self.make_way(node, *found, claimant, until))
                for found in disputed.values()
            ]
        waits = [0, *(task.result() for task in making)]
        if foreign == len(node.forwards):
            await self.gateway.settle_all(node.forwards, actor=f"node {node.name}")
            waits.append(self.gateway.verdict(node))
        self.gateway.note_contact(node.forwards)
        return max(waits)

    async def make_way(
        self, node: Node, forward: Forward, held: Held, claimant: Claimant, until: float
    ) -> int:
        """End a connection for the node's next one, or return how long that is to wait.

        `until` is monotonic.
        """
        assert held.session is not None
        why = await self.gateway.rights.why_end(node, claimant.instance, held.session, held.port)
        if (
            not why
            and claimant.has_new_key
            and await self.gateway.rights.is_outdated(node, held.session)
        ):
            if not self.gateway.rights.handover.may_take_over(node, time.monotonic()):
                return self.gateway.config.policy.longest_wait_s
            why = "claimed with the node's new key"
        if not why:
            return await self.dispute(node, forward, claimant, until)
        await self.gateway.watcher.end(
            forward, held.session, held.inodes, actor=f"node {node.name}", why=why
        )
        return 0

    async def dispute(self, node: Node, forward: Forward, claimant: Claimant, until: float) -> int:
        """Another connection holds the newcomer's port: is it alive?"""
        judgement = await self.gateway.settle(forward, actor=f"node {node.name}", until=until)
        if isinstance(judgement.action, Recheck):
            return min(NOT_CLEAR_WAITS_S, self.gateway.config.policy.longest_wait_s)
        if isinstance(judgement.action, Kill) or judgement.tunnel.status is Status.DOWN:
            return 0
        if isinstance(judgement.action, CannotKill) or judgement.tunnel.status is Status.FOREIGN:
            return judgement.tunnel.verdict
        wait_s = self.gateway.rights.refuse_clone(
            forward, judgement.tunnel.session, claimant.instance, claimant.peer
        )
        self.gateway.rights.note_clone(node)
        return wait_s

    async def hold(
        self, node: Node, request: Hold, caller: ProcessId | None, asked: Asked
    ) -> Reply:
        """Register the connection as the node's tunnel; the answer is the command line of its beat
        loop, NUL between the words.
        """
        if caller is None:
            return self.refuse(asked, "hold must come through sshd", wire.MALFORMED)
        now = time.time()
        peer = peer_address(asked.peer)
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
        instance, client = request.instance, request.client
        self.gateway.ledger.register(
            Registration(
                node=node.name,
                instance=instance,
                session=caller,
                peer=peer,
                registered_at=now,
                inodes=inodes,
                client=client,
            )
        )
        await self.gateway.rights.handover.note_key(node, asked.key, caller)
        self.gateway.watcher.registered_at[node.name] = time.monotonic()
        for forward in node.forwards:
            self.gateway.ledger.put(
                replace(self.gateway.ledger.tunnel(forward), checked_at=now, verdict=0)
            )
        text = f"instance {instance} connected from {peer or 'an unknown peer'}"
        self.gateway.ledger.tell(EventKind.HOLD, text, node=node.name, actor=f"node {node.name}")
        self.gateway.rights.arrived(node, instance, peer)
        return Reply(
            answer="\0".join(
                beat_loop(self.gateway.layout, node.name, caller, self.gateway.swept_since_s)
            )
        )

    async def sockets_of_node(
        self, node: Node, caller: ProcessId
    ) -> tuple[frozenset[int], frozenset[int]]:
        """The node's listeners that belong to no other connection, and so to the caller's; and
        those of others.
        """
        own: frozenset[int] = frozenset()
        others: frozenset[int] = frozenset()
        for forward in node.forwards:
            for held in await self.gateway.watcher.holdings.all_held(
                forward, newer_than=time.monotonic()
            ):
                if held.session in (None, caller):
                    own |= held.inodes
                else:
                    others |= held.inodes
        return own, others

    async def note_holders(self, node: Node, caller: ProcessId | None) -> None:
        """The node's own key comes into use: whoever else holds its ports now did so by the shared
        key, and may be taken over from.
        """
        found = [
            await self.gateway.watcher.holdings.all_held(forward, newer_than=time.monotonic())
            for forward in node.forwards
        ]
        for held in (held for both in found for held in both):
            if held.session is not None and held.session not in (
                caller,
                *self.gateway.ledger.registrations,
            ):
                made = Registration(
                    node=node.name,
                    instance=INSTANCE,
                    session=held.session,
                    peer="",
                    registered_at=time.time(),
                )
                self.gateway.ledger.register(made)


def with_expected(forward: Forward, expected: str) -> Forward:
    """The forward, where the registry expects nothing in particular, with the banner that the
    node's own request names.
    """
    return (
        forward
        if forward.expect.kind is not ExpectKind.OPEN
        else replace(forward, expect=expect_said(expected))
    )


def peer_address(peer: str) -> str:
    """`ADDRESS PORT` of SSH_CONNECTION as ADDRESS:PORT, safe to show; empty where it is not
    known.
    """
    address, _, port = printable(peer).partition(" ")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}" if address else ""


def beat_loop(layout: Layout, node: NodeName, session: ProcessId, since_s: int) -> list[str]:
    """The command line of the beat loop of this connection, which believes what was swept after an
    uptime of `since_s`.
    """
    command = gate_command(layout)
    loop = str(Path(command.gate).with_name("hold.sh"))
    return [
        "/bin/sh",
        loop,
        str(layout.run),
        node,
        str(beat_file(layout.spool, session)),
        str(since_s),
        *command.words(node),
    ]
