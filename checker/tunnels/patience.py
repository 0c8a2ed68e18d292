"""How long to wait for each forward: the pace of its link, and its silence so far. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from checker.model import Answer, Flow, Forward, NodeName, Policy, Port, ProcessId, Tunnel
from checker.tunnels import pace
from checker.tunnels.observation import Observation
from checker.tunnels.pace import Pace

MORE_THAN_ENOUGH = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """The first silent probe that counts."""

    session: ProcessId | None
    at: float
    """When it began, Unix seconds."""
    began: float
    """The same, monotonic."""
    flow: Flow | None
    """What had moved on the connection by the end of that probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Time limits of one probe."""

    deadline_s: float
    silence_s: float
    """Seconds without a sign of life that prove the tunnel dead."""


class Patience:
    """The pace of each forward, kept across reconnects, and the silence under way."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.paces: dict[tuple[NodeName, Port], Pace] = {}
        self.sessions: dict[tuple[NodeName, Port], tuple[ProcessId, float | None]] = {}
        """The last connection of each forward, and the seconds that its login took."""
        self.struck: dict[Port, Struck] = {}
        self.excused: dict[Port, float] = {}
        """Since when (monotonic) probes of each port wait behind other bytes."""

    def pace_of(self, before: Tunnel) -> Pace:
        """Return what is known of the forward; after a restart, only the latency in its row."""
        known = self.paces.get((before.node, before.port))
        return known or Pace(longest_s=(before.latency_ms or 0.0) / 1000)

    def terms(self, forward: Forward, before: Tunnel, flow: Flow | None, now: float) -> Terms:
        """Return the limits of a probe that begins now (monotonic)."""
        configured_s, known = forward.deadline_s or self.policy.deadline_s, self.pace_of(before)
        session, login_s = self.sessions.get((forward.node, forward.port), (None, None))
        proven = pace.is_proven(known, flow, login_s if session == before.session else None)
        silence_s = pace.silence_needed(configured_s, self.policy, known, proven=proven)
        deadline_s = pace.deadline(configured_s, known, flow)
        struck = self.struck.get(forward.port)
        # the last probe ends when the silence is long enough
        if before.strikes + 1 >= self.policy.strikes:
            deadline_s = (
                max(configured_s, silence_s - (now - struck.began))
                if struck
                else max(deadline_s, silence_s)
            )
        return Terms(deadline_s=deadline_s, silence_s=silence_s)

    def meet(self, before: Tunnel, session: ProcessId, login_s: float | None) -> None:
        """Start over with a new connection, perhaps over another link; its login took `login_s`."""
        place = (before.node, before.port)
        if place in self.sessions:
            self.paces[place] = pace.reconnected(self.pace_of(before))
        self.sessions[place] = session, login_s

    def knows(self, before: Tunnel, session: ProcessId) -> bool:
        """Whether `meet` was called for this connection."""
        return self.sessions.get((before.node, before.port), (None, None))[0] == session

    def learn(self, before: Tunnel, seen: Observation, first_s: float) -> None:
        """Learn from a probe: its first byte came after `first_s`, or came too late although the
        tunnel lives.
        """
        known = self.pace_of(before)
        if isinstance(seen.reply, Answer):
            known = pace.answered(known, first_s)
        elif seen.came_late and not seen.behind:
            known = pace.came_late(known, seen.deadline_s)
        self.paces[before.node, before.port] = known

    def since(self, port: Port, session: ProcessId | None) -> Struck | None:
        """Return the start of the silence under way, if it is this connection's."""
        struck = self.struck.get(port)
        return struck if struck and (session is None or struck.session in (None, session)) else None

    def note(self, after: Tunnel, seen: Observation, now_wall: float, now: float) -> None:
        """Remember when a first strike began and since when probes are excused; forget both after a
        sign of life.
        """
        if seen.behind:
            self.excused.setdefault(after.port, now)
        else:
            self.excused.pop(after.port, None)
        if after.strikes == 1:
            self.struck[after.port] = Struck(
                session=after.session,
                at=now_wall - seen.silent_s,
                began=now - seen.silent_s,
                flow=seen.flow,
            )
        elif not after.strikes:
            self.struck.pop(after.port, None)

    def excused_s(self, port: Port, now: float) -> float:
        """Return how long the port's silent probes have waited behind other bytes."""
        return now - self.excused.get(port, now)

    def keep_only(self, places: Collection[tuple[NodeName, Port]]) -> None:
        """Forget forwards that were removed, once there are many."""
        if len(self.paces) > 2 * len(places) + MORE_THAN_ENOUGH:
            self.paces = {place: known for place, known in self.paces.items() if place in places}
            self.sessions = {
                place: known for place, known in self.sessions.items() if place in places
            }
