"""The time limits for one gateway, which follow the measured speed of the link.

A limit grows after a time-out, and shrinks again after quick logins.
"""

from __future__ import annotations

from dataclasses import dataclass

LOGIN_CAP_S = 60.0
SETUP_S = 30.0
"""For claim, forwards and the first answer on a usual link: the gateway may have to probe and kill
before it answers.
"""
SETUP_CAP_S = 120.0
MOST_DOUBLINGS = 3
PATIENT = 2.5
"""Wait this many times longer for an answer once the other side's kernel has acknowledged the beat:
then the link to it works.
"""
ANSWER_CAP_S = 45.0
"""Notice a hang within a minute of the last byte, however slow the link."""
LOGIN_TRIPS = 3
"""A login takes five or six round trips; count fewer, to be on the safe side."""
FORGET = 0.99
"""Each shorter silence reduces the longest one by this factor: to a half after 70 beats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The time limits of one attempt to log in."""

    connect_s: float
    """For name resolution, and again for the TCP connection."""
    banner_s: float
    """From the TCP connection to the gateway's SSH banner."""
    login_s: float
    """From the TCP connection to the end of the login."""


class Pace:
    """The time limits for one gateway, kept from one connection to the next."""

    def __init__(self, login_s: float, answer_s: float) -> None:
        self.base_login_s, self.base_answer_s = login_s, answer_s
        self.doublings = 0
        self.took_s = 0.0
        """How long the last login took, with name resolution; 0: there was none."""
        self.silence_s = 0.0
        """The longest recent silence of a live connection after a beat."""

    @property
    def login_s(self) -> float:
        """The time limit of a login over an open TCP connection."""
        return self.grown(self.base_login_s, LOGIN_CAP_S)

    @property
    def limits(self) -> Limits:
        return Limits(connect_s=self.base_login_s, banner_s=self.login_s, login_s=self.login_s)

    @property
    def setup_s(self) -> float:
        """The time limit of each step: claim, the forwards, the first answer."""
        return self.grown(SETUP_S, SETUP_CAP_S)

    def grown(self, base_s: float, cap_s: float) -> float:
        return min(base_s * 2.0**self.doublings, max(base_s, cap_s))

    def answer_s(self, *, delivered: bool) -> float:
        """Return how long the connection may be silent after a beat.

        `delivered`: the other side's kernel has the beat, or this system cannot tell.
        """
        base_s = self.base_answer_s * (PATIENT if delivered else 1.0)
        return max(base_s, min(2.0 * self.silence_s, ANSWER_CAP_S))

    def timed_out(self) -> None:
        """Raise the limits: a login, or a step after it, timed out."""
        self.doublings = min(self.doublings + 1, MOST_DOUBLINGS)

    def logged_in(self, took_s: float) -> None:
        """Lower the limits by one step, but allow the next login 1.5 times as long as this one."""
        self.doublings = max(self.doublings - 1, 0)
        while self.login_s < 1.5 * took_s and self.doublings < MOST_DOUBLINGS:
            self.doublings += 1
        self.took_s = took_s
        self.learn(took_s / LOGIN_TRIPS)

    def learn(self, silence_s: float) -> None:
        """Note how long a live connection was silent after a beat."""
        self.silence_s = max(silence_s, self.silence_s * FORGET)
