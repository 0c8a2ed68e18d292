"""The use cases: what a node may ask, what an operator may do, and what both are told."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from checker import __version__, wire
from checker.aims import outcome, why_unknown
from checker.beats import beat_file
from checker.config import Config, Layout
from checker.control import Aim, Outcome, Verb
from checker.holdings import Held
from checker.judge import LIVES, CannotKill, Judgement, Kill, Owner, Recheck
from checker.keys import NEW
from checker.ledger import Ledger
from checker.limits import HELD_AT_ONCE, NODE_WAITS_S, TRY_LATER, Limit, Limits, Over
from checker.model import (
    EventKind,
    ExpectKind,
    Forward,
    Node,
    NodeName,
    ProcessId,
    Registration,
    Status,
    Tunnel,
    expect_said,
    printable,
)
from checker.operating import Operating
from checker.registry import Registry, gate_command, renames, with_the_same_key
from checker.rights import Rights
from checker.sharing.shared_door import SharedDoor
from checker.succession import old_key_note
from checker.table import today
from checker.watch import Watcher
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

log = logging.getLogger(__name__)
NOT_CLEAR_WAITS_S = 10
"""What a newcomer waits if by then it is not clear yet whether the port's holder lives."""
REFUSALS = Limit(a_minute=20, saved_up=120)
"""What is refused to one node and becomes an event: a device repeats itself, and a thief shall not
fill the log.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """Who wants to listen."""

    instance: str
    peer: str
    has_new_key: bool
    """It came with the key that waits."""


class Gateway:
    """One gateway's use cases, over what it knows (the ledger) and what it can do (the watcher)."""

    def __init__(
        self,
        layout: Layout,
        config: Config,
        ledger: Ledger,
        registry: Registry,
        *,
        swept_since_s: int = 0,
    ) -> None:
        """Who does not sweep gives the uptime of now: an earlier daemon's verdicts are older than
        the connections registered here.
        """
        self.layout = layout
        self.config = config
        self.ledger = ledger
        self.watcher = Watcher(layout, config, ledger)
        self.rights = Rights(layout, ledger, self.watcher)
        self.operating = Operating(ledger, self.watcher)
        if swept_since_s:
            # the next claim meets another process, which counts anew
            self.watcher.clones.first_wait_s = config.policy.longest_wait_s
        self.registry = registry
        self.swept_since_s = swept_since_s
        self.refused = Limits(REFUSALS)
        self.shared = SharedDoor(self)
        self.follow()

    def use(self, registry: Registry) -> tuple[tuple[NodeName, NodeName], ...]:
        """From now on the registry is this; the nodes that have another name since, old and new."""
        renamed = renames(self.registry, registry)
        for old, new in renamed:
            self.ledger.rename(old, new)
            self.watcher.clones.rename(old, new)
        told = {broken.reason for broken in self.registry.broken_files}
        for broken in registry.broken_files:
            if broken.reason not in told:
                self.ledger.tell(EventKind.GATEWAY, broken.sentence, node=broken.name)
        self.watcher.clones.keep_only(with_the_same_key(self.registry, registry))
        self.registry = registry
        self.follow()
        if not registry.broken:
            self.ledger.keep_only([*registry.forwards, *self.ledger.sightings.forwards])
            self.watcher.patience.keep_only(self.ledger.tunnels.keys())
        return renamed

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
        node = self.registry.nodes.get(NodeName(asked.node))
        if node is None and asked.node in self.registry.broken:
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

    def take(self, node: Node) -> None:
        """From now on the node is this."""
        self.registry = self.registry.with_node(node)
        self.follow()

    def follow(self) -> None:
        """Have the watcher told whose each port is, and what waits for devices."""
        self.shared.follow()
        self.watcher.waiting = {
            node.name: note for node in self.registry.nodes.values() if (note := old_key_note(node))
        }

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
        asking = self.watcher.signs.asking
        if caller is not None:
            asking.add(caller)
        try:
            await self.settle_all(node.forwards, actor=f"node {node.name}")
        finally:
            if caller is not None:
                asking.discard(caller)
        self.note_contact(node.forwards)
        return Reply(answer=str(self.verdict(node)))

    def refuse(self, asked: Asked, complaint: str, exit_status: int) -> Reply:
        """Refuse, and log it, if not too often."""
        text = (
            f"refused {printable(asked.command)!r} from"
            f" {peer_address(asked.peer) or 'an unknown peer'}: {complaint}"
        )
        self.tell_refused(NodeName(asked.node), text, actor=f"node {printable(asked.node)}")
        return refusal(complaint, exit_status)

    def tell_refused(self, name: NodeName, text: str, *, actor: str) -> None:
        """An event of what was refused to a node, or to whoever comes under another name, if there
        were not too many of it lately.
        """
        if self.refused.enter(name, time.monotonic()) is None:
            self.refused.leave(name)
            self.ledger.tell(
                EventKind.REFUSED,
                text,
                node=name if name in self.registry.nodes else None,
                actor=actor,
            )

    def forget_refused(self) -> None:
        """Drop the count of those who were refused nothing lately."""
        self.refused.forget(time.monotonic())

    def put_off(self, asked: Asked, over: Over) -> Reply:
        """Refuse what is over the node's limit."""
        if over.untold is not None:
            name = NodeName(asked.node)
            known = name if name in self.registry.nodes else None
            text = (
                f"refused {over.untold} request(s), this one from"
                f" {peer_address(asked.peer) or 'an unknown peer'}: {over.why}"
            )
            self.ledger.tell(
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
        judgements = await self.settle_all(forwards, actor=f"node {node.name}")
        self.note_contact(forwards)
        return Reply(
            answer=str(max((judgement.tunnel.verdict for judgement in judgements), default=0))
        )

    def with_foreign(self, reply: Reply, node: Node, ports: Sequence[int]) -> Reply:
        """The reply, with a sentence where another program holds a port.

        The original's words get none: its devices may read both outputs as one, and would take no
        number from it.
        """
        tunnels = [
            self.ledger.tunnel(forward)
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

    async def settle_all(self, forwards: Sequence[Forward], *, actor: str) -> list[Judgement]:
        """Each forward probed until it is clear, side by side, for a node that waits for the
        answer.
        """
        until = time.monotonic() + NODE_WAITS_S
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(
                    self.settle(f, actor=actor, until=until), name=f"probe {f.node} {f.port}"
                )
                for f in forwards
            ]
        return [task.result() for task in tasks]

    async def settle(
        self, forward: Forward, *, actor: str = "daemon", until: float = math.inf
    ) -> Judgement:
        """Probe until it is clear; at a first strike the siblings are asked too, as their answer
        shows the tunnel to live.

        What is not clear by `until` (monotonic) is left to the sweep; the action is a Recheck then.
        """
        node = self.registry.nodes.get(forward.node)
        barred = node.barred(today()) if node else ""
        if barred:
            return await self.rights.shut(forward, barred)
        judgement = await self.watcher.look(forward, actor=actor, until=until)
        if node and judgement.tunnel.session:
            place = await self.watcher.holdings.place(forward, newer_than=0.0)
            too_old = self.rights.why_too_old(node, judgement.tunnel.session, place)
            if too_old:
                ended = await self.rights.end_old(forward, judgement.tunnel.session, too_old)
                return ended or await self.watcher.look(forward, actor=actor, until=until)
            await self.follow_device(node, judgement.tunnel)
        if (
            not isinstance(judgement.action, Recheck)
            or time.monotonic() + judgement.action.after_s >= until
        ):
            return judgement
        siblings = [other for other in node.forwards if other.port != forward.port] if node else []
        async with asyncio.TaskGroup() as group:
            for sibling in siblings:
                group.create_task(
                    self.watcher.look(sibling, actor=actor, until=until),
                    name=f"probe {sibling.node} {sibling.port}",
                )
            await asyncio.sleep(judgement.action.after_s)
        return await self.watcher.settle(forward, actor=actor, until=until)

    async def follow_device(self, node: Node, tunnel: Tunnel) -> None:
        """Take the node's old key or port away if this tunnel, just probed, shows that its device
        needs it no more.
        """
        if not node.is_waiting or node.name in self.registry.broken:
            return
        # the node's forwards are probed side by side, and each thing ends once
        async with self.rights.handover.turn:
            before = self.registry.nodes.get(node.name)
            after = await self.rights.handover.followed(before, tunnel) if before else None
            if after is not None and after is not before:
                self.take(after)

    def note_contact(self, forwards: Sequence[Forward]) -> None:
        """The node asked about these now."""
        for forward in forwards:
            self.ledger.put(replace(self.ledger.tunnel(forward), checked_at=time.time()))

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
            await self.shared.note_holders(node, caller)
        for forward in node.forwards:
            found = await self.watcher.holdings.all_held(forward, newer_than=time.monotonic())
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
            await self.settle_all(node.forwards, actor=f"node {node.name}")
            waits.append(self.verdict(node))
        self.note_contact(node.forwards)
        return max(waits)

    async def make_way(
        self, node: Node, forward: Forward, held: Held, claimant: Claimant, until: float
    ) -> int:
        """End a connection for the node's next one, or return how long that is to wait.

        `until` is monotonic.
        """
        assert held.session is not None
        why = await self.rights.why_end(node, claimant.instance, held.session, held.port)
        if not why and claimant.has_new_key and await self.rights.is_outdated(node, held.session):
            if not self.rights.handover.may_take_over(node, time.monotonic()):
                return self.config.policy.longest_wait_s
            why = "claimed with the node's new key"
        if not why:
            return await self.dispute(node, forward, claimant, until)
        await self.watcher.end(
            forward, held.session, held.inodes, actor=f"node {node.name}", why=why
        )
        return 0

    async def dispute(self, node: Node, forward: Forward, claimant: Claimant, until: float) -> int:
        """Another connection holds the newcomer's port: is it alive?"""
        judgement = await self.settle(forward, actor=f"node {node.name}", until=until)
        if isinstance(judgement.action, Recheck):
            return min(NOT_CLEAR_WAITS_S, self.config.policy.longest_wait_s)
        if isinstance(judgement.action, Kill) or judgement.tunnel.status is Status.DOWN:
            return 0
        if isinstance(judgement.action, CannotKill) or judgement.tunnel.status is Status.FOREIGN:
            return judgement.tunnel.verdict
        wait_s = self.rights.refuse_clone(
            forward, judgement.tunnel.session, claimant.instance, claimant.peer
        )
        self.rights.note_clone(node)
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
        if not inodes and len(await self.ledger.of_node(node.name)) >= HELD_AT_ONCE:
            return self.refuse(
                asked, f"{HELD_AT_ONCE} connections of node {node.name} are held already", TRY_LATER
            )
        instance, client = request.instance, request.client
        self.ledger.register(
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
        await self.rights.handover.note_key(node, asked.key, caller)
        self.watcher.registered_at[node.name] = time.monotonic()
        for forward in node.forwards:
            self.ledger.put(replace(self.ledger.tunnel(forward), checked_at=now, verdict=0))
        text = f"instance {instance} connected from {peer or 'an unknown peer'}"
        self.ledger.tell(EventKind.HOLD, text, node=node.name, actor=f"node {node.name}")
        self.rights.arrived(node, instance, peer)
        return Reply(
            answer="\0".join(beat_loop(self.layout, node.name, caller, self.swept_since_s))
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
            for held in await self.watcher.holdings.all_held(forward, newer_than=time.monotonic()):
                if held.session in (None, caller):
                    own |= held.inodes
                else:
                    others |= held.inodes
        return own, others

    def verdict(self, node: Node) -> int:
        """The longest wait over the node's forwards, as last judged: what its connection is told.

        Of a port that another program holds not, where another forward works: leaving would cost
        that one, and bring nothing.
        """
        tunnels = [self.ledger.tunnel(forward) for forward in node.forwards]
        works = any(tunnel.status in LIVES for tunnel in tunnels)
        return max(
            (
                tunnel.verdict
                for tunnel in tunnels
                if not (works and tunnel.status is Status.FOREIGN)
            ),
            default=0,
        )

    async def act(self, verb: Verb, aims: Sequence[Aim], operator: str) -> list[Outcome]:
        """What an operator asked for, on each aim in turn."""
        return [await self.act_on(verb, aim, operator) for aim in aims]

    async def act_on(self, verb: Verb, aim: Aim, operator: str) -> Outcome:
        node = self.registry.nodes.get(aim.node)
        known = node.forwards if node else self.ledger.sightings.forwards
        forward = next((f for f in known if f.node == aim.node and aim.port in f.ports), None)
        if forward is None:
            return outcome(
                aim,
                done=False,
                sentence=await asyncio.to_thread(why_unknown, self.layout, aim, node),
            )
        match verb:
            case Verb.PROBE:
                judgement = await self.settle(forward, actor=operator)
                tunnel = judgement.tunnel
                return outcome(
                    aim,
                    done=True,
                    sentence=f"{tunnel.status}{': ' + tunnel.detail if tunnel.detail else ''}",
                )
            case Verb.KILL:
                return await self.operating.kill(forward, aim, operator)
            case Verb.RESET:
                return await self.operating.reset(forward, aim, operator)


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
