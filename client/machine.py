"""Decide what the tunnel does next: events in, actions out. Never wait, connect or read a clock.

There is one connection at a time, and each has a number: events of an earlier one are ignored.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from client import words
from client.clock import Clock
from client.config import Address, Config
from client.pace import Pace
from client.route import Route
from client.tunnel import Tunnel, denial, named

PROVEN_S = 60.0
"""After a tunnel was up for this long, the back-off starts again from its shortest wait."""
ASK_AGAIN_S = 60.0
FIRST_ANSWER_S = 300.0
"""Give up a connection if its first answer takes longer than this, even if data moves."""
LONGEST_WAIT_S = 3600.0
TICK_S = 10.0
REPEAT_S = 600.0
"""Log the same failure again only after this long, or if it now leads to a long wait."""
LONG_S = 60.0
"""A longer wait is a long one."""


class Phase(enum.Enum):
    """The steps of a tunnel's life."""

    WAITING = "waiting"
    CONNECTING = "connecting"
    CLAIMING = "claiming"
    FORWARDING = "forwarding"
    HOLDING = "holding"
    ENDED = "ended"


class Machine:
    """The state of the tunnel. `handle` takes an event and returns the actions that follow.

    Call it with a Tick at `due_s` at the latest.
    """

    def __init__(self, config: Config, uniform: Callable[[float, float], float]) -> None:
        self.config, self.uniform = config, uniform
        paces = tuple(
            Pace(config.connect_timeout_s, config.answer_deadline_s) for _ in config.gateways
        )
        self.route = Route(config.gateways, paces, uniform, config.ids)
        self.ports = frozenset(forward.port for forward in config.forwards)
        self.phase = Phase.WAITING
        self.connection = 0
        self.tunnel = Tunnel()
        self.clock = Clock()
        self.deadline_s = self.due_s = self.began_s = float("-inf")
        self.claim_at: Address | None = None
        """Claim at this gateway: this process held there last, or the gateway denied a port."""
        self.patient = False
        """The gateway asked for the current wait, or refused the login: nothing shortens it."""
        self.logged_s: dict[tuple[str, bool], float] = {}
        """When each failure was logged, by whether a long wait followed."""
        self.verdict: int | None = None
        self.error = ""
        self.actions: list[words.Action] = []

    @property
    def gateway(self) -> Address:
        return self.route.gateway

    def view(self) -> words.View:
        """Return the state for the status file and the service manager."""
        if self.phase is Phase.ENDED:
            state = words.State.STOPPED
        elif self.tunnel.up_since_s is None:
            state = words.State.CONNECTING
        else:
            state = words.State.PARTIAL if self.tunnel.denied else words.State.UP
        gateway = self.gateway if self.tunnel.up_since_s is not None else None
        tunnel = self.tunnel
        return words.View(
            state=state,
            gateway=gateway,
            listening=tunnel.listening,
            denied=tunnel.denied,
            verdict_s=self.verdict,
            error=self.error,
            slow=self.route.pace.doublings > 0,
        )

    def handle(self, event: words.Event, now: words.Moment) -> tuple[words.Action, ...]:
        """Return the actions that an event calls for, in order."""
        self.actions = []
        if self.phase is Phase.ENDED:
            return ()
        jump = self.clock.advance(now, self.due_s)
        if isinstance(event, words.Stop):
            self.end()
        elif jump:
            self.start_over(jump)
        elif isinstance(event, words.Tick) or event.connection == self.connection:
            self.apply(event)
        self.pass_time()
        self.due_s = self.next_due_s()
        return tuple(self.actions)

    def start_over(self, reason: str) -> None:
        """Reconnect: a machine that was suspended may wake up on another network."""
        if self.phase is not Phase.WAITING:
            self.leave(reason, abort=True)
            self.route.begin(self.clock.now_s)
            self.wait(0.0, reason)
        elif not self.patient:
            self.deadline_s = self.clock.now_s

    def apply(self, event: words.Event) -> None:
        match self.phase, event:
            case Phase.CONNECTING, words.Connected():
                self.set_up()
            case Phase.CONNECTING, words.Failed(failure=failure, reason=reason):
                if failure is words.Failure.SLOW:
                    self.route.pace.timed_out()
                self.fail(f"{self.gateway}: {reason}", failure)
            case Phase.CLAIMING, words.Claimed(wait_s=0):
                left = self.ports - self.tunnel.listening
                self.enter(Phase.FORWARDING, words.Listen(ports=left))
            case Phase.CLAIMING, words.Claimed(wait_s=wait_s, complaint=complaint):
                self.obey(
                    wait_s,
                    f"{self.gateway}: the gateway asks to wait {wait_s} s"
                    + (f": {complaint}" if complaint else ""),
                )
            case (
                (Phase.FORWARDING | Phase.HOLDING),
                words.Listened(listening=listening, denied=denied),
            ):
                self.learn_forwards(listening, denied)
            case Phase.HOLDING, words.Answered(wait_s=wait_s, is_sure=is_sure):
                self.learn(self.tunnel.pulse.answer(self.clock.now_s))
                self.take_verdict(wait_s, is_sure=is_sure)
            case Phase.HOLDING, words.Moved():
                self.learn(self.tunnel.pulse.move(event, self.clock.now_s))
            case (
                (Phase.CLAIMING | Phase.FORWARDING | Phase.HOLDING),
                words.Lost(reason=reason, drains=drains),
            ):
                (self.move if drains else self.lose)(f"{self.gateway}: {reason}")
            case _:
                pass

    def enter(self, phase: Phase, action: words.Action) -> None:
        self.phase = phase
        self.deadline_s = self.clock.now_s + self.route.pace.setup_s
        self.actions.append(action)

    def set_up(self) -> None:
        """Claim if a connection of ours may still hold the ports; else only if one is denied."""
        self.route.logged_in(self.clock.now_s - self.began_s)
        if self.gateway == self.claim_at:
            self.claim()
        else:
            self.enter(Phase.FORWARDING, words.Listen(ports=self.ports))

    def claim(self) -> None:
        self.tunnel.claimed, self.claim_at = True, self.gateway
        self.enter(Phase.CLAIMING, words.Claim())

    def learn(self, silence_s: float | None) -> None:
        """Learn from a sign of life, and from the silence before it; None: there was no silence.

        If a beat is still unanswered, send the next one soon: a hang may follow. Once it is
        answered, the next one is due as usual.
        """
        tunnel = self.tunnel
        if silence_s is not None and tunnel.up_since_s is not None:
            self.route.pace.learn(silence_s)
        if not tunnel.pulse.owed:
            tunnel.beat_due_s = tunnel.regular_due_s
            return
        soon_s = self.clock.now_s + tunnel.limit_s(self.route.pace)
        tunnel.beat_due_s = min(tunnel.beat_due_s, soon_s)

    def learn_forwards(self, listening: frozenset[int], denied: frozenset[int]) -> None:
        tunnel, before = self.tunnel, self.tunnel.denied
        tunnel.listening |= listening
        tunnel.denied = self.ports - tunnel.listening
        tunnel.asking, tunnel.ask_due_s = False, self.clock.now_s + ASK_AGAIN_S
        if tunnel.denied and not tunnel.claimed:
            self.claim()
        elif not tunnel.listening:
            self.fail(f"{self.gateway}: {denial(denied)}", words.Failure.UNREACHABLE)
        elif self.phase is Phase.FORWARDING:
            if tunnel.denied:
                self.say(f"{denial(denied)}; asking again every {ASK_AGAIN_S:.0f} s")
            self.enter(Phase.HOLDING, words.Hold())
            self.claim_at = self.gateway
            tunnel.first_due_s = self.clock.now_s + FIRST_ANSWER_S
            self.count_beat()
        elif before & listening:
            self.say(f"the gateway listens on {named(before & listening)} now")

    def take_verdict(self, wait_s: int, *, is_sure: bool) -> None:
        if wait_s and not is_sure:
            # a claim shows which numbers a login prints by itself
            reason = f"{self.gateway}: it printed {wait_s}, which may not be its answer"
            self.leave(reason)
            self.wait(0.0, reason)
            return
        self.verdict = wait_s
        if wait_s and not self.tunnel.denied:
            self.obey(
                wait_s,
                f"{self.gateway}: the gateway says that the tunnel does not work and asks to wait"
                f" {wait_s} s",
            )
            return
        if self.tunnel.up_since_s is None:
            self.tunnel.up_since_s = self.clock.now_s
            self.route.worked()
            self.logged_s.clear()
            few = f"{len(self.tunnel.listening)} of " if self.tunnel.denied else ""
            self.say(
                f"up: {few}{len(self.ports)} forward{'s' if len(self.ports) > 1 else ''} via"
                f" {self.gateway}"
            )
        if wait_s:
            self.ask_again()

    def ask_again(self) -> None:
        if not self.tunnel.asking:
            self.tunnel.asking = True
            self.actions.append(words.Listen(ports=self.tunnel.denied))

    def count_beat(self) -> None:
        """Count a beat and schedule the next. Jitter keeps nodes that came back together apart; a
        little of it, as the gateway notices a beat that is late.
        """
        tunnel, period_s = self.tunnel, self.config.check_every_s * self.uniform(0.95, 1.05)
        tunnel.pulse.beat(self.clock.now_s)
        tunnel.beat_due_s = tunnel.regular_due_s = self.clock.now_s + period_s

    def leave(self, reason: str, *, abort: bool = False) -> None:
        """End the current connection."""
        if (
            self.tunnel.up_since_s is not None
            and self.clock.now_s - self.tunnel.up_since_s >= PROVEN_S
        ):
            self.route.attempt = 0
        self.error = reason
        self.tunnel = Tunnel()
        self.actions.append(words.Drop(abort=abort))

    def fail(self, reason: str, failure: words.Failure, *, abort: bool = False) -> None:
        """End the current connection, and go on to the next gateway."""
        self.leave(reason, abort=abort)
        wait_s = self.route.fail(failure, self.clock.now_s)
        self.wait(wait_s, reason, patient=self.route.is_barred(self.clock.now_s))

    def lose(self, reason: str, *, abort: bool = False) -> None:
        """Begin again at home if the tunnel was up; else go on to the next gateway."""
        if self.tunnel.up_since_s is None:
            self.fail(reason, words.Failure.UNREACHABLE, abort=abort)
        else:
            self.leave(reason, abort=abort)
            self.route.begin(self.clock.now_s)
            self.wait(self.route.backoff_s(), reason)

    def move(self, reason: str) -> None:
        """Go to another gateway, as this one drains, without a longer back-off."""
        self.leave(reason)
        self.wait(self.route.drain(self.clock.now_s), reason)

    def obey(self, wait_s: int, reason: str) -> None:
        self.leave(reason)
        self.route.begin(self.clock.now_s)
        self.wait(min(wait_s, LONGEST_WAIT_S) * self.uniform(1.0, 1.25), reason, patient=True)

    def wait(self, wait_s: float, reason: str, *, patient: bool = False) -> None:
        self.phase, self.patient = Phase.WAITING, patient
        self.deadline_s = self.clock.now_s + wait_s
        logged = reason, wait_s > LONG_S
        if self.clock.now_s - self.logged_s.get(logged, float("-inf")) >= REPEAT_S:
            self.logged_s[logged] = self.clock.now_s
            self.say(f"{reason}; next try {f'in {wait_s:.1f} s' if wait_s else 'now'}")

    def say(self, text: str) -> None:
        self.actions.append(words.Say(text=text))

    def end(self) -> None:
        self.leave(self.error)
        self.phase = Phase.ENDED
        self.say("stopped")

    def pass_time(self) -> None:
        match self.phase:
            case Phase.WAITING if self.clock.now_s >= self.deadline_s:
                self.connection += 1
                self.phase, self.began_s = Phase.CONNECTING, self.clock.now_s
                limits = self.route.limits(self.clock.now_s)
                self.actions.append(
                    words.Connect(connection=self.connection, gateway=self.gateway, limits=limits)
                )
            case Phase.CLAIMING | Phase.FORWARDING if self.clock.now_s >= self.deadline_s:
                self.time_out(f"no answer while {self.phase.value}")
            case Phase.HOLDING:
                self.pass_beat()
            case _:
                pass

    def time_out(self, reason: str) -> None:
        """Give up the connection. If the tunnel was not up yet, the next try gets more time."""
        if self.tunnel.up_since_s is None:
            self.route.pace.timed_out()
        self.lose(f"{self.gateway}: {reason}", abort=True)
        self.pass_time()

    def pass_beat(self) -> None:
        tunnel, now_s = self.tunnel, self.clock.now_s
        if now_s >= tunnel.hang_due_s(self.route.pace):
            self.time_out("the connection hangs: no answer to a beat")
            return
        if now_s >= tunnel.beat_due_s:
            if tunnel.pulse.may_beat:
                self.actions.append(words.Beat())
            self.count_beat()
        if tunnel.denied and now_s >= tunnel.ask_due_s:
            tunnel.ask_due_s = now_s + ASK_AGAIN_S
            self.ask_again()

    def next_due_s(self) -> float:
        dues = [self.clock.now_s + TICK_S]
        if self.phase in {Phase.WAITING, Phase.CLAIMING, Phase.FORWARDING}:
            dues.append(self.deadline_s)
        elif self.phase is Phase.HOLDING:
            dues.append(self.tunnel.due_s(self.route.pace, self.clock.now_s))
        return min(dues)
