"""A gateway and a device that beats, simulated chunk by chunk on a clock of their own."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from checker.model import Answer, Flaps, Flow, Policy, ProbeReply, ProcessId, Silent, Tunnel
from checker.tunnels.attempt import REACHED_WITHIN_S
from checker.tunnels.due import interval_s, next_probe_s
from checker.tunnels.flow import Silence
from checker.tunnels.judge import Kill, Recheck, judge
from checker.tunnels.observation import Observation, with_silence
from checker.tunnels.patience import Patience, Terms
from checker.tunnels.port_owner import Owner
from checker.tunnels.rhythm import Beating
from checker.tunnels.rhythms import Rhythms
from tests.strategies import FORWARD, OFFICE, PORT

POLICY = Policy()
READ_EVERY_S = 5.0
LOOK_EVERY_S = 0.25
"""How often the daemon looks for overdue beats."""
NEVER = float("inf")
HOUR_S = 3600.0
SETTLED_S = 400.0
"""By then the gateway knows the device's rhythm."""
FAST = 0.02
"""Seconds, one way."""
Delay = Callable[[float], float]
"""Seconds that a chunk which leaves at this moment is held back."""


@dataclass(slots=True)
class Device:
    """A device behind a link whose ways keep the order of what they carry."""

    up: Delay
    down: Delay
    every_s: Callable[[], float] = lambda: 10.0
    silent_target: bool = False
    dead_at: float = NEVER
    frozen: bool = True
    """Whether it is only its program that dies; its kernel still acknowledges."""
    arrived: dict[str, float] = field(default_factory=lambda: {"up": 0.0, "down": 0.0})
    events: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 0)])
    """When the device does something: 0 is a beat, else the answer to that probe."""
    answers: dict[int, float] = field(default_factory=dict)
    """When the answer to each probe comes."""
    heard: list[float] = field(default_factory=list)
    """When something came from the device, in order, as in `beats`."""
    beats: list[float] = field(default_factory=list)

    def passes(self, way: str, at: float) -> float:
        """When a chunk arrives that leaves at this moment."""
        delay = self.up if way == "up" else self.down
        self.arrived[way] = max(self.arrived[way], at + delay(at))
        return self.arrived[way]

    def ask(self, probe: int, at: float) -> float:
        """A probe opens a channel. Return when the acknowledgement comes."""
        arrives = self.passes("down", at)
        heapq.heappush(self.events, (arrives, probe))
        is_there = self.frozen or arrives < self.dead_at
        return arrives + self.up(arrives) if is_there else NEVER

    def live(self, until: float) -> None:
        """Do what is due until then."""
        while self.events[0][0] <= min(until, self.dead_at):
            at, what = heapq.heappop(self.events)
            arrives = self.passes("up", at)
            self.heard.append(arrives)
            if not what:
                self.beats.append(arrives)
                heapq.heappush(self.events, (at + self.every_s(), 0))
            elif not self.silent_target:
                self.answers[what] = self.passes("up", at + 0.01)
                self.heard.append(self.answers[what])

    def login_s(self, at: float) -> float:
        """How long five round trips take."""
        now = at
        for _ in range(5):
            now = self.passes("up", self.passes("down", now))
        return now - at

    def last(self, times: list[float], now: float) -> float | None:
        """The last of these times that has come; forget the others before it."""
        while len(times) > 1 and times[1] <= now:
            del times[0]
        return times[0] if times and times[0] <= now else None


