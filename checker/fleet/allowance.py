"""How much may be done in a second. Pure."""

from __future__ import annotations


class Allowance:
    """Allows so many a second, and as many at once after a quiet second."""

    def __init__(self, a_second: float) -> None:
        self.a_second = self.left = a_second
        self.at = float("-inf")

    def take(self, now: float) -> bool:
        """Whether one more may be done; `now` is of a clock that does not jump."""
        self.left = min(self.a_second, self.left + (now - self.at) * self.a_second)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True
