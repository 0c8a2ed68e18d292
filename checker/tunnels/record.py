"""What happened to tunnels, written to the ledger: the only writer of a tunnel's row.

No method awaits, so a row cannot change between being read and being written.
"""

from __future__ import annotations

import time
from dataclasses import replace

from checker.model import EventKind, Flaps, Forward, Policy, Port, ProcessId, Status, Tunnel
from checker.model.tunnel import last_held
from checker.state.ledger import Ledger
from checker.tunnels.cloned_keys import CONDITION
from checker.tunnels.losses import lost, wait_for
from checker.tunnels.uptime import by_hour, watched


class TunnelRecord:
    """Rows, losses and events of one gateway's tunnels."""

    def __init__(self, ledger: Ledger, policy: Policy) -> None:
        self.ledger = ledger
        self.policy = policy

    def judged(self, before: Tunnel, after: Tunnel, flaps: Flaps) -> None:
        """A probe was judged: write the new row, its uptime, and an event if the status changed."""
        self.ledger.put(after)
        self.ledger.put_flaps(after.node, flaps)
        if before.probed_at != after.probed_at and after.port not in self.ledger.sightings.by_port:
            day = time.strftime("%Y-%m-%d", time.gmtime())
            lately = watched(before, after, self.policy, day)
            self.ledger.add_time(after, lately, by_hour(after, lately))
        if before.status is not after.status:
            text = f"{before.status} -> {after.status}"
            text += f": {after.detail}" if after.detail else ""
            self.ledger.log_event(EventKind.STATUS, text, node=after.node, port=after.port)

    def host_key_differs(self, forward: Forward, clause: str) -> None:
        """The target shows another host key than the pinned one: log it once for each such pair."""
        shown = self.ledger.shown.get((forward.node, forward.port))
        if shown is None or shown.logged == forward.host_key:
            return
        self.ledger.put_shown(replace(shown, logged=forward.host_key))
        text = (
            f"{clause}; nothing was ended; if the key was replaced, run: reversi-checker node pin"
            f" {forward.node}"
        )
        self.ledger.log_event(EventKind.HOSTKEY, text, node=forward.node, port=forward.port)

    def holder_unknown(self, before: Tunnel, after: Tunnel) -> None:
        """A hung port cannot be freed: log it once, when it becomes so."""
        if before.strikes < self.policy.strikes or before.verdict != after.verdict:
            text = (
                f"{after.status}, and its sshd process cannot be found: run the daemon as root, or"
                " let the node use hold"
            )
            self.ledger.log_event(EventKind.KILL_FAILED, text, node=after.node, port=after.port)

    def killed(
        self, forward: Forward, session: ProcessId, *, why: str, actor: str, is_counted: bool
    ) -> None:
        """The holder was killed, and the port is free; `is_counted`: the judgement that asked for
        the kill counted the loss already.
        """
        now = time.time()
        text = f"killed sshd process {session.pid}, the port is free; {why}"
        self.ledger.log_event(
            EventKind.KILL, text, node=forward.node, port=forward.port, actor=actor
        )
        flaps = self.flaps(forward)
        if not is_counted:
            flaps = lost(flaps, session, self.policy, now)
            self.ledger.put_flaps(forward.node, flaps)
        before = self.ledger.tunnel(forward)
        after = freed(before, text, wait_for(flaps, self.policy), now)
        self.ledger.put(replace(after, kills=before.kills + 1))

    def killed_for_sibling(self, forward: Forward, session: ProcessId) -> None:
        """The holder was killed for another forward of the same connection."""
        text = f"sshd process {session.pid} was killed for another of its forwards"
        verdict = wait_for(self.flaps(forward), self.policy)
        self.ledger.put(freed(self.ledger.tunnel(forward), text, verdict, time.time()))

    def spared(self, forward: Forward, reason: str, *, actor: str) -> None:
        """The holder was not killed, although there was a reason to."""
        self.ledger.log_event(
            EventKind.KILL_FAILED,
            f"not killed: {reason}",
            node=forward.node,
            port=forward.port,
            actor=actor,
        )

    def shut(self, forward: Forward, why: str) -> Tunnel:
        """The node may not listen: nothing is known of the forward but why, and losses are
        forgotten.
        """
        before = self.ledger.tunnel(forward)
        after = Tunnel(
            node=forward.node, port=forward.port, detail=why, kills=before.kills, since=before.since
        )
        if (before.status, before.detail) != (Status.UNKNOWN, why):
            after = replace(after, since=time.time())
            text = f"{before.status} -> {after.status}: {why}"
            self.ledger.log_event(EventKind.STATUS, text, node=forward.node, port=forward.port)
        after = replace(after, held_until=last_held(before, after.since))
        if after != replace(before, revision=0):
            self.ledger.put(after)
        self.ledger.put_flaps(forward.node, Flaps())
        return after

    def reset(self, forward: Forward, sentence: str, *, operator: str) -> None:
        """An operator reset the forward: no strikes, no losses, no wait; `sentence` says what
        became of its holder.
        """
        self.ledger.put_flaps(forward.node, Flaps())
        self.ledger.put(replace(self.ledger.tunnel(forward), strikes=0, failures=0, verdict=0))
        self.ledger.log_event(
            EventKind.RESET,
            f"reset by {operator}: {sentence}",
            node=forward.node,
            port=forward.port,
            actor=operator,
        )

    def asked(self, forward: Forward) -> None:
        """The node asked about the forward now."""
        self.ledger.put(replace(self.ledger.tunnel(forward), checked_at=time.time()))

    def connected(self, forward: Forward, now: float) -> None:
        """The node's connection registered: older verdicts are void."""
        self.ledger.put(replace(self.ledger.tunnel(forward), checked_at=now, verdict=0))

    def moved(self, forward: Forward, port: Port) -> None:
        """The forward's port was replaced: its row goes on at the new one."""
        self.ledger.put(replace(self.ledger.tunnel(forward), port=port, detail=""))
        shown = self.ledger.shown.get((forward.node, forward.port))
        if shown is not None:
            self.ledger.put_shown(replace(shown, port=port))

    def noted_clone(self, forward: Forward, note: str) -> None:
        """The node's key was found on two devices."""
        self.ledger.put(with_clone_note(self.ledger.tunnel(forward), note))

    def flaps(self, forward: Forward) -> Flaps:
        """The losses of the forward's node."""
        return self.ledger.flaps.get(forward.node, Flaps())


def freed(before: Tunnel, text: str, verdict: int, now: float) -> Tunnel:
    """The row of a tunnel whose session was killed: nobody listens until the node is back."""
    return replace(
        before,
        status=Status.DOWN,
        detail=text,
        latency_ms=None,
        session=None,
        peer=None,
        bytes_total=None,
        since=before.since if before.status is Status.DOWN else now,
        strikes=0,
        verdict=verdict,
    )


def with_clone_note(tunnel: Tunnel, note: str) -> Tunnel:
    """The row with this note about its node's key in place of an earlier one; empty: unchanged."""
    if not note:
        return tunnel
    seen = tunnel.detail.partition(CONDITION)[0].removesuffix("; ")
    return replace(tunnel, detail=f"{seen}; {note}" if seen else note)
