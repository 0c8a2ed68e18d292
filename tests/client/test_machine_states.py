"""Invariants of the machine, under any events in any order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from client import words
from client.machine import LONGEST_WAIT_S, TICK_S, Machine, Phase
from client.pulse import MOST_OWED
from client.words import State
from tests.client import samples

PORTS = frozenset({20010, 20011})
LONGEST_S = LONGEST_WAIT_S * 1.25


class AnyLife(RuleBasedStateMachine):
    """A link and a gateway that do anything at any time, and a clock that may jump."""

    def __init__(self) -> None:
        super().__init__()
        self.fraction = 0.5
        config = replace(samples.config(), check_every_s=3.0)
        self.machine = Machine(config, lambda low, high: low + self.fraction * (high - low))
        self.now_s, self.wall_s = 1000.0, 5000.0
        self.open: int | None = None
        self.logged_in = False
        self.claimed: int | None = None
        self.unanswered = 0
        self.jumped = False
        self.drops = 0
        self.handle(words.Tick())

    def handle(self, event: words.Event) -> None:
        for action in self.machine.handle(
            event, words.Moment(monotonic_s=self.now_s, wall_s=self.wall_s)
        ):
            match action:
                case words.Connect(connection=connection):
                    assert self.open is None, "two connections at once"
                    self.open, self.logged_in, self.unanswered = connection, False, 0
                case words.Drop():
                    self.open, self.logged_in = None, False
                    self.drops += 1
                case words.Say(text=text):
                    assert text
                    assert "\n" not in text
                case words.Listen(ports=ports):
                    assert ports
                    assert self.logged_in
                case words.Hold() | words.Beat():
                    assert self.logged_in
                    self.unanswered += 1
                    assert self.unanswered <= MOST_OWED, "beats without end"
                case words.Claim():
                    assert self.logged_in
                    assert self.claimed != self.open, "a second claim on one connection"
                    self.claimed = self.open

    def step(self, seconds: float) -> None:
        self.now_s += seconds
        self.wall_s += seconds

    @rule(fraction=st.floats(0, 1))
    def luck(self, fraction: float) -> None:
        self.fraction = fraction

    @rule(part=st.floats(0, 1))
    def time_passes(self, part: float) -> None:
        self.step(max(self.machine.due_s - self.now_s, 0.0) * part + 0.001)
        self.handle(words.Tick())

    @rule()
    def time_is_due(self) -> None:
        self.step(max(self.machine.due_s - self.now_s, 0.001))
        self.handle(words.Tick())

    @rule(seconds=st.floats(-1e6, 1e6))
    def the_clock_jumps(self, seconds: float) -> None:
        self.wall_s += seconds
        self.handle(words.Tick())

    @precondition(lambda self: self.open is not None and not self.logged_in)
    @rule()
    def the_login_works(self) -> None:
        assert self.open is not None
        self.logged_in = True
        self.handle(words.Connected(connection=self.open))

    @precondition(lambda self: self.open is not None and not self.logged_in)
    @rule(failure=st.sampled_from(words.Failure))
    def the_login_fails(self, failure: words.Failure) -> None:
        assert self.open is not None
        connection, self.open = self.open, None
        self.handle(words.Failed(connection=connection, failure=failure, reason="away"))

    @precondition(lambda self: self.open is not None and not self.logged_in)
    @rule(denied=st.sampled_from([frozenset[int](), frozenset({20010}), frozenset({20011})]))
    def the_tunnel_comes_up(self, denied: frozenset[int]) -> None:
        self.the_login_works()
        assert self.open is not None
        self.handle(words.Claimed(connection=self.open, wait_s=0))
        self.handle(words.Listened(connection=self.open, listening=PORTS - denied, denied=denied))
        if self.machine.phase is Phase.CLAIMING:
            self.handle(words.Claimed(connection=self.open, wait_s=0))
            self.handle(words.Listened(connection=self.open, listening=frozenset(), denied=denied))
        assert self.machine.phase is Phase.HOLDING

    @precondition(lambda self: self.machine.phase is Phase.CLAIMING)
    @rule(wait_s=st.sampled_from([0, 0, 0, 1, 60, 999_999]))
    def claim_is_answered(self, wait_s: int) -> None:
        assert self.open is not None
        self.handle(words.Claimed(connection=self.open, wait_s=wait_s))

    @precondition(lambda self: self.machine.phase is Phase.FORWARDING or self.machine.tunnel.asking)
    @rule(listening=st.frozensets(st.sampled_from(sorted(PORTS))))
    def ports_are_answered(self, listening: frozenset[int]) -> None:
        assert self.open is not None
        asked = self.machine.tunnel.denied or PORTS
        self.handle(
            words.Listened(
                connection=self.open, listening=listening & asked, denied=asked - listening
            )
        )

    @precondition(lambda self: self.machine.phase is Phase.HOLDING and self.unanswered > 0)
    @rule()
    def a_healthy_verdict_changes_no_connection(self) -> None:
        assert self.open is not None
        connection, drops, self.unanswered = self.open, self.drops, 0
        self.handle(words.Answered(connection=connection, wait_s=0))
        assert (self.open, self.drops) == (connection, drops)
        assert self.machine.view().state in {State.UP, State.PARTIAL}

    @precondition(lambda self: self.machine.phase is Phase.HOLDING and self.unanswered > 0)
    @rule(wait_s=st.integers(1, 999_999))
    def a_bad_verdict_ends_a_whole_tunnel_and_keeps_a_partial_one(self, wait_s: int) -> None:
        assert self.open is not None
        connection, denied, self.unanswered = self.open, self.machine.tunnel.denied, 0
        self.handle(words.Answered(connection=connection, wait_s=wait_s))
        assert (self.open == connection) == bool(denied)

    @precondition(lambda self: self.machine.phase is Phase.HOLDING and self.unanswered > 0)
    @rule(wait_s=st.integers(1, 999_999))
    def an_unsure_verdict_leads_to_another_connection(self, wait_s: int) -> None:
        assert self.open is not None
        connection = self.open
        self.handle(words.Answered(connection=connection, wait_s=wait_s, is_sure=False))
        assert self.open == connection + 1

    @precondition(lambda self: self.logged_in)
    @rule(drains=st.booleans())
    def the_connection_is_lost(self, drains: bool) -> None:
        assert self.open is not None
        connection, self.open, self.logged_in = self.open, None, False
        self.handle(words.Lost(connection=connection, reason="gone", drains=drains))

    @precondition(lambda self: self.machine.connection > 1)
    @rule(event=st.sampled_from(["lost", "failed", "answered", "connected"]))
    def an_old_connection_speaks(self, event: str) -> None:
        old, before = self.machine.connection - 1, (self.open, self.machine.phase)
        events: dict[str, words.Event] = {
            "lost": words.Lost(connection=old, reason="late"),
            "failed": words.Failed(connection=old, failure=words.Failure.DENIED, reason="late"),
            "answered": words.Answered(connection=old, wait_s=9),
            "connected": words.Connected(connection=old),
        }
        self.handle(events[event])
        assert (self.open, self.machine.phase) == before

    @invariant()
    def it_is_woken_soon(self) -> None:
        assert self.machine.due_s <= self.now_s + TICK_S

    @invariant()
    def a_wait_is_bounded(self) -> None:
        if self.machine.phase is Phase.WAITING:
            assert self.now_s < self.machine.deadline_s <= self.now_s + LONGEST_S

    @invariant()
    def it_is_either_waiting_or_connected(self) -> None:
        assert (self.machine.phase is Phase.WAITING) == (self.open is None)

    @invariant()
    def each_port_is_listening_or_denied_while_it_holds(self) -> None:
        if self.machine.phase is Phase.HOLDING:
            view = self.machine.view()
            assert view.listening | view.denied == PORTS
            assert not view.listening & view.denied


AnyLife.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAnyLife = AnyLife.TestCase
