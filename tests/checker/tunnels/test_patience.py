"""Slow links, simulated for hours: no living tunnel is killed, and a dead one is freed in time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from checker.model import Answer, Flaps, Policy, ProbeReply, ProcessId, Silent, Status, Tunnel
from checker.tunnels.attempt import REACHED_WITHIN_S
from checker.tunnels.flow import Silence
from checker.tunnels.judge import Kill, LookAgain, Recheck, judge
from checker.tunnels.observation import Observation, with_silence
from checker.tunnels.patience import Patience, Terms
from checker.tunnels.port_owner import Owner
from checker.tunnels.rhythm import NO_BEATS
from tests.strategies import FORWARD, OFFICE, PORT

POLICY = Policy()
HOUR_S = 3600.0
RESTARTS_EVERY_S = 900.0
RECONNECTS_EVERY_S = 1500.0
Delay = Callable[[float], float]
"""Seconds that a chunk which leaves at this moment is held back."""


def always(seconds: float) -> Callable[[random.Random], Delay]:
    return lambda _: lambda __: seconds


def lossy(share: float, least: float, most: float) -> Callable[[random.Random], Delay]:
    return lambda dice: lambda _: dice.uniform(least, most) if dice.random() < share else 0.02


def alternating(each_s: float, *turns: float) -> Callable[[random.Random], Delay]:
    return lambda _: lambda at: turns[int(at / each_s) % len(turns)]


@dataclass(slots=True)
class Link:
    """Both ways of a link, which keep the order of what they carry, and what the gateway's kernel
    heard of the device.
    """

    up: Delay
    down: Delay
    dead_at: float = float("inf")
    arrived: dict[str, float] = field(default_factory=lambda: {"up": 0.0, "down": 0.0})
    heard: list[float] = field(default_factory=list)
    silent_target: bool = False

    def passes(self, way: str, at: float) -> float:
        """When a chunk arrives that leaves at this moment."""
        delay = self.up if way == "up" else self.down
        self.arrived[way] = max(self.arrived[way], at + delay(at))
        return self.arrived[way]

    def answered_at(self, at: float) -> float:
        """When the answer to a probe comes: the device confirms the channel, then passes on what
        its target says.
        """
        asked = self.passes("down", at)
        if asked >= self.dead_at:
            return float("inf")
        confirmed = self.passes("up", asked)
        if self.silent_target:
            self.heard.append(confirmed)
            return float("inf")
        answered = self.passes("up", asked + 0.01)
        self.heard += [confirmed, answered]
        return answered

    def acked_at(self, asked: float) -> float:
        """When the device's kernel acknowledges what arrived there; it does so if ssh is frozen."""
        return asked + self.up(asked)

    def login_s(self, at: float) -> float:
        """How long five round trips take."""
        now = at
        for _ in range(5):
            now = self.passes("up", self.passes("down", now))
        return now - at

    def heard_ago_s(self, now: float) -> float:
        return min((now - at for at in self.heard if at <= now), default=now)


@dataclass(slots=True)
class Gateway:
    """What the daemon does with one forward, on a clock of its own."""

    link: Link
    now: float = 0.0
    patience: Patience = field(default_factory=lambda: Patience(POLICY))
    tunnel: Tunnel = field(default_factory=lambda: Tunnel(node=OFFICE, port=PORT))
    session: ProcessId = field(default_factory=lambda: ProcessId(pid=2, start_ticks=1))
    login_s: float = 0.0
    killed_at: float | None = None

    def log_in(self) -> None:
        """Another connection, after a login over this link."""
        self.session = ProcessId(pid=self.session.pid + 1, start_ticks=1)
        self.login_s = self.link.login_s(self.now)
        self.now += self.login_s

    def restart(self) -> None:
        """The daemon forgets all that the state file does not have."""
        self.patience = Patience(POLICY)
        self.tunnel = replace(self.tunnel, strikes=0)

    def observe(self, terms: Terms) -> Observation:
        """One probe, as the watcher makes it."""
        began, answer_at = self.now, self.link.answered_at(self.now)
        reply: ProbeReply = (
            Answer(expected=True, text=b"SSH-")
            if answer_at <= began + terms.deadline_s
            else Silent()
        )
        acked_at = self.link.acked_at(self.link.arrived["down"])
        self.now = min(answer_at, began + terms.deadline_s)
        struck = self.patience.since(PORT, self.session) if isinstance(reply, Silent) else None
        since_s = self.now - (struck.began if struck else began)
        seen = Observation(
            reply=reply,
            owner=Owner.OURS,
            session=self.session,
            latency_ms=(self.now - began) * 1000,
            expect=FORWARD.expect,
            deadline_s=terms.deadline_s,
            silent_s=since_s,
            silence_s=terms.silence_s,
            reached=acked_at - began <= REACHED_WITHIN_S,
        )
        silence = Silence(
            heard_ago_s=self.link.heard_ago_s(self.now), since_s=since_s, probe_s=self.now - began
        )
        return with_silence(seen, silence, POLICY.deadline_s) if isinstance(reply, Silent) else seen

    def look(self) -> float:
        """One probe, judged; seconds until the next one."""
        before = self.tunnel
        terms = self.patience.terms(FORWARD, before, None, self.now, NO_BEATS)
        seen = self.observe(terms)
        if not self.patience.knows(before, self.session):
            self.patience.meet(before, self.session, self.login_s)
        self.patience.learn(before, seen, (seen.latency_ms or 0) / 1000, self.now, None)
        judgement = judge(seen, before, Flaps(), POLICY, self.now)
        self.tunnel = judgement.tunnel
        self.patience.note(self.tunnel, seen, self.now, self.now)
        match judgement.action:
            case Kill():
                self.killed_at = self.now
                return POLICY.probe_every_s
            case Recheck(after_s) | LookAgain(after_s):
                return after_s
            case _:
                return POLICY.probe_every_s

    def run(self, until: float) -> Iterator[Status]:
        """The status after each probe, until then, or until a kill."""
        while self.now < until and self.killed_at is None:
            wait_s = self.look()
            yield self.tunnel.status
            self.now += wait_s


