"""The figures of the uptime screen: their order, columns and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

import pytest

from checker.model import NodeName, Port, Watched
from checker.rows.filter import parse_filter
from checker.rows.row import Moment, Row
from checker.rows.uptimes import Days, Reported, share, start_of
from reversi_tui.rows.uptime_figures import (
    Figure,
    Order,
    csv_text,
    figures,
    filter_for,
    fitted,
    title_text,
    total,
    worst_text,
)
from tests.reversi_tui.console.states import forward, tunnel

NOW = start_of("2026-11-26") + 3600


def did(node: str, *days: tuple[str, float], lost_s: float = 0.0, lately: float = 1.0) -> Reported:
    """A forward that was up for these shares of these days."""
    return Reported(
        forward=forward(node, 20010),
        days=tuple(Watched(day=day, up_s=100.0 * part, watched_s=100.0) for day, part in days),
        losses=int(lost_s > 0),
        longest_s=lost_s,
        lately=Watched(day="", up_s=lately, watched_s=1.0),
    )


OLD = did("attic", ("2026-11-01", 0.0), ("2026-11-25", 1.0), lost_s=90.0)
NEW = did("barn", ("2026-11-01", 1.0), ("2026-11-25", 0.9), lost_s=10.0, lately=0.5)
WELL = did("cellar", ("2026-11-01", 1.0), ("2026-11-25", 1.0))
NEVER = Reported(forward=forward("dock", 20010))


@pytest.mark.parametrize(
    ("order", "nodes"),
    [
        pytest.param(Order.DAY, "barn attic cellar dock", id="24 hours"),
        pytest.param(Order.WEEK, "barn attic cellar dock", id="7 days"),
        pytest.param(Order.MONTH, "attic barn cellar dock", id="30 days"),
        pytest.param(Order.LOSSES, "attic barn cellar dock", id="losses, then 30 days"),
        pytest.param(Order.LONGEST, "attic barn cellar dock", id="longest outage"),
    ],
)
def test_the_worst_come_first_and_what_nobody_watched_last(order: Order, nodes: str) -> None:
    found = figures((NEVER, WELL, NEW, OLD), NOW, order)

    assert [figure.name for figure in found] == nodes.split()


class Unlisted(Days):
    """Days that nobody may take one by one."""

    def __iter__(self) -> Iterator[Watched]:
        raise AssertionError("150,000 days were made into tuples")


@pytest.mark.parametrize(
    "shares",
    [
        pytest.param([1.0, 0.5, 0.9, 0.5, 1.0], id="the newest of two"),
        pytest.param([None, 0.25, None, 0.75], id="days without a daemon"),
        pytest.param([None, None], id="never watched"),
        pytest.param([0.0, 1.0, 0.0], id="down"),
        pytest.param([1.0], id="one day"),
        pytest.param([], id="no day"),
    ],
)
def test_a_forward_is_summed_up_without_looking_at_each_day(shares: list[float | None]) -> None:
    days = [
        Watched(f"2026-11-{19 + at}", 100.0 * (part or 0.0), 0.0 if part is None else 100.0)
        for at, part in enumerate(shares)
    ]
    watched = [day for day in days if day.watched_s]
    worst = min(reversed(watched), key=lambda day: day.up_s, default=None)

    (found,) = figures((replace(NEVER, days=Unlisted(days)),), NOW, Order.WEEK)

    assert (found.month, found.week) == (share(days), share(days[1:]))
    assert (found.worst_day, found.worst) == ((worst.day, share([worst])) if worst else ("", None))


def test_a_figure_has_each_span_and_the_worst_day() -> None:
    (found,) = figures((OLD,), NOW, Order.WEEK)

    assert found == Figure(
        key=(NodeName("attic"), Port(20010)),
        name="attic",
        place="20010",
        target="127.0.0.1:22",
        day=1.0,
        week=1.0,
        month=0.5,
        worst_day="2026-11-01",
        worst=0.0,
        losses=1,
        longest_s=90.0,
    )
    assert worst_text(found) == "11-01 0.00"
    assert worst_text(figures((WELL,), NOW, Order.WEEK)[0]) == "-"


def test_tags_sum_up_their_forwards() -> None:
    tags = {NodeName("attic"): ("site-a",), NodeName("barn"): ("site-a",)}

    found = figures((OLD, NEW, WELL), NOW, Order.MONTH, tags)

    assert [(each.id, each.place, each.target, each.losses) for each in found] == [
        ("site-a", "2", "2", 2),
        ("-", "1", "1", 0),
    ]


def test_the_filter_of_a_tag_shows_what_its_line_sums_up() -> None:
    plain = Row(forward=forward("attic", 20010), seen=tunnel("attic", 20010))
    tagged = replace(plain, tags=("site-a",))
    moment = Moment(now=NOW, every_s=20.0)

    for tag, found in (("site-a", [False, True]), ("-", [True, False])):
        shows = parse_filter(filter_for(tag)).shows
        assert [shows(row, moment) for row in (plain, tagged)] == found


@pytest.mark.parametrize("by_tag", [False, True])
def test_the_columns_fit_and_make_room_for_the_name(by_tag: bool) -> None:
    for width in range(20, 220):
        cells = fitted(width, (30, 30), by_tag=by_tag)

        assert total(cells) - 1 <= width
        assert cells[0].width >= 12 or width < 27
    titles = [cell.title for cell in fitted(59, (30, 30), by_tag=by_tag)]
    assert "worst day %" not in titles
    assert "7 d %" in titles


def test_csv_has_a_header_and_empty_cells_for_what_is_not_known() -> None:
    found = figures((OLD, NEVER), NOW, Order.WEEK)

    attic, dock = csv.DictReader(io.StringIO(csv_text(found, by_tag=False), newline=""))

    assert attic == {
        "node": "attic",
        "port": "20010",
        "target": "127.0.0.1:22",
        "day_percent": "100.00",
        "week_percent": "100.00",
        "month_percent": "50.00",
        "worst_day": "2026-11-01",
        "worst_percent": "0.00",
        "losses": "1",
        "longest_outage_s": "90",
    }
    assert (dock["week_percent"], dock["worst_day"], dock["losses"]) == ("", "", "0")


def test_the_title_says_what_is_shown() -> None:
    title = title_text(10, 40, by_tag=False, order=Order.WEEK, filtered="tag:site-a")

    assert title == (
        "Uptime by 7 d, worst first: 10 of 40 forwards; filter: tag:site-a;"
        " percent of the time watched, UTC days"
    )


@pytest.mark.parametrize(
    ("by_tag", "count", "words"),
    [
        pytest.param(True, 1, "1 tag;", id="one-tag"),
        pytest.param(False, 1, "1 forward;", id="one-forward"),
        pytest.param(True, 2, "2 tags;", id="tags"),
    ],
)
def test_the_title_counts_in_plain_words(by_tag: bool, count: int, words: str) -> None:
    title = title_text(count, 40 if by_tag else count, by_tag=by_tag, order=Order.WEEK, filtered="")

    assert f"worst first: {words}" in title


def test_the_line_of_forwards_without_a_tag_says_so() -> None:
    (untagged,) = figures((OLD,), NOW, Order.WEEK, {})
    name = fitted(80, (1, 1), by_tag=True)[0]

    assert name.text(untagged) == "(none)"