@dataclass(slots=True)
class Gateway:
    """What the daemon does with one forward of the device."""

    device: Device
    now: float = 0.0
    patience: Patience = field(default_factory=lambda: Patience(POLICY))
    rhythms: Rhythms = field(default_factory=Rhythms)
    tunnel: Tunnel = field(default_factory=lambda: Tunnel(node=OFFICE, port=PORT))
    session: ProcessId = field(default_factory=lambda: ProcessId(pid=2, start_ticks=1))
    login_s: float = 0.0
    probes: int = 0
    doubts: int = 0
    killed_at: float | None = None
    next_read: float = 0.0
    next_probe: float = 0.0

    def log_in(self) -> None:
        """The device's connection, after a login over this link."""
        self.login_s = self.device.login_s(self.now)
        self.now += self.login_s
        self.next_probe = self.next_read = self.now
        self.device.events = [(self.now, 0)]

    def reconnect(self) -> None:
        """The device makes another connection."""
        self.session = ProcessId(pid=self.session.pid + 1, start_ticks=1)
        self.device.beats.clear()
        self.log_in()

    def restart(self) -> None:
        """The daemon forgets all that the state file does not have."""
        self.patience, self.rhythms = Patience(POLICY), Rhythms()

    def read_beats(self) -> None:
        last = self.device.last(self.device.beats, self.now)
        if last is not None:
            self.rhythms.take({self.session: last})

    def pass_to(self, at: float) -> None:
        """Let time pass, and read the beats every few seconds."""
        while self.next_read <= at:
            self.now = self.next_read
            self.device.live(self.now)
            self.read_beats()
            self.next_read += READ_EVERY_S
        self.now = at
        self.device.live(at)

    def terms(self) -> Terms:
        flow = Flow(acked=0, received=0, heard_ago_s=0.0)
        return self.patience.terms(FORWARD, self.tunnel, flow, self.now, self.beating())

    def beating(self) -> Beating:
        return self.rhythms.beating(self.tunnel.session, self.now)

    def observe(self, terms: Terms) -> Observation:
        """One probe, as the watcher makes it."""
        began = self.now
        self.probes += 1
        acked_at = self.device.ask(self.probes, began)
        ends = began + terms.deadline_s + 1e-6  # a timer never fires early
        self.device.live(ends)
        answer_at = self.device.answers.pop(self.probes, NEVER)
        self.pass_to(min(answer_at, ends))
        struck = self.patience.since(PORT, self.session) if answer_at > ends else None
        reply: ProbeReply = Silent() if answer_at > ends else Answer(expected=True, text=b"SSH-")
        since_s = self.now - (struck.began if struck else began)
        last = self.device.last(self.device.heard, self.now)
        heard_ago_s = self.now - (last or 0.0)
        self.read_beats()
        beat = self.rhythms.known.get(self.session)
        beats = beat is not None and beat.last_at > self.now - since_s
        seen = Observation(
            reply=reply,
            owner=Owner.OURS,
            session=self.session,
            latency_ms=(self.now - began) * 1000,
            expect=FORWARD.expect,
            deadline_s=terms.deadline_s,
            silent_s=since_s,
            probe_s=self.now - began,
            silence_s=terms.silence_s,
            hurried=terms.hurried,
            life="its beats arrive" if beats else "",
            reached=acked_at - began <= REACHED_WITHIN_S,
            flow=Flow(acked=0, received=0, heard_ago_s=heard_ago_s),
        )
        if not isinstance(reply, Silent):
            return seen
        silence = Silence(heard_ago_s=heard_ago_s, since_s=since_s, probe_s=self.now - began)
        pause_s = self.patience.pause_s(FORWARD, self.tunnel, seen, self.now, self.beating())
        return with_silence(replace(seen, pause_s=pause_s), silence, POLICY.deadline_s)

    def look(self) -> float:
        """One probe, judged; seconds until the next one."""
        before = self.tunnel
        seen = self.observe(self.terms())
        if not self.patience.knows(before, self.session):
            self.patience.meet(before, self.session, self.login_s)
        self.patience.learn(before, seen, (seen.latency_ms or 0) / 1000, self.now, None)
        judgement = judge(seen, before, Flaps(), POLICY, self.now)
        self.tunnel = judgement.tunnel
        self.patience.note(self.tunnel, seen, self.now, self.now)
        if isinstance(judgement.action, Kill):
            self.killed_at = self.now
        if isinstance(judgement.action, Recheck):
            return judgement.action.after_s
        beats = self.rhythms.is_beating(self.session, self.now)
        return next_probe_s(judgement.action, POLICY, interval_s(POLICY, None, beats=beats))

    def doubt_at(self) -> float:
        """When the daemon next finds a beat overdue; never while the connection is in doubt."""
        at = self.rhythms.doubt_at.get(self.session, NEVER)
        return max(self.now, at + LOOK_EVERY_S)

    def run(self, until: float) -> None:
        """Sweep until then, or until a kill."""
        while self.now < until and self.killed_at is None:
            doubt_at = self.doubt_at()
            if doubt_at < self.next_probe:
                self.pass_to(doubt_at)
                self.read_beats()
                if self.rhythms.doubt(self.now):
                    self.doubts += 1
                    self.next_probe = self.now
                continue
            if self.next_read < self.next_probe:
                self.pass_to(min(self.next_read, until))
                continue
            self.pass_to(self.next_probe)
            wait_s = self.look()
            self.next_probe = self.now + wait_s


def freed_after_s(seed: int, *, part: float, frozen: bool = True) -> float:
    """How long the tunnel of a device on a fast link stays when the device dies."""
    beats = jittered(random.Random(seed), part=part)
    device = Device(up=lambda _: FAST, down=lambda _: FAST, every_s=beats, frozen=frozen)
    gateway = Gateway(device)
    gateway.log_in()
    device.dead_at = SETTLED_S + seed
    gateway.run(HOUR_S)
    assert gateway.killed_at is not None
    return gateway.killed_at - device.dead_at


def jittered(dice: random.Random, every_s: float = 10.0, part: float = 0.1) -> Callable[[], float]:
    """Beats as the clients send them."""
    return lambda: every_s * dice.uniform(1 - part, 1 + part)
