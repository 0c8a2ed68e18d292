"""The last hours and days of forwards at several gateways, added up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.control import past_sums
from checker.control.past_sums import HourSums, Past, PastSums, Source, at_all
from checker.fleet.mirror import Mirror
from checker.model import Hour, NodeName, Port, Tunnel, Watched
from checker.model.sums import Sum
from checker.rows.row import HOURS, NOTHING_MORE, Share
from checker.rows.uptimes import DAY_S, day_at
from checker.state.rows import Batch
from checker.state.store import StateFile, open_store
from checker.state.sums import read_hour

BARN = (NodeName("barn"), Port(20000))
NOW = 1_800_000_000.0
HOUR = int(NOW // 3600)
TODAY = day_at(NOW)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[StateFile]:
    with closing(open_store(tmp_path / "state.db")) as state:
        yield state


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setattr("time.time", lambda: NOW)
    with closing(Mirror(tmp_path / "gw2.db")) as found:
        yield found


def put(mirror: Mirror, hour: int, up_s: float, watched_s: float = 3600.0) -> None:
    mirror.put_sums(str(hour), f"{up_s}", [Sum(*BARN, up_s, watched_s)])


def saw(state: StateFile, hour: int, up_s: float, watched_s: float = 3600.0) -> None:
    one = Hour(node=BARN[0], port=BARN[1], hour=hour, up_s=up_s, watched_s=watched_s)
    state.write(Batch(hours=[one]))


def sums_of(state: StateFile, now: float = NOW) -> PastSums:
    found = PastSums()
    found.read(state, now)
    return found


def pairs(sums: HourSums, last: int) -> list[tuple[float, float]]:
    found = sums.of(BARN, last)
    return [] if found is None else list(zip(*found, strict=True))


def hours(*sources: Source) -> tuple[Share, ...]:
    return at_all(BARN, sources, HOUR).into(NOTHING_MORE).hours


def test_a_node_that_moved_was_up_in_the_morning_here_and_in_the_afternoon_there(
    here: StateFile, mirror: Mirror
) -> None:
    for ago in range(HOURS):
        saw(here, HOUR - ago, 3600.0 if ago > 12 else 1800.0 if ago == 12 else 0.0)
        put(mirror, HOUR - ago, 3600.0 if ago < 12 else 1700.0 if ago == 12 else 0.0)

    found = hours(Source(sums_of(here)), Source(sums_of(mirror.store), has_row=True))

    assert found == (*[1.0] * (HOURS - 13), round(3500 / 3600, 3), *[1.0] * 12)


def test_what_the_gateway_of_the_row_did_not_tell_is_unknown(
    here: StateFile, mirror: Mirror
) -> None:
    saw(here, HOUR, 0.0)
    older = Source(sums_of(mirror.store), has_row=True)

    found = at_all(BARN, [Source(sums_of(here)), older], HOUR)

    assert found == Past()
    assert found.into(NOTHING_MORE) == NOTHING_MORE, "down here means only: not here"
    assert hours(Source(sums_of(here), has_row=True), Source(sums_of(mirror.store)))[-1] == 0.0


def test_the_present_hour_counts_as_up_where_it_goes_on(here: StateFile, mirror: Mirror) -> None:
    saw(here, HOUR, 0.0, 1500.0)
    put(mirror, HOUR, 1000.0, 1000.0)
    there = sums_of(mirror.store)

    assert hours(Source(sums_of(here)), Source(there, 9e9, has_row=True))[-1] == 1.0
    assert hours(Source(sums_of(here)), Source(there, 0.0, has_row=True))[-1] == 0.667


def test_week_and_month_are_those_of_all_gateways(here: StateFile, mirror: Mirror) -> None:
    for state, week_s, month_s in ((here, DAY_S, 0.0), (mirror.store, 2 * DAY_S, DAY_S)):
        days = [
            (*BARN, Watched(day=day_at(NOW - ago * DAY_S), up_s=up_s, watched_s=4 * DAY_S))
            for ago, up_s in ((1, week_s), (20, month_s))
        ]
        state.write(Batch(tunnels=[Tunnel(node=BARN[0], port=BARN[1])], uptime=days))

    sources = [Source(sums_of(here), has_row=True), Source(sums_of(mirror.store))]
    assert at_all(BARN, sources, HOUR).days == (0.75, 0.5)


def test_only_the_hours_that_changed_are_read_again(
    here: StateFile, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    real = read_hour

    def reading(db: object, hour: int) -> list[Sum]:
        read.append(hour)
        return real(db, hour)  # type: ignore[arg-type]

    monkeypatch.setattr(past_sums, "read_hour", reading)
    put(mirror, HOUR - 1, 3600.0)
    put(mirror, HOUR, 10.0)
    saw(here, HOUR, 10.0)
    there, own = sums_of(mirror.store), sums_of(here)
    assert read == [HOUR, HOUR - 1, *range(HOUR, HOUR - HOURS, -1)]

    read.clear()
    put(mirror, HOUR - 5, 1800.0)
    for one, state in ((there, mirror.store), (own, here)):
        one.next_hours = 0.0
        one.read(state, NOW)

    assert read == [HOUR - 5, HOUR, HOUR - 1]
    assert pairs(there.hours, HOUR)[HOURS - 6] == (1800.0, 3600.0)


def test_another_state_file_is_read_from_the_beginning(here: StateFile) -> None:
    saw(here, HOUR, 10.0)
    found = sums_of(here)
    assert not found.is_due(NOW)
    assert found.is_due(NOW + 3600)

    found.start_again()

    assert found.is_due(NOW)
    assert found.hours.of(BARN, HOUR) is None


STEPS = st.lists(
    st.tuples(st.sampled_from([-30, -1, 0, 0, 1, 2, 23, 24, 30]), st.integers(0, 30)), max_size=8
)


@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_the_hours_are_those_that_were_taken_last(steps: list[tuple[int, int]]) -> None:
    """The clock moves by so many hours; then the hour so long ago is taken."""
    sums, now = HourSums(), HOUR
    known: dict[int, float] = {}
    for number, (moved, ago) in enumerate(steps, start=1):
        before, now = now, now + moved
        if not known or now < before or now - before >= HOURS:
            known.clear()
        sums.move_to(now)
        known = {hour: up_s for hour, up_s in known.items() if hour > now - HOURS}
        if ago < HOURS:
            sums.take(now - ago, [Sum(*BARN, float(number), 100.0)])
            known[now - ago] = float(number)
        expected = [known.get(hour, 0.0) for hour in range(now - HOURS + 1, now + 1)]
        assert [up_s for up_s, _ in pairs(sums, now)] == (expected if sums.kept else [])
        later = [up_s for up_s, _ in pairs(sums, now + 2)]
        assert later == ([*expected[2:], 0.0, 0.0] if sums.kept else []), "until it is read again"
