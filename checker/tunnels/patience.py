"""How long to wait for each forward: the pace of its link, and its silence so far. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from checker.model import Answer, Flow, Forward, NodeName, Policy, Port, ProcessId, Tunnel
from checker.tunnels import pace
from checker.tunnels.deafness import Deafness, with_deafness
from checker.tunnels.observation import Observation
from checker.tunnels.pace import Pace
from checker.tunnels.rhythm import Beating
from checker.tunnels.round_trips import RoundTrips, with_trip, worst_s

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
    reached: bool = False
    """Whether the device's kernel acknowledged that probe at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Time limits of one probe."""

    deadline_s: float
    silence_s: float
    """Seconds without a sign of life that prove the tunnel dead."""
    hurried: bool = False
    """Whether they are fewer than usual, as the connection's beat is overdue."""


class Patience:
    """The pace of each forward, kept across reconnects, and the silence under way."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.paces: dict[tuple[NodeName, Port], Pace] = {}
        self.round_trips: dict[NodeName, RoundTrips] = {}
        """Of all forwards of a node, as one connection carries them."""
        self.sessions: dict[tuple[NodeName, Port], tuple[ProcessId, float | None]] = {}
        """The last connection of each forward, and the seconds that its login took."""
        self.connections: int | None = None
        """How many there are; None until they are counted again."""
        self.struck: dict[Port, Struck] = {}
        self.calmed: set[Port] = set()
        """Ports whose connection showed life after its beat was overdue: nothing to hurry for
        until it beats again.
        """
        self.deafness = Deafness()
        self.excused: dict[Port, float] = {}
        """Since when (monotonic) probes of each port wait behind other bytes."""

    def pace_of(self, before: Tunnel) -> Pace:
        """Return what is known of the forward; after a restart, only the latency in its row."""
        known = self.paces.get((before.node, before.port))
        return known or Pace(longest_s=(before.latency_ms or 0.0) / 1000)

    def terms(
        self, forward: Forward, before: Tunnel, flow: Flow | None, now: float, beating: Beating
    ) -> Terms:
        """Return the limits of a probe that begins now (monotonic); `beating`: how its connection
        beats.
        """
        configured_s, known = forward.deadline_s or self.policy.deadline_s, self.pace_of(before)
        proven = self.is_proven(before, flow, beating)
        worst = self.worst_s(before, flow, now)
        struck = self.struck.get(forward.port)
        overdue_at_first_s = beating.overdue_s - (now - struck.began if struck else 0.0)
        silence_s = pace.with_beat(
            pace.silence_needed(configured_s, self.policy, known, proven=proven, worst_s=worst),
            overdue_at_first_s,
        )
        deadline_s, least_s = pace.deadline(configured_s, known, flow), configured_s
        quick_s = pace.hurried_silence(worst, overdue_at_first_s)
        reached = struck is None or struck.reached
        if not reached:
            silence_s = pace.with_loss(silence_s, overdue_at_first_s)
        hurried = reached and self.may_hurry(before, flow, beating) and quick_s < silence_s
        if hurried:
            silence_s = quick_s
            least_s = deadline_s = pace.hurried_deadline(configured_s, self.policy)
        # the last probe ends when the silence is long enough
        if before.strikes + 1 >= self.policy.strikes:
            deadline_s = (
                max(least_s, silence_s - (now - struck.began))
                if struck
                else max(deadline_s, silence_s)
            )
        return Terms(deadline_s=deadline_s, silence_s=silence_s, hurried=hurried)

    def enough_s(self, silence_s: float, now: float) -> float:
        """Return the silence needed at the end of a probe (monotonic); more than before it began if
        the gateway itself may have been deaf meanwhile.
        """
        if self.connections is None:
            self.connections = len({session for session, _ in self.sessions.values()})
        deaf = self.deafness.is_likely(now, self.connections)
        return with_deafness(silence_s, deaf=deaf)

    def is_proven(self, before: Tunnel, flow: Flow | None, beating: Beating) -> bool:
        """Whether the forward's link is known to be fast."""
        session, login_s = self.sessions.get((before.node, before.port), (None, None))
        known = self.pace_of(before)
        login_s = login_s if session == before.session else None
        return pace.is_proven(known, flow, login_s, beating.steady)

    def may_hurry(self, before: Tunnel, flow: Flow | None, beating: Beating) -> bool:
        """Whether less silence is enough: the beat is overdue, nothing came since, and the link is
        fast. Only the kernel (`flow`) knows whether another byte comes.
        """
        if beating.overdue_s < 0:
            self.calmed.discard(before.port)
            return False
        if flow is None or before.port in self.calmed:
            return False
        return self.is_proven(before, flow, beating)

    def pause_s(
        self, forward: Forward, before: Tunnel, seen: Observation, now: float, beating: Beating
    ) -> float:
        """Return the seconds to the next probe if this one, which ended now (monotonic), was
        silent: as long as set, or shorter if its connection's beat is overdue by now.
        """
        gap_s = self.policy.strike_gap_s
        struck = self.struck.get(forward.port)
        reached = struck.reached if struck else seen.reached
        if not reached or not self.may_hurry(before, seen.flow, beating):
            return gap_s
        worst = self.worst_s(before, seen.flow, now)
        enough_s = pace.hurried_silence(worst, beating.overdue_s - seen.silent_s)
        next_s = pace.hurried_deadline(forward.deadline_s or self.policy.deadline_s, self.policy)
        return max(0.0, min(gap_s, enough_s - seen.silent_s - next_s))

    def worst_s(self, before: Tunnel, flow: Flow | None, now: float) -> float:
        """Return the worst round trip of the last ten minutes, by the probes and the kernel."""
        kernel_s = pace.kernel_trip(flow) if flow else 0.0
        return max(kernel_s, worst_s(self.round_trips.get(before.node, ()), now))

    def meet(self, before: Tunnel, session: ProcessId, login_s: float | None) -> None:
        """Start over with a new connection, perhaps over another link; its login took `login_s`."""
        place = (before.node, before.port)
        if place in self.sessions:
            self.paces[place] = pace.reconnected(self.pace_of(before))
        self.sessions[place] = session, login_s
        self.connections = None

    def knows(self, before: Tunnel, session: ProcessId) -> bool:
        """Whether `meet` was called for this connection."""
        return self.sessions.get((before.node, before.port), (None, None))[0] == session

    def learn(
        self, before: Tunnel, seen: Observation, first_s: float, now: float, flow: Flow | None
    ) -> None:
        """Learn from a probe that ended now (monotonic): its first byte came after `first_s`, or
        came too late although the tunnel lives.
        """
        place, known = (before.node, before.port), self.pace_of(before)
        took_s = pace.kernel_trip(flow) if flow else 0.0
        if isinstance(seen.reply, Answer):
            known, took_s = pace.answered(known, first_s), max(took_s, first_s)
        elif seen.came_late and not seen.behind:
            known, took_s = pace.came_late(known, seen.deadline_s), max(took_s, seen.silent_s)
        self.paces[place] = known
        if took_s:
            trips = self.round_trips.get(before.node, ())
            self.round_trips[before.node] = with_trip(trips, took_s, now)

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
                reached=seen.reached,
            )
            if after.session is not None and seen.flow is not None and not seen.reached:
                self.deafness.miss(after.session, now)
        elif not after.strikes:
            self.struck.pop(after.port, None)
            if seen.hurried:
                self.calmed.add(after.port)

    def excused_s(self, port: Port, now: float) -> float:
        """Return how long the port's silent probes have waited behind other bytes."""
        return now - self.excused.get(port, now)

    def keep_only(self, places: Collection[tuple[NodeName, Port]]) -> None:
        """Forget forwards that were removed, once there are many."""
        if len(self.paces) > 2 * len(places) + MORE_THAN_ENOUGH:
            self.paces = {place: known for place, known in self.paces.items() if place in places}
            self.connections = None
            self.sessions = {
                place: known for place, known in self.sessions.items() if place in places
            }
            nodes = {node for node, _ in places}
            self.round_trips = {
                node: trips for node, trips in self.round_trips.items() if node in nodes
            }
