"""How long to wait on the way to one gateway: limits that grow after a time-out and shrink again,
learned from what the link shows.
"""

from __future__ import annotations

LOGIN_CAP_S = 60.0
SETUP_S = 30.0
"""For claim, forwards and the first answer on a usual link: the gateway may have to probe and to
kill before it answers.
"""
SETUP_CAP_S = 120.0
MOST_DOUBLINGS = 3
PATIENT = 2.5
"""How much longer to wait for an answer when the other side's kernel has acknowledged the beat:
then the way to it works.
"""
ANSWER_CAP_S = 45.0
"""A hang is noticed within a minute after the last byte, whatever was learned."""
LOGIN_TRIPS = 3
"""A login takes five to six round trips; fewer are counted, to be on the safe side."""
FORGET = 0.99
"""What is left of the longest silence after each one that was shorter: half of it after 70
beats.
"""


class Pace:
    """What is known of the link to one gateway, from one connection to the next."""

    def __init__(self, login_s: float, answer_s: float) -> None:
        self.base_login_s, self.base_answer_s = login_s, answer_s
        self.doublings = 0
        self.silence_s = 0.0
        """The longest time lately in which a living connection said nothing to a beat."""

    @property
    def login_s(self) -> float:
        """The time limit of a login, once its TCP connection stands."""
        return self.grown(self.base_login_s, LOGIN_CAP_S)

    @property
    def setup_s(self) -> float:
        """The time limit of claim, of the forwards, and of the first answer."""
        return self.grown(SETUP_S, SETUP_CAP_S)

    def grown(self, base_s: float, cap_s: float) -> float:
        return min(base_s * 2.0**self.doublings, max(base_s, cap_s))

    def answer_s(self, *, delivered: bool) -> float:
        """How long nothing may come after a beat. Delivered: the other side's kernel has it, or
        nobody knows.
        """
        base_s = self.base_answer_s * (PATIENT if delivered else 1.0)
        return max(base_s, min(2.0 * self.silence_s, ANSWER_CAP_S))

    def timed_out(self) -> None:
        """A login or what follows it took longer than its limit."""
        self.doublings = min(self.doublings + 1, MOST_DOUBLINGS)

    def logged_in(self, took_s: float) -> None:
        """A login that was quick lowers the limit by one step; the next one may take half as long
        again as this one.
        """
        self.doublings = max(self.doublings - 1, 0)
        while self.login_s < 1.5 * took_s and self.doublings < MOST_DOUBLINGS:
            self.doublings += 1
        self.learn(took_s / LOGIN_TRIPS)

    def learn(self, silence_s: float) -> None:
        """A connection that lives was silent for so long after a beat."""
        self.silence_s = max(silence_s, self.silence_s * FORGET)
