"""When forwards are probed: each at its place, never twice at a time, and sooner when asked."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.daemon.schedule import Schedule, phase
from checker.model import Forward, NodeName, Port
from checker.registry.nodes import Registry
from tests.strategies import OFFICE, node

EVERY_S = 20.0


def registry(*groups: tuple[str, tuple[int, ...]]) -> Registry:
    return Registry(
        nodes=MappingProxyType(
            {
                NodeName(name): node(name, number, ports)
                for number, (name, ports) in enumerate(groups)
            }
        )
    )


ONE = registry(("office", (20010,)))


def planned(found: Registry, now: float = 0.0) -> Schedule:
    schedule = Schedule(EVERY_S)
    schedule.use(found, now)
    return schedule


def first_of(schedule: Schedule) -> Forward:
    (forward,) = schedule.ripe(EVERY_S)
    return forward


@given(st.integers(1, 400))
def test_every_forward_is_due_within_an_interval_and_once(count: int) -> None:
    schedule = planned(registry(("office", tuple(range(20000, 20000 + count)))))

    due = schedule.ripe(EVERY_S)

    assert sorted(forward.port for forward in due) == list(range(20000, 20000 + count))
    assert schedule.ripe(EVERY_S) == []


def test_a_place_in_the_interval_is_the_same_after_a_restart() -> None:
    (forward,) = ONE.forwards

    assert phase(forward) == phase(forward)
    assert phase(forward) == pytest.approx(0.0, abs=1.0)
    assert 0 <= phase(forward) < 1


def test_many_forwards_are_spread_over_the_interval() -> None:
    schedule = planned(registry(("office", tuple(range(20000, 21000)))))

    quarters = [len(schedule.ripe(EVERY_S * part / 4)) for part in range(1, 5)]

    assert all(150 < count < 350 for count in quarters)


def test_few_forwards_are_probed_soon() -> None:
    assert len(planned(ONE).ripe(0.05)) == 1


def at_rest(count: int, after_s: float) -> Schedule:
    """A schedule of forwards on whose ports nobody listened."""
    schedule = planned(registry(("office", tuple(range(20000, 20000 + count)))))
    for forward in schedule.ripe(EVERY_S):
        schedule.rest(forward, EVERY_S, after_s)
    return schedule


def test_forwards_that_begin_to_rest_are_spread_over_the_time_until_they_are_judged_again() -> None:
    schedule = at_rest(1000, 6 * EVERY_S)

    counts = [len(schedule.ripe(EVERY_S * part)) for part in range(1, 9)]

    assert counts[0] == 0, "none sooner than without a rest"
    assert all(90 < count < 250 for count in counts[1:7])
    assert sum(counts) == 1000, "each once"


def test_a_forward_that_goes_on_resting_keeps_its_place() -> None:
    schedule = at_rest(1, 100.0)
    at = schedule.at[Port(20000)]

    schedule.rest(schedule.ripe(at)[0], at, 100.0)

    assert schedule.next_at(at) == pytest.approx(at + 100.0)


def test_a_forward_that_was_probed_rests_no_longer() -> None:
    schedule = at_rest(1, 100.0)
    (forward,) = schedule.ripe(200.0)

    schedule.done(forward, 200.0, EVERY_S)

    assert not schedule.resting


def test_a_resting_forward_that_is_changed_is_judged_soon_and_no_other() -> None:
    schedule = at_rest(2, 3600.0)
    changed = replace(
        schedule.registry.nodes[OFFICE], forwards=tuple(schedule.registry.forwards[:1])
    )
    changed = replace(changed, forwards=(replace(changed.forwards[0], deadline_s=9.0),))
    before = schedule.at[Port(20001)]

    schedule.use(
        schedule.registry.with_node(
            replace(
                changed,
                forwards=(
                    *changed.forwards,
                    schedule.registry.forwards[1],
                ),
            )
        ),
        EVERY_S,
    )

    assert schedule.at[Port(20000)] <= 2 * EVERY_S
    assert schedule.at[Port(20001)] == before


def test_a_resting_forward_that_is_removed_is_forgotten() -> None:
    schedule = at_rest(1, 100.0)

    schedule.use(Registry(), EVERY_S)

    assert not schedule.resting


def test_a_forward_that_is_removed_while_it_is_judged_does_not_rest() -> None:
    schedule = planned(ONE)
    forward = first_of(schedule)
    schedule.use(Registry(), EVERY_S)

    schedule.rest(forward, EVERY_S, 100.0)

    assert not schedule.resting


def test_a_forward_under_way_is_not_begun_again() -> None:
    schedule = planned(ONE)
    first_of(schedule)

    schedule.soon(OFFICE, EVERY_S)

    assert schedule.ripe(EVERY_S + 1) == []


def test_the_next_probe_keeps_the_place_in_the_interval() -> None:
    schedule = planned(ONE)
    at = schedule.at[ONE.forwards[0].port]
    forward = first_of(schedule)

    schedule.done(forward, at + 5.0, EVERY_S)

    assert schedule.at[forward.port] == at + EVERY_S


def test_a_forward_whose_place_is_past_gets_one_within_the_next_interval() -> None:
    schedule = planned(ONE)
    forward = first_of(schedule)

    schedule.done(forward, 1000.0, EVERY_S)

    assert 1000.0 <= schedule.at[forward.port] < 1000.0 + EVERY_S


def test_a_probe_that_was_asked_for_meanwhile_keeps_its_time() -> None:
    schedule = planned(ONE)
    forward = first_of(schedule)
    at = schedule.at[forward.port]
    schedule.put(forward.port, at + 7.0)

    schedule.done(forward, at + 5.0, EVERY_S)

    assert schedule.at[forward.port] == at + 7.0


def test_a_nodes_forwards_are_probed_sooner_when_asked_and_no_others() -> None:
    schedule = planned(registry(("office", (20010, 20011)), ("b", (20012,))))
    for forward in schedule.ripe(EVERY_S):
        schedule.done(forward, EVERY_S, EVERY_S)

    schedule.soon(OFFICE, EVERY_S + 0.1)

    assert {forward.port for forward in schedule.ripe(EVERY_S + 0.1)} >= {20010, 20011}


def test_ports_are_probed_at_once_when_asked_and_no_others() -> None:
    schedule = planned(registry(("office", (20010, 20011))))
    for forward in schedule.ripe(EVERY_S):
        schedule.done(forward, EVERY_S, 60.0)

    schedule.at_once([Port(20010), Port(29999)], EVERY_S)

    assert [forward.port for forward in schedule.ripe(EVERY_S)] == [20010]


def test_forwards_that_were_all_asked_for_at_once_find_places_of_their_own_again() -> None:
    ports = range(20000, 20400)
    schedule = planned(registry(("office", tuple(ports))))
    for forward in schedule.ripe(EVERY_S):
        schedule.done(forward, EVERY_S, EVERY_S)

    schedule.at_once([Port(port) for port in ports], EVERY_S)
    for forward in schedule.ripe(EVERY_S):
        schedule.done(forward, EVERY_S, EVERY_S)

    at_most = max(
        sum(begin <= at < begin + EVERY_S / 20 for at in schedule.at.values())
        for begin in (EVERY_S * (1.5 + part / 20) for part in range(10))
    )
    assert min(schedule.at.values()) >= 1.5 * EVERY_S
    assert max(schedule.at.values()) <= 2 * EVERY_S
    assert at_most < 100


def test_asking_never_delays_a_probe() -> None:
    schedule = planned(ONE)
    at = dict(schedule.at)

    schedule.soon(OFFICE, 1000.0)

    assert schedule.at == at


def test_a_forward_that_is_gone_is_no_longer_probed() -> None:
    schedule = planned(ONE)
    forward = first_of(schedule)

    schedule.use(Registry(), 1.0)
    schedule.done(forward, 2.0, EVERY_S)

    assert schedule.ripe(1e6) == []
    assert schedule.overdue_s(1e6) == 0


def test_a_port_given_to_another_node_is_probed_for_that_node() -> None:
    schedule = planned(ONE)

    schedule.use(registry(("b", (20010,))), 1.0)

    assert [forward.node for forward in schedule.ripe(EVERY_S)] == ["b"]


def test_overdue_is_the_wait_of_the_most_overdue_forward() -> None:
    schedule = planned(ONE)
    at = schedule.at[ONE.forwards[0].port]

    assert schedule.overdue_s(at + 3.0) == pytest.approx(3.0)
    assert schedule.overdue_s(at - 1.0) == 0
    first_of(schedule)
    assert schedule.overdue_s(at + 3.0) == 0


def test_a_forward_that_waits_for_its_new_time_is_not_overdue_by_its_old_one() -> None:
    schedule = planned(ONE)
    port = ONE.forwards[0].port

    schedule.put(port, 500.0)

    assert schedule.overdue_s(400.0) == 0
    assert schedule.overdue_s(503.0) == pytest.approx(3.0)


def test_a_forward_that_was_asked_for_during_its_probe_is_overdue_only_after_it() -> None:
    schedule = planned(ONE)
    forward = first_of(schedule)
    schedule.put(forward.port, 500.0)
    assert schedule.overdue_s(600.0) == 0

    schedule.done(forward, 400.0, EVERY_S)

    assert schedule.overdue_s(503.0) == pytest.approx(3.0)


class Life:
    """A random walk of the schedule's calls, with what must always hold."""

    def __init__(self) -> None:
        self.schedule = planned(ONE)
        self.now = 0.0
        self.running: dict[int, Forward] = {}

    def step(self, word: str, amount: float) -> None:
        self.now += amount
        match word:
            case "ripe":
                for forward in self.schedule.ripe(self.now):
                    assert forward.port not in self.running, "two probes of one port at a time"
                    self.running[forward.port] = forward
            case "done":
                for port in list(self.running):
                    self.schedule.done(self.running.pop(port), self.now, EVERY_S)
            case "soon":
                self.schedule.soon(OFFICE, self.now + amount)
            case "more":
                self.schedule.use(registry(("office", (20010, 20011)), ("b", (20012,))), self.now)
            case _:
                self.schedule.use(ONE, self.now)