LINKS = [
    pytest.param(always(0.02), always(0.02), id="fast"),
    pytest.param(always(1.0), always(1.0), id="2 s round trip"),
    pytest.param(always(3.0), always(3.0), id="6 s round trip"),
    pytest.param(always(0.02), always(6.0), id="asymmetric"),
    pytest.param(lossy(0.3, 1.0, 8.0), lossy(0.3, 1.0, 8.0), id="30 % delayed by 1 to 8 s"),
    pytest.param(
        alternating(60.0, 0.02, 2.0),
        alternating(60.0, 0.02, 2.0),
        id="alternating, 40 ms and 4 s round trip",
    ),
    pytest.param(
        alternating(60.0, 0.02, 4.0),
        alternating(60.0, 0.02, 4.0),
        id="alternating, 40 ms and 8 s round trip",
    ),
]
Shape = Callable[[random.Random], Delay]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("up", "down"), LINKS)
def test_a_living_tunnel_is_never_killed_over_reconnects_and_restarts(
    up: Shape, down: Shape, seed: int
) -> None:
    dice = random.Random(seed)
    gateway = Gateway(Link(up=up(dice), down=down(dice)))
    restarts, reconnects = RESTARTS_EVERY_S, RECONNECTS_EVERY_S
    gateway.log_in()

    for _ in gateway.run(3 * HOUR_S):
        if gateway.now > restarts:
            gateway.restart()
            restarts += RESTARTS_EVERY_S
        if gateway.now > reconnects:
            gateway.log_in()
            reconnects += RECONNECTS_EVERY_S

    assert gateway.killed_at is None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("up", "down"), LINKS)
def test_a_living_tunnel_whose_target_falls_silent_is_never_killed(
    up: Shape, down: Shape, seed: int
) -> None:
    dice = random.Random(seed)
    link = Link(up=up(dice), down=down(dice))
    gateway = Gateway(link)
    gateway.log_in()
    for _ in gateway.run(dice.uniform(0, 600)):
        pass
    link.silent_target = True

    for _ in gateway.run(gateway.now + 2 * HOUR_S):
        pass

    assert gateway.killed_at is None


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("up", "down"), LINKS)
def test_a_dead_tunnel_is_freed_within_a_minute_on_any_link(
    up: Shape, down: Shape, seed: int
) -> None:
    dice = random.Random(seed)
    link = Link(up=up(dice), down=down(dice))
    gateway = Gateway(link)
    gateway.log_in()
    link.dead_at = gateway.now + dice.uniform(0, 1200)

    for _ in gateway.run(2 * HOUR_S):
        pass

    assert gateway.killed_at is not None
    last_byte_at = max([link.dead_at, *link.heard])
    assert gateway.killed_at - last_byte_at <= 60


@pytest.mark.parametrize(("up", "down"), LINKS[:4])
def test_a_slow_tunnel_becomes_up_and_stays_so(up: Shape, down: Shape) -> None:
    dice = random.Random(1)
    gateway = Gateway(Link(up=up(dice), down=down(dice)))
    gateway.log_in()

    statuses = list(gateway.run(HOUR_S))

    assert set(statuses[3:]) == {Status.UP}
    assert gateway.tunnel.latency_ms is not None


def test_an_ordinary_tunnel_that_hangs_is_killed_without_extra_delay() -> None:
    link = Link(up=lambda _: 0.02, down=lambda _: 0.02)
    gateway = Gateway(link)
    gateway.log_in()
    for _ in gateway.run(120.0):
        pass
    link.dead_at = began = gateway.now

    for _ in gateway.run(600.0):
        pass

    assert gateway.killed_at is not None
    assert gateway.killed_at - began == pytest.approx(
        POLICY.strikes * POLICY.deadline_s + POLICY.strike_gap_s
    )
