"""Choose the next gateway, and how long to wait before trying it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from client.config import Address
from client.pace import Limits, Pace
from client.words import Failure

BACKOFF_BASE_S, BACKOFF_CAP_S = 0.5, 15.0
REFUSED_BASE_S, REFUSED_CAP_S = 1.0, 60.0
"""The first bound of the wait while all gateways refuse connections, and its end: a firewall that
limits the connections of an address also counts those that it refuses.
"""
MOST_BUSY = 3
BUSY_BASE_S, BUSY_STEP_S, BUSY_CAP_S = 12.0, 1.0, 60.0
"""The bound of the wait after MOST_BUSY busy gateways in a row, its growth with each wait, and its
end. It costs sshd next to nothing to turn a connection away. If the bound grows faster, sshd is
idle once the herd has passed; a shorter one keeps its queue so full that logins time out.
"""
BARRED_S = {
    Failure.UNREACHABLE: 0.0,
    Failure.REFUSED: 0.0,
    Failure.SILENT: 0.0,
    Failure.BUSY: 0.0,
    Failure.SLOW: 0.0,
    Failure.DENIED: 300.0,
    Failure.IMPOSTOR: 60.0,
}
"""How long to avoid a gateway after a failure: sshd penalizes repeated failed logins."""
DENIED_ONCE_S = (12.0, 60.0)
"""The bounds of the waits, with full jitter, after the first refusals in a row of a key that the
gateway accepted before: under load sshd may fail to look it up. The first is that of a busy
gateway. Three failed logins do not yet make OpenSSH penalize the address (`authfail:5 min:15`).
"""
DRAINED_S = 60.0
"""How long to prefer other gateways to one that drains."""
COMES_BACK_S = (1.0, 15.0)
"""When to come back to it if there is no other, at random between these."""
REACHED = frozenset({Failure.SLOW, Failure.DENIED, Failure.IMPOSTOR})
"""Failures of a gateway that is not busy: it goes on with a login."""


class Route:
    """The gateways, tried in rounds: no wait within a round, and a wait after it.

    Each round begins at home, the first gateway. `ids`: of the gateway at each address, "" if
    it is unknown; one gateway may have several addresses.
    """

    def __init__(
        self,
        gateways: tuple[Address, ...],
        paces: tuple[Pace, ...],
        uniform: Callable[[float, float], float],
        ids: tuple[str, ...] = (),
    ) -> None:
        self.gateways, self.paces, self.uniform = gateways, paces, uniform
        self.ids = ids or ("",) * len(gateways)
        self.at = 0
        self.attempt = 0
        self.refusals = 0
        """How many waits in a row followed nothing but refusals."""
        self.tried: set[int] = set()
        self.all_refused = True
        """Whether every gateway tried in this round refused the connection."""
        self.busy = 0
        """How often in a row a gateway was busy; one that cannot be reached does not count."""
        self.busy_bound_s = BUSY_BASE_S
        self.denials = [len(DENIED_ONCE_S)] * len(gateways)
        """How often in a row each gateway has refused the key. One that never accepted it counts as
        if it had refused it often enough.
        """
        self.barred_until_s = [float("-inf")] * len(gateways)
        self.drained_until_s = [float("-inf")] * len(gateways)

    @property
    def gateway(self) -> Address:
        return self.gateways[self.at]

    @property
    def pace(self) -> Pace:
        """The time limits for the current gateway."""
        return self.paces[self.at]

    def limits(self, now_s: float) -> Limits:
        """Return the time limits of the next attempt.

        If another gateway is left in this round, go on to it after half the usual time (5 s)
        without a connection or a banner; after more if a last login took more: the link is slow.
        """
        limits = self.pace.limits
        others = [index for index in self.free(now_s) if index != self.at]
        if not any(self.drained_until_s[index] <= now_s for index in others):
            return limits
        slowest_s = max(pace.took_s for pace in self.paces)
        short_s = min(limits.connect_s, max(limits.connect_s / 2, slowest_s))
        return replace(limits, connect_s=short_s, banner_s=min(short_s, limits.login_s))

    def free(self, now_s: float) -> list[int]:
        """Return the gateways that are neither tried in this round nor barred, in order; those that
        drain come last.
        """
        return sorted(
            (
                index
                for index in range(len(self.gateways))
                if index not in self.tried and self.barred_until_s[index] <= now_s
            ),
            key=lambda index: self.drained_until_s[index] > now_s,
        )

    def backoff_s(self) -> float:
        """Return the next wait, with full jitter: from 0 to a bound that doubles each time. While
        gateways are busy, it grows by a second instead.

        Refusals in a row have a bound of their own, so that a client that has just come back after
        many tries does not wait long if sshd restarts. It ends higher, and there the wait is at
        least half of it: with shorter waits six devices behind one address kept `ufw limit` closed
        for 19 minutes, instead of six.
        """
        if self.tried and self.all_refused:
            bound_s = REFUSED_BASE_S * 2.0 ** min(self.refusals, 16)
            self.refusals += 1
            least_s = 0.0 if bound_s < REFUSED_CAP_S else REFUSED_CAP_S / 2
            return self.uniform(least_s, min(bound_s, REFUSED_CAP_S))
        self.refusals = 0
        bound_s = BACKOFF_BASE_S * 2.0 ** min(self.attempt, 16)
        self.attempt += 1
        if self.busy >= MOST_BUSY:
            return self.uniform(0.0, self.next_busy_bound_s())
        return self.uniform(0.0, min(bound_s, BUSY_BASE_S if self.busy else BACKOFF_CAP_S))

    def next_busy_bound_s(self) -> float:
        bound_s = self.busy_bound_s
        self.busy_bound_s = min(bound_s + BUSY_STEP_S, BUSY_CAP_S)
        return bound_s

    def fail(self, failure: Failure, now_s: float) -> float:
        """Go on to the next gateway; return the seconds to wait before trying it."""
        self.tried.add(self.at)
        self.all_refused &= self.is_refusal(failure)
        if failure is Failure.BUSY:
            self.busy += 1
            if self.busy <= MOST_BUSY:
                self.busy_bound_s = BUSY_BASE_S
        elif failure in REACHED:
            self.busy = 0
        self.barred_until_s[self.at] = now_s + self.bar_s(failure)
        left = self.free(now_s)
        if left:
            self.at = left[0]
            return 0.0
        wait_s = self.backoff_s()
        self.begin(now_s)
        return max(wait_s, self.barred_until_s[self.at] - now_s)

    def bar_s(self, failure: Failure) -> float:
        """Return how long to avoid the current gateway after a failure."""
        if failure is Failure.DENIED:
            before = self.denials[self.at]
            self.denials[self.at] += 1
            if before < len(DENIED_ONCE_S):
                return self.uniform(0.0, DENIED_ONCE_S[before])
        return BARRED_S[failure] * self.uniform(1.0, 1.1)

    def same_gateway(self) -> list[int]:
        """Return all addresses of the present gateway."""
        id_ = self.ids[self.at]
        return [index for index, one in enumerate(self.ids) if id_ and one == id_] or [self.at]

    def drain(self, now_s: float) -> float:
        """Go on to another gateway, as this one drains; return the seconds to wait before."""
        until_s = now_s + DRAINED_S * self.uniform(1.0, 1.1)
        for index in self.same_gateway():
            self.tried.add(index)
            self.drained_until_s[index] = until_s
        left = self.free(now_s)
        if left and self.drained_until_s[left[0]] <= now_s:
            self.at = left[0]
            return 0.0
        self.begin(now_s)
        return max(self.uniform(*COMES_BACK_S), self.barred_until_s[self.at] - now_s)

    def is_refusal(self, failure: Failure) -> bool:
        """Return whether a firewall of the gateway may be the reason.

        Of several gateways all are silent if the device's own link is dead.
        """
        return failure is Failure.REFUSED or (failure is Failure.SILENT and len(self.gateways) == 1)

    def is_barred(self, now_s: float) -> bool:
        """Return whether the current gateway must not be tried yet."""
        return self.barred_until_s[self.at] > now_s

    def begin(self, now_s: float) -> None:
        """Begin a round at the first gateway that is not barred and does not drain; if all are
        barred, at the one whose bar ends first.
        """
        self.tried.clear()
        self.all_refused = True
        free = self.free(now_s)
        self.at = (
            free[0]
            if free
            else min(range(len(self.gateways)), key=lambda index: self.barred_until_s[index])
        )

    def logged_in(self, took_s: float) -> None:
        """Note that the current gateway accepted a login."""
        self.busy = self.refusals = self.denials[self.at] = 0
        self.pace.logged_in(took_s)

    def worked(self) -> None:
        """Note that a tunnel is up."""
        self.tried.clear()
        self.all_refused = True
