"""The use cases: what a node may ask, what an operator may do, and what both are told."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from checker import __version__, wire
from checker.aims import is_another, outcome, why_no_holder, why_unknown
from checker.beats import beat_file
from checker.config import Config, Layout
from checker.control import Aim, Outcome, Verb
from checker.holdings import Held
from checker.judge import LIVES, CannotKill, Judgement, Kill, Owner, Recheck
from checker.keys import NEW
from checker.kill import Freed, Spared
from checker.ledger import Ledger
from checker.limits import HELD_AT_ONCE, NODE_WAITS_S, TRY_LATER, Limit, Limits, Over
from checker.model import (
    EventKind,
    ExpectKind,
    Flaps,
    Forward,
    Node,
    NodeName,
    ProcessId,
    Registration,
    Status,
    expect_said,
    printable,
)
from checker.registry import Registry, gate_command, renames, with_the_same_key
from checker.rights import Rights
from checker.sharing.shared_door import SharedDoor
from checker.table import today
from checker.watch import Watcher
from checker.wire import Asked, Beat, Check, Claim, Hold, Malformed, OldCheck, Reply, Request, Version, refusal

log = logging.getLogger(__name__)
NOT_CLEAR_WAITS_S = 10
"""What a newcomer waits if by then it is not clear yet whether the port's holder lives."""
REFUSALS = Limit(a_minute=20, saved_up=120)
"""What is refused to one node and becomes an event: a device repeats itself, and a thief shall not fill the log."""


