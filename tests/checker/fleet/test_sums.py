"""How long forwards were up, as it travels: only what changed, page by page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.fleet import summing
from checker.fleet.answering import Answering
from checker.fleet.bus import NobodyAnswered
from checker.fleet.looking import Looking
from checker.fleet.mirror import Mirror
from checker.fleet.past import Past, parse_past, past_body
from checker.fleet.sayings import PAST, Question, ask_subject, parse_question, question_body
from checker.fleet.summing import Summing
from checker.fleet.sums import (
    MARKS,
    Marks,
    Sums,
    about_marks,
    parse_marks,
    parse_sums,
    period_of,
    sums_body,
    wanted,
)
from checker.fleet.telling import Teller
from checker.model import Event, EventKind, Hour, InvalidValue, NodeName, Port, Tunnel, Watched
from checker.model.gateway_id import GatewayId
from checker.model.sums import Sum
from checker.rows.uptimes import DAY_S, day_at
from checker.state.ages import is_material
from checker.state.rows import Batch
from checker.state.store import StateFile, open_store

S = TypeVar("S", Marks, Sums)
GW2 = GatewayId("gw2")
NOW = 1_800_000_000.0
HOUR = int(NOW // 3600)
TODAY = day_at(NOW)
SUMS = st.builds(
    Sum,
    st.sampled_from([NodeName("barn"), NodeName("north-2")]),
    st.integers(1, 65535).map(Port),
    st.integers(0, 1800).map(lambda tenths: tenths / 10),
    st.integers(1800, 36000).map(lambda tenths: tenths / 10),
)


@settings(max_examples=50, deadline=None)
@given(sums=st.lists(SUMS, max_size=5), period=st.sampled_from(["492731", "2026-11-27"]))
def test_sums_read_as_they_were_told(sums: list[Sum], period: str) -> None:
    told = Sums(nonce="n", period=period, sums=tuple(sums), has_more=True)

    assert parse_sums(sums_body(told)) == told


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(["barn", 1, 9.0, 8.0], id="up longer than watched"),
        pytest.param(["barn", 1, 0.0, 4000.0], id="longer than an hour"),
        pytest.param(["barn", 1, -1.0, 8.0], id="negative"),
        pytest.param(["barn", 1, True, 8.0], id="no number"),
        pytest.param(["barn", 0, 1.0, 8.0], id="no port"),
        pytest.param(["../barn", 1, 1.0, 8.0], id="no name"),
        pytest.param(["barn", 1, 1.0], id="too few values"),
        pytest.param("barn", id="no list"),
    ],
)
def test_a_sum_that_is_not_as_we_write_it_is_left_out(one: object) -> None:
    good = ["barn", 20000, 1.5, 2.5]
    body = json.dumps({"nonce": "n", "period": "492731", "sums": [one, good]}).encode()

    assert parse_sums(body).sums == (Sum(NodeName("barn"), Port(20000), 1.5, 2.5),)


@pytest.mark.parametrize(
    "text", ["", "007", "-1", "2026-11-31", "20261127", "٣", "x" * 11, "2026-W48"]
)
def test_another_word_is_not_a_period(text: str) -> None:
    if text == "20261127":
        assert period_of(text) == text, "the number of an hour"
        return
    with pytest.raises(InvalidValue):
        period_of(text)


@pytest.mark.parametrize(
    ("told", "mine", "found"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param({str(HOUR): "a"}, {str(HOUR): "a"}, [], id="the same"),
        pytest.param(
            {TODAY: "a", str(HOUR - 1): "b", str(HOUR): "c", day_at(NOW - DAY_S): "d"},
            {str(HOUR): "older"},
            [str(HOUR), str(HOUR - 1), TODAY, day_at(NOW - DAY_S)],
            id="hours before days, the newest first",
        ),
        pytest.param(
            {str(HOUR - 25): "a", str(HOUR + 3): "b", day_at(NOW - 31 * DAY_S): "c"},
            {},
            [],
            id="what no gateway tells now",
        ),
        pytest.param(
            {str(HOUR - 24): "a", str(HOUR + 2): "b", day_at(NOW - 30 * DAY_S): "c"},
            {},
            [str(HOUR + 2), str(HOUR - 24), day_at(NOW - 30 * DAY_S)],
            id="the oldest, and a clock that is ahead",
        ),
    ],
)
def test_only_what_changed_is_asked_for(
    told: Mapping[str, str], mine: Mapping[str, str], found: list[str]
) -> None:
    assert wanted(told, mine, NOW) == found


def test_an_older_gateway_and_an_older_asker_are_understood() -> None:
    event = Event(id=7, at=1.0, kind=EventKind.KILL, text="x")
    question = about_marks()
    answer = past_body(Past(epoch="e", after=question.since, last=question.since, nonce="n"))

    assert parse_marks(answer).marks == {}
    assert "about" not in json.loads(question_body(Question(nonce="n", since=6)))
    assert parse_past(past_body(Past(epoch="e", after=6, last=7, events=[event]))).events == (
        event,
    )


# --- the mirror


@dataclass(kw_only=True)
class Other:
    """The other gateway: it answers from its state file. `asked`: what, in order."""

    state: StateFile
    answering: Answering
    asked: list[str] = field(default_factory=list)
    trouble: Callable[[], Exception] | None = None

    async def answer(self, question: Question, parse: Callable[[bytes], S]) -> S:
        """Answer as over the bus, but without a signature."""
        self.asked.append(question.about)
        if self.trouble is not None:
            raise self.trouble()
        return parse(self.answering.sums(parse_question(question_body(question))))

    def hour(self, name: str, hour: int, up_s: float, watched_s: float = 600.0) -> None:
        node, port = NodeName(name), Port(20000)
        one = Hour(node=node, port=port, hour=hour, up_s=up_s, watched_s=watched_s)
        self.state.write(Batch(tunnels=[Tunnel(node=node, port=port)], hours=[one]))

    def day(self, name: str, day: str, up_s: float) -> None:
        node, port = NodeName(name), Port(20000)
        one = (node, port, Watched(day=day, up_s=up_s, watched_s=1000.0))
        self.state.write(Batch(tunnels=[Tunnel(node=node, port=port)], uptime=[one]))


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Other]:
    path = tmp_path / "state.db"
    teller = Teller(epoch="e", is_material=is_material)
    with closing(open_store(path)) as state:
        looking = Looking(path)
        yield Other(
            state=state,
            answering=Answering(GW2, None, looking, lambda: teller, lambda: 0),  # type: ignore[arg-type]
        )


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with closing(Mirror(tmp_path / "gw2.db")) as found:
        yield found


@pytest.fixture
def asker(mirror: Mirror, other: Other, monkeypatch: pytest.MonkeyPatch) -> Summing:
    monkeypatch.setattr(summing, "LONGEST_TURN_S", 60.0)
    monkeypatch.setattr("checker.fleet.answering.MARKS_EVERY_S", 0.0)
    return Summing(mirror, other.answer)


def hours_of(mirror: Mirror) -> dict[tuple[str, int], tuple[float, float]]:
    return {
        (one.node, one.hour): (one.up_s, one.watched_s) for one in mirror.store.hours(since_hour=0)
    }


def days_of(mirror: Mirror, name: str) -> list[tuple[str, float]]:
    found = mirror.store.uptime(NodeName(name), Port(20000), since_day="")
    return [(one.day, one.up_s) for one in found]


async def test_only_periods_that_changed_travel(
    asker: Summing, mirror: Mirror, other: Other
) -> None:
    now = time.time()
    hour, today = int(now // 3600), day_at(now)
    other.hour("barn", hour - 1, 500.0)
    other.hour("barn", hour, 100.0)
    other.hour("barn", hour - 30, 100.0)
    other.day("barn", today, 600.0)
    await asker.turn()
    assert other.asked == ["marks", str(hour), str(hour - 1), today]
    assert hours_of(mirror) == {("barn", hour): (100.0, 600.0), ("barn", hour - 1): (500.0, 600.0)}
    assert days_of(mirror, "barn") == [(today, 600.0)]

    await asker.turn()
    assert len(other.asked) == 4, "it is not time yet"
    other.asked.clear()
    other.hour("barn", hour, 20.0, 300.0)
    other.day("barn", today, 100.0)
    asker.next_hours = 0.0
    await asker.turn()

    assert other.asked == ["marks", str(hour)], "days come more seldom"
    assert hours_of(mirror)["barn", hour] == (120.0, 900.0)
    asker.next_hours = asker.next_days = 0.0
    await asker.turn()
    assert days_of(mirror, "barn") == [(today, 700.0)]


async def test_a_large_period_comes_in_pages_and_replaces_what_was_there(
    asker: Summing, mirror: Mirror, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checker.fleet.answering.MOST_SUMS", 2)
    now = time.time()
    hour, day = int(now // 3600), day_at(now - DAY_S)
    for name in ("a", "b", "c", "d", "e"):
        other.hour(name, hour, 60.0)
        other.day(name, day, 70.0)
    await asker.turn()
    assert [name for name, _ in hours_of(mirror)] == ["a", "b", "c", "d", "e"]
    assert days_of(mirror, "e") == [(day, 70.0)]

    with other.state.using() as db:
        db.execute("DELETE FROM hour WHERE node = 'b'")
    asker.next_hours = 0.0
    await asker.turn()

    assert [name for name, _ in hours_of(mirror)] == ["a", "c", "d", "e"]


async def test_a_question_that_fails_is_not_asked_again_at_once(
    asker: Summing, mirror: Mirror, other: Other
) -> None:
    hour = int(time.time() // 3600)
    other.hour("barn", hour, 100.0)
    other.trouble = lambda: NobodyAnswered("nobody")
    await asker.turn()
    await asker.turn()
    assert other.asked == ["marks"]

    other.trouble = None
    asker.next_hours = 0.0
    await asker.turn()

    assert len(hours_of(mirror)) == 1


async def test_an_answer_about_another_period_changes_nothing(
    asker: Summing, mirror: Mirror, other: Other
) -> None:
    hour = int(time.time() // 3600)
    other.hour("barn", hour, 100.0)

    async def about_another(question: Question, parse: Callable[[bytes], S]) -> S:
        is_marks = question.about == MARKS
        return await other.answer(
            question if is_marks else replace(question, about=str(hour - 1)), parse
        )

    asker.answer = about_another
    with pytest.raises(InvalidValue):
        await asker.turn()

    assert hours_of(mirror) == {}
    assert not asker.waiting


async def test_a_gateway_without_a_state_file_tells_nothing(tmp_path: Path, mirror: Mirror) -> None:
    looking = Looking(tmp_path / "missing.db")
    other = Other(
        state=mirror.store,
        answering=Answering(GW2, None, looking, lambda: None, lambda: 0),  # type: ignore[arg-type, return-value]
    )
    asker = Summing(mirror, other.answer)

    await asker.turn()

    assert hours_of(mirror) == {}
    assert looking.sums("1", ("", 0), 5) == []


def test_old_sums_go_from_a_mirror_as_from_a_state_file(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(now: float, period: str) -> None:
        monkeypatch.setattr(time, "time", lambda: now)
        mirror.put_sums(period, "m", [Sum(NodeName("barn"), Port(20000), 1.0, 2.0)])

    put(NOW, str(HOUR))
    put(NOW, TODAY)
    put(NOW + 47 * 3600, str(HOUR + 47))
    put(NOW + 400 * DAY_S, day_at(NOW + 400 * DAY_S))
    assert (len(hours_of(mirror)), len(days_of(mirror, "barn"))) == (2, 2)

    put(NOW + 48 * 3600, str(HOUR + 48))
    put(NOW + 401 * DAY_S, day_at(NOW + 401 * DAY_S))

    assert [hour for _, hour in hours_of(mirror)] == [HOUR + 47, HOUR + 48]
    assert TODAY not in dict(days_of(mirror, "barn"))
    assert mirror.summed().keys() == {
        str(HOUR + 47),
        str(HOUR + 48),
        day_at(NOW + 400 * DAY_S),
        day_at(NOW + 401 * DAY_S),
    }


def test_the_question_goes_where_every_bus_allows_it() -> None:
    """So a reader's machine needs no new configuration of its nats-server."""
    from checker.fleet.bus_config import reader_rights

    assert ask_subject(GW2, PAST).replace("gw2", "*") in json.loads(reader_rights())["publish"]
