"""When the gateway itself may be the reason that it does not hear its devices. Pure.

Its uplink may fail, or it may sleep. After that each device repeats what was lost only after a
pause as long as the outage, so only more silence than usual proves a tunnel dead.
"""

from __future__ import annotations

from checker.model import ProcessId
from checker.tunnels.pace import LEAST_SILENCE_S, LONGEST_SILENCE_S

EXCUSES_S = 60.0
"""How long one such moment makes us patient."""
FEWEST = 3
SHARE = 0.1
"""Connections that vanish within that time, of all: with so many it is not the devices."""
JUMP_S = 1.0
STOOD_STILL_S = 5.0


class Deafness:
    """Connections that were not reached lately, and when the gateway slept. Times are monotonic."""

    def __init__(self) -> None:
        self.unreached: dict[ProcessId, float] = {}
        self.slept_at = float("-inf")

    def miss(self, session: ProcessId, now: float) -> None:
        """Note that not even the device's kernel acknowledged a probe of this connection."""
        self.unreached = {one: at for one, at in self.unreached.items() if now - at <= EXCUSES_S}
        self.unreached[session] = now

    def is_likely(self, now: float, connections: int) -> bool:
        """Whether the gateway may have been cut off or asleep; it has so many connections."""
        lately = sum(now - at <= EXCUSES_S for at in self.unreached.values())
        return now - self.slept_at <= EXCUSES_S or lately >= max(FEWEST, SHARE * connections)


class Clocks:
    """Both clocks as last looked at."""

    def __init__(self, wall: float, now: float) -> None:
        self.wall, self.now = wall, now

    def look(self, wall: float, now: float) -> tuple[bool, bool]:
        """Return whether the wall clock jumped since the last look, as after sleep, and whether we
        stood still; `now` is monotonic.
        """
        passed_s, wall_s = now - self.now, wall - self.wall
        self.wall, self.now = wall, now
        return abs(wall_s - passed_s) > JUMP_S, passed_s > STOOD_STILL_S


def with_deafness(silence_s: float, *, deaf: bool) -> float:
    """Return the silence needed if the gateway may have been deaf."""
    if not deaf or silence_s < LEAST_SILENCE_S:
        return silence_s
    return max(silence_s, LONGEST_SILENCE_S)