class Gateway:
    """One gateway's use cases, over what it knows (the ledger) and what it can do (the watcher)."""

    def __init__(self, layout: Layout, config: Config, ledger: Ledger, registry: Registry, *, swept_since_s: int = 0) -> None:
        """Who does not sweep gives the uptime of now: an earlier daemon's verdicts are older than the connections registered here."""
        self.layout = layout
        self.config = config
        self.ledger = ledger
        self.watcher = Watcher(layout, config, ledger)
        self.rights = Rights(layout, ledger, self.watcher)
        if swept_since_s:
            self.watcher.clones.first_wait_s = config.policy.longest_wait_s  # the next claim meets another process, which counts anew
        self.registry = registry
        self.swept_since_s = swept_since_s
        self.refused = Limits(REFUSALS)
        self.shared = SharedDoor(self)
        self.shared.follow()

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
        self.shared.follow()
        if not registry.broken:
            self.ledger.keep_only([*registry.forwards, *self.ledger.sightings.forwards])
            self.watcher.patience.keep_only(self.ledger.tunnels.keys())
        return renamed

    async def answer(self, asked: Asked, caller: ProcessId | None) -> Reply:
        """What a node's request is answered; `caller` is the sshd session that it came through, where that is known."""
        try:
            request = wire.parse_request(asked.command)
        except Malformed as error:
            return self.refuse(asked, str(error), wire.MALFORMED)
        if asked.node == wire.ANY_NODE:
            return await self.shared.answer(request, asked)
        node = self.registry.nodes.get(NodeName(asked.node))
        if node is None and asked.node in self.registry.broken:
            return self.refuse(asked, f"node {asked.node} may not listen: its file at the gateway can not be read", wire.NOT_YOURS)
        if node is None:
            return self.refuse(asked, f"node {printable(asked.node)} is not registered at this gateway", wire.NOT_YOURS)
        barred = node.barred(today())
        if barred:
            return self.refuse(asked, f"node {node.name} may not listen: {barred}", wire.NOT_YOURS)
        if asked.key == NEW and node.next_key is not None and node.name not in self.registry.broken:
            node = await self.use_new_key(node, caller)
        return await self.answer_node(request, node, asked, caller)

    async def use_new_key(self, node: Node, caller: ProcessId | None) -> Node:
        """The node, which came with its new key: from now on it is the only one."""
        if node.is_shared:
            await self.shared.note_holders(node, caller)
        after = await self.rights.new_key_used(node)
        if after.public_key != node.public_key:
            self.watcher.clones.forget(node.name)
        self.registry = self.registry.with_node(after)
        self.shared.follow()
        return after

    async def answer_node(self, request: Request, node: Node, asked: Asked, caller: ProcessId | None) -> Reply:
        """What is answered to a node that came with a key of its own."""
        match request:
            case Version():
                return Reply(answer=f"{wire.PROTOCOL} {__version__}")
            case Check(ports):
                return self.with_foreign(await self.checked(node, ports, asked), node, ports)
            case Beat():
                await self.settle_all(node.forwards, actor=f"node {node.name}")
                self.note_contact(node.forwards)
                return Reply(answer=str(self.verdict(node)))
            case OldCheck(name, port, expected):
                if name != node.name:
                    return self.refuse(asked, f"this key belongs to node {node.name}, not to {printable(name)}", wire.NOT_YOURS)
                return await self.checked(node, (port,), asked, expected)
            case Claim(instance):
                return self.with_foreign(Reply(answer=str(await self.claim(node, instance, caller, peer_address(asked.peer)))), node, ())
            case Hold():
                return await self.hold(node, request, caller, asked)

    def refuse(self, asked: Asked, complaint: str, exit_status: int) -> Reply:
        """Refuse, and log it, if not too often."""
        text = f"refused {printable(asked.command)!r} from {peer_address(asked.peer) or 'an unknown peer'}: {complaint}"
        self.tell_refused(NodeName(asked.node), text, actor=f"node {printable(asked.node)}")
        return refusal(complaint, exit_status)

    def tell_refused(self, name: NodeName, text: str, *, actor: str) -> None:
        """An event of what was refused to a node, or to whoever comes under another name, if there were not too many of it lately."""
        if self.refused.enter(name, time.monotonic()) is None:
            self.refused.leave(name)
            self.ledger.tell(EventKind.REFUSED, text, node=name if name in self.registry.nodes else None, actor=actor)

    def forget_refused(self) -> None:
        """Drop the count of those who were refused nothing lately."""
        self.refused.forget(time.monotonic())

    def put_off(self, asked: Asked, over: Over) -> Reply:
        """Refuse what is over the node's limit."""
        if over.untold is not None:
            name = NodeName(asked.node)
            known = name if name in self.registry.nodes else None
            text = f"refused {over.untold} request(s), this one from {peer_address(asked.peer) or 'an unknown peer'}: {over.why}"
            self.ledger.tell(EventKind.REFUSED, text, node=known, actor=f"node {printable(asked.node)}")
        return refusal(over.why, TRY_LATER)

    async def checked(self, node: Node, ports: Sequence[int], asked: Asked, expected: str = "") -> Reply:
        """The longest wait over these forwards of the node, each probed now; no port means all of them."""
        own = {int(forward.port): forward for forward in node.forwards}
        strange = [port for port in ports if port not in own]
        if strange:
            return self.refuse(asked, f"port {strange[0]} is not a port of node {node.name}", wire.NOT_YOURS)
        forwards = [with_expected(own[port], expected) for port in ports or own]
        judgements = await self.settle_all(forwards, actor=f"node {node.name}")
        self.note_contact(forwards)
        return Reply(answer=str(max((judgement.tunnel.verdict for judgement in judgements), default=0)))

    def with_foreign(self, reply: Reply, node: Node, ports: Sequence[int]) -> Reply:
        """The reply, with a sentence where another program holds a port.

        The original's words get none: its devices may read both outputs as one, and would take no number from it.
        """
        tunnels = [self.ledger.tunnel(forward) for forward in node.forwards if forward.port in (ports or (forward.port,))]
        foreign = [f"{tunnel.port}: {tunnel.detail}" for tunnel in tunnels if tunnel.status is Status.FOREIGN]
        if reply.complaint or not foreign:
            return reply
        return replace(reply, complaint=f"port {'; port '.join(foreign)}; the checker does not touch it: its admin must free the port")

    async def settle_all(self, forwards: Sequence[Forward], *, actor: str) -> list[Judgement]:
        """Each forward probed until it is clear, side by side, for a node that waits for the answer."""
        until = time.monotonic() + NODE_WAITS_S
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.settle(f, actor=actor, until=until), name=f"probe {f.node} {f.port}") for f in forwards]
        return [task.result() for task in tasks]

    async def settle(self, forward: Forward, *, actor: str = "daemon", until: float = math.inf) -> Judgement:
        """Probe until it is clear; at a first strike the siblings are asked too, as their answer shows the tunnel to live.

        What is not clear by `until` (monotonic) is left to the sweep; the action is a Recheck then.
        """
        node = self.registry.nodes.get(forward.node)
        barred = node.barred(today()) if node else ""
        if barred:
            return await self.rights.shut(forward, barred)
        judgement = await self.watcher.look(forward, actor=actor, until=until)
        if node and judgement.tunnel.session:
            too_old = self.rights.why_too_old(node, judgement.tunnel.session)
            if too_old:
                return await self.rights.shut(forward, too_old)
        if not isinstance(judgement.action, Recheck) or time.monotonic() + judgement.action.after_s >= until:
            return judgement
        siblings = [other for other in node.forwards if other.port != forward.port] if node else []
        async with asyncio.TaskGroup() as group:
            for sibling in siblings:
                group.create_task(self.watcher.look(sibling, actor=actor, until=until), name=f"probe {sibling.node} {sibling.port}")
            await asyncio.sleep(judgement.action.after_s)
        return await self.watcher.settle(forward, actor=actor, until=until)

    def note_contact(self, forwards: Sequence[Forward]) -> None:
        """The node asked about these now."""
        for forward in forwards:
            self.ledger.put(replace(self.ledger.tunnel(forward), checked_at=time.time()))

    async def claim(self, node: Node, instance: str, caller: ProcessId | None, peer: str) -> int:
        """Make way for the node's next connection: 0 is go.

        What an earlier connection of the same instance still holds is killed at once. What another instance holds is killed if it is
        hung; if it is healthy, the key was cloned, and the newcomer is to wait. Where other programs hold all of its ports, it waits too.
        """
        waits = [0]
        foreign = 0
        spared: set[ProcessId] = {caller} if caller else set()
        for forward in node.forwards:
            held = await self.watcher.holdings.held(forward, newer_than=time.monotonic())
            foreign += held.owner is Owner.FOREIGN and not held.leaves_ipv4
            if held.session is None or held.session in spared:
                continue
            why = self.rights.why_end(node, instance, held.session)
            if why:
                await self.watcher.end(forward, held.session, held.inodes, actor=f"node {node.name}", why=why)
            else:
                waits.append(await self.dispute(node, forward, instance, peer))
                spared.add(held.session)
        if foreign == len(node.forwards):
            await self.settle_all(node.forwards, actor=f"node {node.name}")
            waits.append(self.verdict(node))
        self.note_contact(node.forwards)
        return max(waits)

    async def dispute(self, node: Node, forward: Forward, instance: str, peer: str) -> int:
        """Another connection holds the newcomer's port: is it alive?"""
        judgement = await self.settle(forward, actor=f"node {node.name}", until=time.monotonic() + NODE_WAITS_S)
        if isinstance(judgement.action, Recheck):
            return min(NOT_CLEAR_WAITS_S, self.config.policy.longest_wait_s)
        if isinstance(judgement.action, Kill) or judgement.tunnel.status is Status.DOWN:
            return 0
        if isinstance(judgement.action, CannotKill) or judgement.tunnel.status is Status.FOREIGN:
            return judgement.tunnel.verdict
        wait_s = self.rights.refuse_clone(forward, judgement.tunnel.session, instance, peer)
        self.rights.note_clone(node)
        return wait_s

    async def hold(self, node: Node, request: Hold, caller: ProcessId | None, asked: Asked) -> Reply:
        """Register the connection as the node's tunnel; the answer is the command line of its beat loop, NUL between the words."""
        if caller is None:
            return self.refuse(asked, "hold must come through sshd", wire.MALFORMED)
        now = time.time()
        peer = peer_address(asked.peer)
        inodes, others = await self.sockets_of_node(node, caller)
        if others and not inodes:
            return self.refuse(asked, f"another live connection of node {node.name} holds its ports; claim first", wire.NOT_YOURS)
        if not inodes and len(await self.ledger.of_node(node.name)) >= HELD_AT_ONCE:
            return self.refuse(asked, f"{HELD_AT_ONCE} connections of node {node.name} are held already", TRY_LATER)
        instance, client = request.instance, request.client
        self.ledger.register(
            Registration(node=node.name, instance=instance, session=caller, peer=peer, registered_at=now, inodes=inodes, client=client)
        )
        self.watcher.registered_at[node.name] = time.monotonic()
        for forward in node.forwards:
            self.ledger.put(replace(self.ledger.tunnel(forward), checked_at=now, verdict=0))
        text = f"instance {instance} connected from {peer or 'an unknown peer'}"
        self.ledger.tell(EventKind.HOLD, text, node=node.name, actor=f"node {node.name}")
        self.rights.arrived(node, instance, peer)
        return Reply(answer="\0".join(beat_loop(self.layout, node.name, caller, self.swept_since_s)))

    async def sockets_of_node(self, node: Node, caller: ProcessId) -> tuple[frozenset[int], frozenset[int]]:
        """The node's listeners that belong to no other connection, and so to the caller's; and those of others."""
        own: frozenset[int] = frozenset()
        others: frozenset[int] = frozenset()
        for forward in node.forwards:
            held = await self.watcher.holdings.held(forward, newer_than=time.monotonic())
            if held.session in (None, caller):
                own |= held.inodes
            else:
                others |= held.inodes
        return own, others

    def verdict(self, node: Node) -> int:
        """The longest wait over the node's forwards, as last judged: what its connection is told.

        Of a port that another program holds not, where another forward works: leaving would cost that one, and bring nothing.
        """
        tunnels = [self.ledger.tunnel(forward) for forward in node.forwards]
        works = any(tunnel.status in LIVES for tunnel in tunnels)
        return max((tunnel.verdict for tunnel in tunnels if not (works and tunnel.status is Status.FOREIGN)), default=0)

    async def act(self, verb: Verb, aims: Sequence[Aim], operator: str) -> list[Outcome]:
        """What an operator asked for, on each aim in turn."""
        return [await self.act_on(verb, aim, operator) for aim in aims]

    async def act_on(self, verb: Verb, aim: Aim, operator: str) -> Outcome:
        node = self.registry.nodes.get(aim.node)
        known = node.forwards if node else self.ledger.sightings.forwards
        forward = next((f for f in known if (f.node, f.port) == (aim.node, aim.port)), None)
        if forward is None:
            return outcome(aim, done=False, sentence=await asyncio.to_thread(why_unknown, self.layout, aim, node))
        match verb:
            case Verb.PROBE:
                judgement = await self.settle(forward, actor=operator)
                tunnel = judgement.tunnel
                return outcome(aim, done=True, sentence=f"{tunnel.status}{': ' + tunnel.detail if tunnel.detail else ''}")
            case Verb.KILL:
                return await self.kill(forward, aim, operator)
            case Verb.RESET:
                return await self.reset(forward, aim, operator)

    async def kill(self, forward: Forward, aim: Aim, operator: str) -> Outcome:
        """End the session that holds the port, if it is the one that the operator saw."""
        async with self.watcher.turns[forward.port].lock:
            held = await self.watcher.holdings.held(forward, newer_than=time.monotonic())
            if held.session is None:
                return await self.ended_before(forward, aim, held, operator)
            if is_another(aim, held):
                return outcome(aim, done=False, sentence=f"port {aim.port} is held by another process now ({held.session.pid}): left alone")
            ending = await self.watcher.end(forward, held.session, held.inodes, actor=operator, why=f"asked for by {operator}")
        match ending:
            case Freed():
                return outcome(aim, done=True, sentence=f"killed process {held.session.pid}, port {aim.port} is free")
            case Spared(reason):
                return outcome(aim, done=False, sentence=reason)

    async def ended_before(self, forward: Forward, aim: Aim, held: Held, operator: str) -> Outcome:
        """There is nothing to kill, or all is done: the session that had the port was killed for another of its forwards."""
        session = aim.session or self.ledger.tunnel(forward).session
        if session is None or session not in self.watcher.ended or held.owner is not Owner.NOBODY:
            return outcome(aim, done=False, sentence=why_no_holder(forward, held))
        await self.watcher.end(forward, session, held.inodes, actor=operator, why=f"asked for by {operator}")
        return outcome(aim, done=True, sentence=f"process {session.pid} was killed for another of its forwards, port {aim.port} is free")

    async def reset(self, forward: Forward, aim: Aim, operator: str) -> Outcome:
        """Kill and a clean slate: no strikes, no flaps, and the node is told to come back at once."""
        held = await self.watcher.holdings.held(forward, newer_than=time.monotonic())
        killed = await self.kill(forward, aim, operator)
        if not killed.done and held.session is not None:
            return killed  # what holds the port is still there: nothing may be forgotten of it
        self.ledger.put_flaps(forward.node, Flaps())
        self.watcher.patience.struck.pop(forward.port, None)
        self.ledger.put(replace(self.ledger.tunnel(forward), strikes=0, failures=0, verdict=0))
        self.ledger.tell(EventKind.RESET, f"reset by {operator}: {killed.sentence}", node=forward.node, port=forward.port, actor=operator)
        return outcome(aim, done=True, sentence=f"{killed.sentence}; strikes and flaps cleared")


def with_expected(forward: Forward, expected: str) -> Forward:
    """The forward, where the registry expects nothing in particular, with the banner that the node's own request names."""
    return forward if forward.expect.kind is not ExpectKind.OPEN else replace(forward, expect=expect_said(expected))


def peer_address(peer: str) -> str:
    """`ADDRESS PORT` of SSH_CONNECTION as ADDRESS:PORT, safe to show; empty where it is not known."""
    address, _, port = printable(peer).partition(" ")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}" if address else ""


def beat_loop(layout: Layout, node: NodeName, session: ProcessId, since_s: int) -> list[str]:
    """The command line of the beat loop of this connection, which believes what was swept after an uptime of `since_s`."""
    command = gate_command(layout)
    loop = str(Path(command.gate).with_name("hold.sh"))
    return ["/bin/sh", loop, str(layout.run), node, str(beat_file(layout.spool, session)), str(since_s), *command.words(node)]
