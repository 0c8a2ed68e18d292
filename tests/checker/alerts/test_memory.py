"""What lasts over a restart, and the daily reminder."""

from __future__ import annotations

import json

import pytest

from checker.alerts.memory import MOST_WAYS, Memory, gist, memory_from, memory_text, reminder, turn
from checker.alerts.picture import Picture
from checker.alerts.settings import Settings
from checker.model import InvalidValue
from tests.checker.alerts.fleets import WAY, Admin, down, fine

DAILY = Settings(remind="08:00")


def test_the_memory_survives_as_text() -> None:
    admin = Admin(reachable=False)
    names = [f"n{number}" for number in range(6)]
    admin.watches(*map(down, names), for_s=300)
    admin.watches(*map(fine, names[:3]), *map(down, names[3:]), for_s=300)

    assert memory_from(memory_text(admin.memory)) == admin.memory
    assert admin.memory.ways[WAY].ended


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"schema": 1, "open": [{}]}', "[" * 100_000, '{"open": 3}'],
)
def test_a_file_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="not as we write it"):
        memory_from(text)


def test_an_edited_outage_is_refused() -> None:
    admin = Admin()
    admin.watches(down("a"), for_s=300)
    document = json.loads(memory_text(admin.memory))
    document["open"][0]["surprise"] = 1

    with pytest.raises(InvalidValue, match="not as we write it"):
        memory_from(json.dumps(document))


def test_only_what_matters_is_saved_at_once() -> None:
    admin = Admin()
    admin.watches(down("a"), for_s=50)
    before = gist(admin.memory)

    admin.watches(down("a"), for_s=50)
    assert gist(admin.memory) == before
    admin.watches(down("a"), for_s=100)
    assert gist(admin.memory) != before


def test_a_way_that_comes_back_tells_only_what_is_down_then() -> None:
    admin = Admin()
    admin.watches(down("a"), down("b", 20011), for_s=300)
    for sights in ([down("a"), fine("b", 20011)], [down("a"), fine("b", 20011)]):
        for _ in range(40):
            admin.now += 10
            picture = Picture(now=admin.now, passed_s=10.0, sights=tuple(sights))
            admin.memory = turn(
                admin.memory, picture, admin.settings, keys=["other"], local=admin.local
            )

    admin.watches(down("a"), fine("b", 20011), for_s=100)

    assert admin.titles == ["2 nodes are down"]


def test_ways_of_long_ago_are_forgotten() -> None:
    memory = Memory()

    for number in range(MOST_WAYS + 10):
        picture = Picture(now=0.0, passed_s=1.0)
        memory = turn(memory, picture, Settings(), keys=[str(number)], local="2026-11-26 08:00")

    assert len(memory.ways) == MOST_WAYS
    assert str(MOST_WAYS + 9) in memory.ways


def test_what_is_still_down_is_repeated_once_a_day() -> None:
    admin = Admin(settings=DAILY)
    admin.watches(down("a"), fine("b", 20011), for_s=300)

    for day in (27, 28):
        for clock in ("07:59", "08:00", "08:10", "23:59"):
            admin.local = f"2026-11-{day} {clock}"
            admin.watches(down("a"), fine("b", 20011), for_s=120)

    assert admin.titles == ["a is down", "a is still down", "a is still down"]


def test_without_outages_nothing_is_repeated_neither_then_nor_later() -> None:
    admin = Admin(settings=DAILY)
    admin.watches(fine("a"), for_s=300)

    admin.local = "2026-11-27 08:00"
    admin.watches(fine("a"), for_s=60)
    admin.watches(down("a"), for_s=600)

    assert admin.titles == ["a is down"]
    assert not admin.memory.ways[WAY].is_to_remind


def test_a_muted_outage_is_not_repeated() -> None:
    admin = Admin(settings=DAILY)
    admin.watches(down("a"), for_s=300)

    admin.local = "2026-11-27 08:00"
    admin.watches(down("a", is_muted=True), for_s=600)

    assert admin.titles == ["a is down"]


@pytest.mark.parametrize(
    ("reminded", "local", "after"),
    [
        pytest.param("", "2026-11-26 09:00", ("2026-11-26", False), id="asked for after eight"),
        pytest.param("", "2026-11-26 07:00", ("0000-00-00", False), id="asked for before eight"),
        pytest.param("0000-00-00", "2026-11-26 08:00", ("2026-11-26", True), id="first"),
        pytest.param("2026-11-25", "2026-11-26 07:59", ("2026-11-25", False), id="too early"),
        pytest.param("2026-11-25", "2026-11-26 10:00", ("2026-11-26", True), id="was off"),
        pytest.param("2026-11-26", "2026-11-26 10:00", ("2026-11-26", False), id="done"),
        pytest.param("2038-01-01", "2026-11-26 07:00", ("2026-11-26", False), id="clock was wrong"),
    ],
)
def test_when_a_reminder_is_due(reminded: str, local: str, after: tuple[str, bool]) -> None:
    assert reminder(reminded, "08:00", local) == after
    assert reminder(reminded, "", local) == ("", False)
