"""A machine with a clock that the test controls."""

from __future__ import annotations

from client import words
from client.machine import Machine
from tests.client import samples

PORTS = frozenset({20010, 20011})


class Life:
    """Feed events to the machine, and keep its log lines."""

    def __init__(self, fraction: float = 0.5) -> None:
        self.machine = Machine(samples.config(), lambda low, high: low + fraction * (high - low))
        self.now_s, self.wall_s = 1000.0, 5000.0
        self.said: list[str] = []
        self.counters: tuple[int, int, int] | None = None
        """Received, acknowledged and queued bytes; None: the machine gets no counters."""

    @property
    def connection(self) -> int:
        return self.machine.connection

    def handle(self, event: words.Event) -> list[words.Action]:
        """Handle an event; return the actions without those that only log."""
        moment = words.Moment(monotonic_s=self.now_s, wall_s=self.wall_s)
        actions = self.machine.handle(event, moment)
        self.said += [action.text for action in actions if isinstance(action, words.Say)]
        return [action for action in actions if not isinstance(action, words.Say)]

    def sleep(self, seconds: float) -> list[words.Action]:
        """Let time pass with ticks, as the runner does; return all actions."""
        end_s = self.now_s + seconds
        actions: list[words.Action] = []
        while self.now_s < end_s:
            step_s = max(min(self.machine.due_s, end_s) - self.now_s, 0.001)
            self.now_s += step_s
            self.wall_s += step_s
            if self.counters is not None:
                actions += self.move()
            actions += self.handle(words.Tick())
        return actions

    def move(self, received: int = 0, acked: int = 0, sent: int = 0) -> list[words.Action]:
        """Advance the counters by so many bytes, and post them."""
        before = self.counters or (0, 0, 0)
        self.counters = before[0] + received, before[1] + acked, before[2] + sent - acked
        received, acked, queued = self.counters
        return self.handle(
            words.Moved(
                connection=self.connection,
                received=received,
                arrived=acked,
                acked=acked,
                queued=queued,
            )
        )

    def until_connect(self) -> float:
        """Sleep until the next try; return the seconds."""
        began_s = self.now_s
        while not any(
            isinstance(action, words.Connect)
            for action in self.sleep(max(self.machine.due_s - self.now_s, 0.001))
        ):
            assert self.now_s - began_s < 5000
        return self.now_s - began_s

    def start(self) -> None:
        (action,) = self.handle(words.Tick())
        assert isinstance(action, words.Connect)
        assert (action.connection, action.gateway) == (1, self.machine.config.gateways[0])

    def claim(self) -> None:
        """Log in, and get to a claim: if none is due, by a denial of all ports."""
        actions = self.handle(words.Connected(connection=self.connection))
        if actions == [words.Listen(ports=PORTS)]:
            actions = self.handle(self.listened(PORTS))
        assert actions == [words.Claim()]

    def forward(self) -> None:
        """Log in, and claim if that is due; then the client asks for its ports."""
        first = self.handle(words.Connected(connection=self.connection))
        if first == [words.Claim()]:
            first = self.handle(words.Claimed(connection=self.connection, wait_s=0))
        assert first == [words.Listen(ports=PORTS)]

    def hold(self, denied: frozenset[int] = frozenset()) -> None:
        self.forward()
        actions = self.handle(self.listened(denied))
        if actions == [words.Claim()]:
            again = self.handle(words.Claimed(connection=self.connection, wait_s=0))
            assert again == [words.Listen(ports=denied)]
            actions = self.handle(
                words.Listened(connection=self.connection, listening=frozenset(), denied=denied)
            )
        assert actions == [words.Hold()]

    def come_up(self, denied: frozenset[int] = frozenset()) -> None:
        self.hold(denied)
        assert self.answer(0) == []

    def listened(self, denied: frozenset[int] = frozenset()) -> words.Listened:
        return words.Listened(connection=self.connection, listening=PORTS - denied, denied=denied)

    def answer(self, wait_s: int, *, is_sure: bool = True) -> list[words.Action]:
        return self.handle(
            words.Answered(connection=self.connection, wait_s=wait_s, is_sure=is_sure)
        )

    def fail(self, failure: words.Failure = words.Failure.UNREACHABLE) -> list[words.Action]:
        return self.handle(words.Failed(connection=self.connection, failure=failure, reason="away"))

    def lose(self) -> list[words.Action]:
        return self.handle(words.Lost(connection=self.connection, reason="gone"))

    def live(self, seconds: float) -> None:
        """Keep a healthy tunnel for those seconds."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            if words.Beat() in self.sleep(1.0):
                assert self.answer(0) == []
