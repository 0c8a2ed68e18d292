"""What an operator may do to a forward: probe it, kill its session, reset it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from checker.config.layout import Layout
from checker.model import Aim, EventKind, Flaps, Forward, Node, Outcome, Port, Verb
from checker.sshd.kill import Freed, Spared
from checker.tunnels.gateway import Gateway
from checker.tunnels.holders import Held
from checker.tunnels.judge import Owner


class Operations:
    """The acts of operators at one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.ledger = gateway.ledger
        self.watcher = gateway.watcher

    async def act(self, verb: Verb, aims: Sequence[Aim], operator: str) -> list[Outcome]:
        """What an operator asked for, on each aim in turn."""
        return [await self.act_on(verb, aim, operator) for aim in aims]

    async def act_on(self, verb: Verb, aim: Aim, operator: str) -> Outcome:
        node = self.gateway.registry.nodes.get(aim.node)
        known = node.forwards if node else self.ledger.sightings.forwards
        forward = next((f for f in known if f.node == aim.node and aim.port in f.ports), None)
        if forward is None:
            return outcome(
                aim,
                done=False,
                sentence=await asyncio.to_thread(why_unknown, self.gateway.layout, aim, node),
            )
        match verb:
            case Verb.PROBE:
                judgement = await self.gateway.settle(forward, actor=operator)
                tunnel = judgement.tunnel
                return outcome(
                    aim,
                    done=True,
                    sentence=f"{tunnel.status}{': ' + tunnel.detail if tunnel.detail else ''}",
                )
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
                return outcome(
                    aim,
                    done=False,
                    sentence=(
                        f"port {aim.port} is held by another process now ({held.session.pid}): left"
                        " alone"
                    ),
                )
            ending = await self.watcher.end(
                forward, held.session, held.inodes, actor=operator, why=f"asked for by {operator}"
            )
        match ending:
            case Freed():
                return outcome(
                    aim,
                    done=True,
                    sentence=f"killed process {held.session.pid}, port {aim.port} is free",
                )
            case Spared(reason):
                return outcome(aim, done=False, sentence=reason)

    async def ended_before(self, forward: Forward, aim: Aim, held: Held, operator: str) -> Outcome:
        """There is nothing to kill, or all is done: the session that had the port was killed for
        another of its forwards.
        """
        session = aim.session or self.ledger.tunnel(forward).session
        if session is None or session not in self.watcher.ended or held.owner is not Owner.NOBODY:
            return outcome(aim, done=False, sentence=why_no_holder(forward, held))
        await self.watcher.end(
            forward, session, held.inodes, actor=operator, why=f"asked for by {operator}"
        )
        return outcome(
            aim,
            done=True,
            sentence=(
                f"process {session.pid} was killed for another of its forwards, port {aim.port} is"
                " free"
            ),
        )

    async def reset(self, forward: Forward, aim: Aim, operator: str) -> Outcome:
        """Kill and a clean slate: no strikes, no flaps, and the node is told to come back at
        once.
        """
        held = await self.watcher.holdings.held(forward, newer_than=time.monotonic())
        killed = await self.kill(forward, aim, operator)
        if not killed.done and held.session is not None:
            return killed  # what holds the port is still there: nothing may be forgotten of it
        self.ledger.put_flaps(forward.node, Flaps())
        self.watcher.patience.struck.pop(forward.port, None)
        self.ledger.put(replace(self.ledger.tunnel(forward), strikes=0, failures=0, verdict=0))
        self.ledger.tell(
            EventKind.RESET,
            f"reset by {operator}: {killed.sentence}",
            node=forward.node,
            port=forward.port,
            actor=operator,
        )
        return outcome(aim, done=True, sentence=f"{killed.sentence}; strikes and flaps cleared")


def outcome(aim: Aim, *, done: bool, sentence: str) -> Outcome:
    return Outcome(node=aim.node, port=Port(aim.port), done=done, sentence=sentence)


def why_unknown(layout: Layout, aim: Aim, node: Node | None) -> str:
    """Why the registry names no such forward, as a clause."""
    if node is None and not layout.nodes.is_dir():
        return f"the registry can not be read: there is no directory {layout.nodes}"
    return (
        f"{aim.node} has no port {aim.port}"
        if aim.port > 0
        else f"{aim.node} has no port: its file is broken"
    )


def is_another(aim: Aim, held: Held) -> bool:
    """Whether the operator saw another process than the one that is there now."""
    return aim.session is not None and aim.session != held.session


def why_no_holder(forward: Forward, held: Held) -> str:
    """Why there is nothing to kill, as a clause."""
    if held.stranger:
        return f"port {forward.port} is held by {held.stranger}, which is not ours to kill"
    if held.inodes:
        return (
            f"the sshd process that holds port {forward.port} can not be found: run the daemon as"
            " root, or let the node use hold"
        )
    return f"nobody listens on port {forward.port}"
