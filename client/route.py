"""Choose the next gateway, and how long to wait before trying it."""

from __future__ import annotations

from collections.abc import Callable

from client.config import Address
from client.pace import Pace
from client.words import Failure

BACKOFF_BASE_S, BACKOFF_CAP_S = 0.5, 30.0
REFUSED_CAP_S = 60.0
"""The longest wait while all gateways refuse connections: a firewall that limits the connections of
an address also counts those that it refuses.
"""
BARRED_S = {
    Failure.UNREACHABLE: 0.0,
    Failure.REFUSED: 0.0,
    Failure.SLOW: 0.0,
    Failure.DENIED: 300.0,
    Failure.IMPOSTOR: 60.0,
}
"""How long to avoid a gateway after a failure: sshd penalizes repeated failed logins."""


class Route:
    """The gateways, tried in rounds: no wait within a round, and a wait after it."""

    def __init__(
        self,
        gateways: tuple[Address, ...],
        paces: tuple[Pace, ...],
        uniform: Callable[[float, float], float],
    ) -> None:
        self.gateways, self.paces, self.uniform = gateways, paces, uniform
        self.at = 0
        self.attempt = 0
        self.tried: set[int] = set()
        self.all_refused = True
        """Whether every gateway tried in this round refused the connection."""
        self.barred_until_s = [float("-inf")] * len(gateways)

    @property
    def gateway(self) -> Address:
        return self.gateways[self.at]

    @property
    def pace(self) -> Pace:
        """The time limits for the current gateway."""
        return self.paces[self.at]

    def backoff_s(self, *, refused: bool = False) -> float:
        """Return the next wait, with full jitter: from 0 to a bound that doubles each time.

        `refused`: nothing but refusals. At their bound wait at least half of it: with shorter waits
        six devices behind one address kept `ufw limit` closed for 19 minutes, instead of six.
        """
        bound_s = BACKOFF_BASE_S * 2.0 ** min(self.attempt, 16)
        self.attempt += 1
        if not refused:
            return self.uniform(0.0, min(bound_s, BACKOFF_CAP_S))
        if bound_s < REFUSED_CAP_S:
            return self.uniform(0.0, bound_s)
        return self.uniform(REFUSED_CAP_S / 2, REFUSED_CAP_S)

    def fail(self, failure: Failure, now_s: float) -> float:
        """Go on to the next gateway; return the seconds to wait before trying it."""
        self.tried.add(self.at)
        self.all_refused &= failure is Failure.REFUSED
        if BARRED_S[failure]:
            self.barred_until_s[self.at] = now_s + BARRED_S[failure] * self.uniform(1.0, 1.1)
        if self.turn(now_s):
            return 0.0
        wait_s = self.backoff_s(refused=self.all_refused)
        self.worked()
        self.turn(now_s)
        return max(wait_s, self.barred_until_s[self.at] - now_s)

    def is_barred(self, now_s: float) -> bool:
        """Return whether the current gateway must not be tried yet."""
        return self.barred_until_s[self.at] > now_s

    def turn(self, now_s: float) -> bool:
        """Select the next gateway that is neither tried nor barred, and return True.

        If the gateways that are left are all barred, select the one whose bar ends first, and
        return False. If none is left, only return False.
        """
        count = len(self.gateways)
        others = [(self.at + step) % count for step in range(1, count + 1)]
        left = [index for index in others if index not in self.tried]
        free = [index for index in left if self.barred_until_s[index] <= now_s]
        if left:
            self.at = free[0] if free else min(left, key=lambda index: self.barred_until_s[index])
        return bool(free)

    def worked(self) -> None:
        """Start a new round: a tunnel is up, or all gateways were tried."""
        self.tried.clear()
        self.all_refused = True
