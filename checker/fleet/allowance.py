"""How much may be done in a second."""

from __future__ import annotations

import time


class Allowance:
    """Allows so many a second, and as many at once after a quiet second."""

    def __init__(self, a_second: float) -> None:
        self.a_second = self.left = a_second
        self.at = time.monotonic()

    def take(self) -> bool:
        """Whether one more may be done now."""
        now = time.monotonic()
        self.left = min(self.a_second, self.left + (now - self.at) * self.a_second)
        self.at = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True
