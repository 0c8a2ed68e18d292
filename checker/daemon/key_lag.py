"""When root is asked to write keys that do not follow the registry, and when that is complained of.

Pure: `now` is monotonic, in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NOTE_AFTER_S = 2.0
"""An editor may save a file in several steps, and half a file can be a valid one."""
COMPLAIN_AFTER_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What to do about keys that lag."""

    asks_root: bool
    complains: bool


@dataclass(slots=True)
class KeyLag:
    """Since when the keys, which only root may write, have differed from the registry."""

    since: float | None = None
    is_noted: bool = False
    """Whether root was asked to write them."""
    look_at: float = math.inf
    """When to look again though nothing changed, because they still differed."""

    def lagged(self, now: float, *, is_new: bool) -> Step:
        """Note that they differ. `is_new`: the registry has just changed."""
        if self.since is None or is_new:
            self.since, self.is_noted = now, False
        waited_s = now - self.since
        is_late = waited_s >= COMPLAIN_AFTER_S
        # what root could not do before, it may be able to do now
        asks = is_late or (waited_s >= NOTE_AFTER_S and not self.is_noted)
        self.is_noted |= asks
        self.look_at = now + COMPLAIN_AFTER_S if is_late else math.inf
        return Step(asks_root=asks, complains=is_late)

    def failed(self, now: float) -> None:
        """Note that it is not known whether they differ: neither that they follow."""
        self.look_at = now + COMPLAIN_AFTER_S

    def followed(self) -> bool:
        """Note that they do not differ, and return whether root was asked meanwhile."""
        was_noted, self.since, self.is_noted, self.look_at = self.is_noted, None, False, math.inf
        return was_noted
