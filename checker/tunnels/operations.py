"""What an operator may do to a forward: probe it, kill its session, reset it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import assert_never

from checker.config.layout import Layout
from checker.model import Aim, Forward, Node, Outcome, Port, Verb
from checker.sshd.kill import Freed, Spared
from checker.tunnels.gateway import Gateway
from checker.tunnels.holders import Held
from checker.tunnels.kill_reasons import Order, why_kill
from checker.tunnels.port_owner import Owner


class Operations:
    """The acts of operators at one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.ledger = gateway.ledger
        self.watcher = gateway.watcher

    async def act(self, verb: Verb, aims: Sequence[Aim], operator: str) -> list[Outcome]:
        """Carry out the operator's verb on each aim in turn."""
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
                await self.gateway.comparer.for_operator(forward)
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
        """Kill the session that holds the port, if it is the one that the operator saw."""
        ended = await self.watcher.end_holder(
            forward, why_kill(Order(operator=operator)), actor=operator, session=aim.session
        )
        session = ended.held.session
        if session is None:
            return self.ended_before(forward, aim, ended.held)
        match ended.ending:
            case Freed():
                sentence = f"sshd {session.pid} ended, port {aim.port} is free"
                return outcome(aim, done=True, sentence=sentence)
            case Spared(reason):
                return outcome(aim, done=False, sentence=reason)
            case None:
                sentence = (
                    f"port {aim.port} is held by another process now ({session.pid}): left alone"
                )
                return outcome(aim, done=False, sentence=sentence)
        assert_never(ended.ending)

    def ended_before(self, forward: Forward, aim: Aim, held: Held) -> Outcome:
        """Say why there is nothing to kill: perhaps the session was killed for another of its
        forwards.
        """
        session = aim.session or self.ledger.tunnel(forward).session
        if session is None or session not in self.watcher.ended or held.owner is not Owner.NOBODY:
            return outcome(aim, done=False, sentence=why_no_holder(forward, held))
        self.watcher.note_ended(forward, session)
        return outcome(
            aim,
            done=True,
            sentence=(
                f"sshd {session.pid} ended with another of its forwards, port {aim.port} is free"
            ),
        )

    async def reset(self, forward: Forward, aim: Aim, operator: str) -> Outcome:
        """Kill the holder, clear strikes and flaps, and let the node come back at once."""
        held = await self.watcher.holders.held(forward, newer_than=time.monotonic())
        killed = await self.kill(forward, aim, operator)
        if not killed.done and held.session is not None:
            return killed  # the holder is still there: keep its history
        self.watcher.patience.struck.pop(forward.port, None)
        self.watcher.record.reset(forward, killed.sentence, operator=operator)
        return outcome(aim, done=True, sentence=f"{killed.sentence}; strikes and flaps cleared")


def outcome(aim: Aim, *, done: bool, sentence: str) -> Outcome:
    return Outcome(node=aim.node, port=Port(aim.port), done=done, sentence=sentence)


def why_unknown(layout: Layout, aim: Aim, node: Node | None) -> str:
    """Return why the registry has no such forward, as a clause."""
    if node is None and not layout.nodes.is_dir():
        return f"the registry cannot be read: there is no directory {layout.nodes}"
    return (
        f"{aim.node} has no port {aim.port}"
        if aim.port > 0
        else f"{aim.node} has no port: its file is broken"
    )


def why_no_holder(forward: Forward, held: Held) -> str:
    """Return why there is nothing to kill, as a clause."""
    if held.stranger:
        return f"port {forward.port} is held by {held.stranger}, which we must not kill"
    if held.inodes:
        return (
            f"the sshd process that holds port {forward.port} cannot be found: run the daemon as"
            " root, or let the node use hold"
        )
    return f"nobody listens on port {forward.port}"
