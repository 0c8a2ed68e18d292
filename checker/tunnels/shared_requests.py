"""Answer devices that ask with the shared key, within what `checker.tunnels.shared_key` allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from checker import __version__, wire
from checker.model import EventKind, Forward, Unregistered, printable
from checker.output import today
from checker.tunnels.gateway import Gateway
from checker.tunnels.judge import Judgement
from checker.tunnels.port_owner import Owner
from checker.tunnels.rate_limits import NODE_WAITS_S, EventRate
from checker.tunnels.shared_key import (
    INSTANCE,
    NotForSharedKey,
    forward_meant,
    shared_ports,
    sighted,
)
from checker.wire import Asked, OldCheck, Reply, Request, Version

NOBODY_WAITS_S = 1
"""Answer if nobody listens and nothing is known: connect."""


class SharedRequests:
    """The requests of devices that log in with the shared key."""

    def __init__(self, gateway: Gateway, refuse: Callable[[Asked, str, int], Reply]) -> None:
        self.gateway = gateway
        self.refuse = refuse
        self.ledger = gateway.ledger
        self.settings = gateway.config.shared_key
        self.newcomers = EventRate()

    async def answer(self, request: Request, asked: Asked) -> Reply:
        """Answer a request: only the original's words and `version`, as no others say who asks."""
        match request:
            case Version():
                return Reply(answer=f"{wire.PROTOCOL} {__version__}")
            case OldCheck():
                try:
                    forward = forward_meant(request, self.gateway.registry, self.settings, today())
                except NotForSharedKey as error:
                    return self.refuse(asked, str(error), wire.NOT_YOURS)
                return Reply(answer=str(await self.checked(forward, request.node, asked)))
            case _:
                return self.refuse(
                    asked, "the shared key can only say NODE PORT [EXPECTED...]", wire.NOT_YOURS
                )

    async def checked(self, forward: Forward, word: str, asked: Asked) -> int:
        """Probe now and return the wait; do not even note a device whose port has no listener.
        `word`: what the device calls itself.
        """
        until = time.monotonic() + NODE_WAITS_S
        actor = f"shared key, {asked.peer.partition(' ')[0] or 'an unknown peer'}"
        if forward.node not in self.gateway.registry.nodes:
            known = self.ledger.sightings.by_port.get(forward.port)
            if known is None:
                held = await self.gateway.watcher.holders.held(forward, newer_than=time.monotonic())
                if held.owner is not Owner.OURS:
                    return (
                        NOBODY_WAITS_S
                        if held.owner is Owner.NOBODY or held.leaves_ipv4
                        else self.gateway.config.policy.longest_wait_s
                    )
            listed = self.note(forward, word)
            forward = listed.forward
            if listed.word != word:
                return (await self.gateway.settle(forward, actor=actor, until=until)).tunnel.verdict
        judgement = await self.gateway.settle(forward, actor=actor, until=until)
        self.gateway.note_contact([forward])
        self.note_peer(judgement, asked)
        return judgement.tunnel.verdict

    def note(self, said: Forward, word: str) -> Unregistered:
        """List the device, which calls itself `word`, or note that it asked again."""
        sightings = self.ledger.sightings
        known = sightings.by_port.get(said.port)
        seen = self.ledger.tunnel(known.forward if known else said)
        listed = sighted(known, seen, said, word, time.time())
        if listed is known:
            self.log_once_in_a_while(
                f"{printable(word)} asks about port {said.port}, which {known.node} has: do two"
                " devices use one port?",
                known,
            )
            return known
        sightings.put(listed)
        if known is None or known.word != listed.word:
            if known is not None:
                self.ledger.forget((known.node, known.port))
            self.gateway.watcher.shared = shared_ports(self.gateway.registry, sightings.by_port)
            own = (
                f"; it calls itself {printable(word)}, which cannot name a node"
                if listed.calls_itself
                else ""
            )
            text = (
                f"unregistered node {listed.node} appeared on port {listed.port}, expecting"
                f" {listed.expect}{own}"
            )
            self.log_once_in_a_while(
                f"{text}; to register it: reversi-checker node adopt {listed.node}", listed
            )
        return listed

    def log_once_in_a_while(self, text: str, about: Unregistered) -> None:
        """Log an event, unless there were too many."""
        if self.newcomers.allows(time.monotonic()):
            self.ledger.log_event(
                EventKind.REGISTRY, text, node=about.node, port=about.port, actor="shared key"
            )

    def note_peer(self, judgement: Judgement, asked: Asked) -> None:
        """Note that the tunnel comes from the address that its device asks from: the original's
        words say nothing else about it.
        """
        registration = (
            self.ledger.registrations.get(judgement.tunnel.session)
            if judgement.tunnel.session
            else None
        )
        address = asked.peer.partition(" ")[0]
        if (
            registration is not None
            and registration.instance == INSTANCE
            and registration.peer != address
        ):
            self.ledger.register(replace(registration, peer=address))