@given(
    st.lists(
        st.tuples(st.sampled_from(["ripe", "done", "soon", "more", "less"]), st.floats(0, 30)),
        max_size=60,
    )
)
def test_no_port_is_probed_twice_at_a_time_and_none_is_forgotten(
    steps: list[tuple[str, float]],
) -> None:
    life = Life()
    for word, amount in steps:
        life.step(word, amount)
    life.step("done", 0.0)

    due = life.schedule.ripe(life.now + 3 * EVERY_S)

    assert {forward.port for forward in due} == set(life.schedule.forwards)


GROUPS = st.dictionaries(
    st.sampled_from(["barn", "dock", "mill"]),
    st.lists(st.integers(20010, 20013), unique=True, max_size=2).map(tuple),
)


@given(st.lists(st.tuples(GROUPS, st.booleans(), st.booleans()), max_size=6))
def test_after_changes_the_same_forwards_are_due_as_if_all_were_new(
    several: list[tuple[dict[str, tuple[int, ...]], bool, bool]],
) -> None:
    schedule = planned(Registry())
    for now, (groups, is_broken, has_others) in enumerate(several):
        found = registry(*groups.items())
        if not is_broken and len({one.port for one in found.forwards}) < len(found.forwards):
            continue
        before = dict(schedule.at)
        broken = frozenset({NodeName("bad")}) if is_broken else frozenset()
        others = registry(("club", (20013, 20014))).forwards if has_others else ()
        found = replace(found, broken=broken)
        schedule.use(found, float(now), others)

        whole = Schedule(EVERY_S)
        whole.use(found, 0.0, others)
        assert schedule.forwards == whole.forwards
        assert schedule.at.keys() == whole.at.keys()
        assert all(schedule.at.get(port, at) == at for port, at in before.items())
