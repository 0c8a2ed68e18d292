"""How many connections to the daemon's socket each user of the machine may keep open.

Pure: the caller says who comes, who leaves, and who has sent no message yet.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Generic, TypeVar

CONNECTIONS_AT_ONCE = 64
"""Of one user who is neither an operator nor the tunnel user."""
SILENT_AT_ONCE = 256
"""Of the tunnel user, that have sent no whole message yet: a gate sends its message at once."""
C = TypeVar("C")


@dataclass(slots=True)
class Crowd(Generic[C]):
    """The open connections, by user; those of operators are not counted.

    A gate may wait half a minute for its answer, so the tunnel user may have any number of
    connections. Only those that send nothing are bounded: a newer one pushes the oldest out.
    """

    operators: Container[int]
    """Who is one may change while they are connected."""
    tunnel_uid: int
    counts: dict[int, int] = field(default_factory=dict)
    silent: dict[C, None] = field(default_factory=dict)
    """Of the tunnel user, in the order in which they came."""

    def is_counted(self, uid: int) -> bool:
        return uid not in self.operators and uid != self.tunnel_uid

    def enter(self, uid: int) -> bool:
        """Whether another connection of this user may stay; then `leave` follows."""
        if not self.is_counted(uid):
            return True
        if self.counts.get(uid, 0) >= CONNECTIONS_AT_ONCE:
            return False
        self.counts[uid] = self.counts.get(uid, 0) + 1
        return True

    def leave(self, uid: int) -> None:
        """One of them was closed."""
        left = self.counts.get(uid, 0) - 1
        if left > 0:
            self.counts[uid] = left
        else:
            self.counts.pop(uid, None)

    def wait_for(self, uid: int, connection: C) -> C | None:
        """Note that the connection has nothing to read yet; return the one to close for it."""
        if uid in self.operators or uid != self.tunnel_uid:
            return None
        self.silent[connection] = None
        if len(self.silent) <= SILENT_AT_ONCE:
            return None
        oldest = next(iter(self.silent))
        del self.silent[oldest]
        return oldest

    def heard(self, connection: C) -> None:
        """Its message is complete, or it was closed."""
        self.silent.pop(connection, None)
