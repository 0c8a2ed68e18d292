"""Claims: make way for a node's next connection, or say how long it must wait."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from checker.model import Forward, Node, ProcessId, Registration, Status
from checker.registry.key_lines import NEW
from checker.tunnels.gateway import Gateway
from checker.tunnels.holders import Held
from checker.tunnels.judge import CannotKill, Kill, Recheck
from checker.tunnels.kill_reasons import TAKEN_OVER, PortClaim, is_outdated, why_kill
from checker.tunnels.peers import peer_address
from checker.tunnels.port_owner import Owner
from checker.tunnels.rate_limits import NODE_WAITS_S
from checker.tunnels.shared_key import INSTANCE
from checker.wire import Asked

NOT_CLEAR_WAITS_S = 10
"""Wait of a newcomer if it is not clear in time whether the port's holder lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """The client that wants to listen."""

    instance: str
    peer: str
    has_new_key: bool
    """Whether it came with the key that is to replace the node's key."""


class Claims:
    """Answers the claims of nodes at one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.watcher = gateway.watcher
        self.rights = gateway.rights
        self.ledger = gateway.ledger
        self.longest_wait_s = gateway.config.policy.longest_wait_s

    async def answer(
        self, node: Node, instance: str, caller: ProcessId | None, asked: Asked
    ) -> int:
        """Make way for the node's next connection; return the seconds that it must wait, 0 for go.

        Kill at once what an earlier connection of the same instance still holds. Probe what another
        instance holds: kill it if it is hung; if it is healthy, the newcomer waits. Then the key
        was copied, unless both are paths of one device. It waits too if other programs hold all of
        its ports. All holders are handled side by side: the client waits as long for many as for
        one.
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
            found = await self.watcher.holders.all_held(forward, newer_than=time.monotonic())
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
        """Kill a connection for the node's next one, or return the seconds that it must wait.

        `until` is monotonic.
        """
        assert held.session is not None
        holder = await self.rights.holder(held.session)
        claim = PortClaim(
            node=node,
            port=held.port,
            instance=claimant.instance,
            has_new_key=claimant.has_new_key,
            holder=holder,
            now=time.time(),
            took_over_lately=self.rights.handover.took_over_lately(node, time.monotonic()),
        )
        why = why_kill(claim)
        if not why and is_outdated(claim):
            return self.longest_wait_s
        if not why:
            return await self.dispute(node, forward, claimant, until)
        if why == TAKEN_OVER:
            self.rights.handover.note_takeover(node, time.monotonic())
        await self.watcher.end_holder(
            forward, why, actor=f"node {node.name}", session=held.session, port=held.port
        )
        return 0

    async def dispute(self, node: Node, forward: Forward, claimant: Claimant, until: float) -> int:
        """Probe another instance's connection that holds the port; return the newcomer's wait."""
        judgement = await self.gateway.settle(forward, actor=f"node {node.name}", until=until)
        if isinstance(judgement.action, Recheck):
            return min(NOT_CLEAR_WAITS_S, self.longest_wait_s)
        if isinstance(judgement.action, Kill) or judgement.tunnel.status is Status.DOWN:
            return 0
        if isinstance(judgement.action, CannotKill) or judgement.tunnel.status is Status.FOREIGN:
            return judgement.tunnel.verdict
        session = judgement.tunnel.session
        if self.rights.is_other_path(session, claimant.instance):
            return self.longest_wait_s
        wait_s = self.rights.refuse_clone(forward, session, claimant.instance, claimant.peer)
        self.rights.note_clone(node)
        return wait_s

    async def note_holders(self, node: Node, caller: ProcessId | None) -> None:
        """Note who holds the node's ports as its own key comes into use: they came with the shared
        key, and the own key may take over from them.
        """
        found = [
            await self.watcher.holders.all_held(forward, newer_than=time.monotonic())
            for forward in node.forwards
        ]
        for held in (held for both in found for held in both):
            if held.session is not None and held.session not in (
                caller,
                *self.ledger.registrations,
            ):
                made = Registration(
                    node=node.name,
                    instance=INSTANCE,
                    session=held.session,
                    peer="",
                    registered_at=time.time(),
                )
                self.ledger.register(made)
