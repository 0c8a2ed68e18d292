"""The sheets by themselves: detail, help, and the choosers of columns and of the sort."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

import reversi_tui
from checker.model import Event, EventKind, NodeName, Port, Status, Watched
from checker.rows.row import Known, Moment, Row
from reversi_tui.rows.columns import COLUMNS, DEFAULTS
from reversi_tui.rows.dossier import Dossier
from reversi_tui.rows.palette import palette
from reversi_tui.screens.columns import ColumnsChooser, Lister
from reversi_tui.screens.detail import Detail
from reversi_tui.screens.help import Help
from reversi_tui.screens.sorting import SortBy
from reversi_tui.widgets.themes import THEMES
from tests.reversi_tui.console.states import EVERY_S, NOW, forward, tunnel

WITHIN_S = 100.0
SIZES = [
    pytest.param((80, 24), id="80x24"),
    pytest.param((60, 15), id="60x15"),
    pytest.param((200, 50), id="200x50"),
]
IDS = [column.id for column in COLUMNS]
USUAL = tuple(column.id for column in DEFAULTS)
MOMENT = Moment(now=NOW, every_s=EVERY_S)
ROW = Row(
    forward=forward("attic", 20010),
    seen=tunnel("attic", 20010, Status.HUNG),
    known=Known(client="reversi-client/1.0", hours=(1.0,) * 24),
)
DOSSIER = Dossier(
    events=tuple(
        Event(
            at=NOW - ago,
            kind=EventKind.STATUS,
            text=f"event-{ago}",
            node=NodeName("attic"),
            port=Port(20010),
        )
        for ago in (300, 200, 100)
    ),
    days=(Watched(day="2025-10-01", up_s=9.0, watched_s=10.0),),
    ssh="ssh -p 20010 root@127.0.0.1",
)


class Host(App[None]):
    """A console without a table."""

    CSS_PATH: ClassVar[Path] = Path(reversi_tui.__file__).with_name("app.tcss")

    def __init__(self) -> None:
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self.answers: list[object] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEMES[0].variables


@asynccontextmanager
async def showing(
    screen: Screen[Any], size: tuple[int, int] = (80, 24)
) -> AsyncIterator[tuple[Host, Pilot[None]]]:
    host = Host()
    async with host.run_test(size=size) as pilot:
        await host.push_screen(screen, host.answers.append)
        await pilot.pause()
        yield host, pilot


def lines(host: Host) -> list[str]:
    return [strip.text.rstrip() for strip in host.screen._compositor.render_strips()]


def text(host: Host) -> str:
    return "\n".join(lines(host))


def reversed_text(host: Host) -> str:
    """What is in reverse on the screen."""
    strips = host.screen._compositor.render_strips()
    found = (
        segment.text
        for strip in strips
        for segment in strip
        if segment.style and segment.style.reverse and segment.style.bold
    )
    return "".join(found)


async def seen(host: Host, pilot: Pilot[None], words: str) -> None:
    """Wait until the words are on the screen."""
    deadline = time.monotonic() + WITHIN_S
    while words not in text(host):
        assert time.monotonic() < deadline, f"{words!r} not within {WITHIN_S} s in:\n{text(host)}"
        await asyncio.sleep(0.02)
        await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
async def test_columns_are_shown_left_out_and_moved_by_keys(size: tuple[int, int]) -> None:
    async with showing(ColumnsChooser(()), size) as (host, pilot):
        assert "[x] node" in text(host)
        assert "…" not in text(host)
        await pilot.press("space")
        await pilot.press("down", "space")
        assert "[ ] port" in text(host)
        await pilot.press("down", "K", "K", "shift+down", "enter")

    assert host.answers == [("node", "target", *USUAL[3:])]


async def test_columns_that_were_chosen_stand_first_and_default_brings_the_others_back() -> None:
    async with showing(ColumnsChooser(("status", "node", "bytes"))) as (host, pilot):
        assert [line.split("]")[1].split()[0] for line in lines(host) if "[x]" in line] == [
            "status",
            "node",
            "bytes",
        ]
        await pilot.press("d")
        assert (
            next(line for line in lines(host) if "[x]" in line).split("]")[1].split()[0] == "node"
        )
        await pilot.press("enter")

    assert host.answers == [()]


async def test_a_choice_that_is_not_changed_is_kept_as_it_is() -> None:
    async with showing(ColumnsChooser(("status", "node", "bytes"))) as (host, pilot):
        await pilot.press("enter")

    assert host.answers == [("status", "node", "bytes")]


async def test_a_wide_column_is_chosen_at_the_end_of_a_small_list() -> None:
    async with showing(ColumnsChooser(()), (60, 15)) as (host, pilot):
        await pilot.press("end", "space")
        assert "[x] probe" in reversed_text(host)
        await pilot.press("J", "home", "enter")

    assert host.answers == [(*USUAL, "probe")]


async def test_leaving_decides_nothing() -> None:
    async with showing(ColumnsChooser(())) as (host, pilot):
        await pilot.press("down", "space", "escape")

    assert host.answers == [None]


async def test_a_click_shows_a_column_and_keeps_nothing_yet() -> None:
    async with showing(ColumnsChooser(())) as (host, pilot):
        await pilot.click(Lister, offset=(5, 2))
        assert "[ ] target" in text(host)
        assert host.answers == []


async def test_a_sort_is_chosen_by_arrows() -> None:
    async with showing(SortBy("node", backwards=False), (60, 15)) as (host, pilot):
        assert "^ node" in reversed_text(host)
        await pilot.press("down", "down", "enter")

    assert host.answers == [(IDS[2], False)]


async def test_a_sort_is_chosen_by_its_letters() -> None:
    async with showing(SortBy("node", backwards=False)) as (host, pilot):
        await pilot.press("p")
        assert "port" in reversed_text(host)
        await pilot.press("e")
        assert "peer" in reversed_text(host)
        assert "Sort by pe" in text(host)
        await pilot.press("l", "enter")

    assert host.answers == [("latency", True)]


async def test_letters_can_be_forgotten() -> None:
    async with showing(SortBy("node", backwards=False)) as (host, pilot):
        await pilot.press("p", "backspace", "i", "enter")

    assert host.answers == [("instance", False)]


@pytest.mark.parametrize("backwards", [False, True])
async def test_the_present_sort_again_is_the_other_way_round(*, backwards: bool) -> None:
    async with showing(SortBy("status", backwards=backwards)) as (host, pilot):
        await pilot.press("enter")

    assert host.answers == [("status", not backwards)]


async def test_leaving_sorts_nothing() -> None:
    async with showing(SortBy("node", backwards=False)) as (host, pilot):
        await pilot.press("down", "escape")

    assert host.answers == [None]


async def test_the_highlighted_line_alone_is_seen_without_colour() -> None:
    async with showing(ColumnsChooser(()), (60, 15)) as (host, pilot):
        await pilot.press("down", "down")
        await pilot.pause()

        assert reversed_text(host).split()[:3] == ["[x]", "target", "Where"]
        assert "node" not in reversed_text(host).split()[:2]


@pytest.mark.parametrize("size", SIZES)
async def test_the_detail_shows_everything_at_every_size(size: tuple[int, int]) -> None:
    detail = Detail(ROW, palette("terminal"))
    async with showing(detail, size) as (host, pilot):
        detail.renew(ROW, MOMENT, DOSSIER)
        await pilot.pause()
        assert "attic port 20010" in text(host)
        assert "✖ hung" in text(host)
        await pilot.press("2")
        await seen(host, pilot, "event-300")
        assert detail.shown.plain.index("event-100") < detail.shown.plain.index("event-300")
        assert all(len(line) <= size[0] for line in lines(host))


async def test_a_detail_follows_its_row_and_outlives_it() -> None:
    detail = Detail(ROW, palette("terminal"))
    async with showing(detail) as (host, pilot):
        detail.renew(
            Row(forward=ROW.forward, seen=tunnel("attic", 20010, Status.UP)), MOMENT, DOSSIER
        )
        detail.renew(None, MOMENT)
        await pilot.pause()
        assert "● up" in text(host)
        assert DOSSIER.ssh in detail.shown.plain


async def test_a_detail_is_written_again_for_another_size() -> None:
    detail = Detail(ROW, palette("terminal"))
    async with showing(detail, (120, 40)) as (host, pilot):
        detail.renew(ROW, MOMENT, DOSSIER)
        await pilot.resize_terminal(60, 15)
        await pilot.pause()
        await pilot.pause()
        assert max(map(len, detail.shown.plain.split("\n"))) <= 56
        assert all(len(line) <= 60 for line in lines(host))


@pytest.mark.parametrize("part", ["#sheet-keys", "#sheet-text, #sheet-page"])
async def test_a_sheet_that_closes_takes_no_more_news(part: str) -> None:
    detail, keys = Detail(ROW, palette("terminal")), Help((), palette("terminal"))
    for sheet in (detail, keys):
        async with showing(sheet):
            await sheet.query(part).remove()
            detail.renew(ROW, MOMENT, DOSSIER)
            keys.paint()

    assert detail.shown.plain == ""


async def test_a_detail_in_ascii_has_nothing_else() -> None:
    detail = Detail(ROW, palette("mono"), ascii_only=True)
    async with showing(detail) as (_, pilot):
        detail.renew(ROW, MOMENT, DOSSIER)
        await pilot.pause()
        assert detail.shown.plain.isascii()
        assert "_" * 24 in detail.shown.plain


@pytest.mark.parametrize("size", SIZES)
async def test_help_has_the_keys_the_filters_and_every_sign(size: tuple[int, int]) -> None:
    sheet = Help(
        (("Act", (("k", "Kill the sshd process [now]"), ("page up, page down", "One page"))),),
        palette("terminal"),
    )
    async with showing(sheet, size) as (host, pilot):
        await pilot.pause()
        assert "Kill the sshd process [now]" in text(host)
        await pilot.press("end")
        await seen(host, pilot, "no daemon watched")
        shown = sheet.shown.plain
        for words in ("latency:>200", "✖ hung", "node*", "stale 5m", "flaps"):
            assert words in shown
        assert max(map(len, shown.split("\n"))) <= size[0] - 4


async def test_help_in_ascii_has_nothing_else() -> None:
    sheet = Help((), palette("mono"), ascii_only=True)
    async with showing(sheet) as (_, pilot):
        await pilot.pause()
        assert sheet.shown.plain.isascii()
