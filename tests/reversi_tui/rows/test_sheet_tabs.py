"""The tabs of the sheet, as values."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import pytest

from checker.model import Event, EventKind, NodeName, Port, Status, Usage, Watched
from checker.rows.row import Known, Moment, Row, Whereabouts
from reversi_tui.rows.dossier import Dossier, Paper
from reversi_tui.rows.palette import palette
from reversi_tui.rows.sheet_tabs import TABS, Tab, tab_text, tabs_line
from tests.reversi_tui.console.states import EVERY_S, NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=EVERY_S)
ROW = Row(
    forward=forward("attic", 20010),
    seen=replace(tunnel("attic", 20010, Status.HUNG), answer="SSH-2.0-dropbear\\x0d\\x0a"),
    known=Known(hours=(1.0,) * 24),
)
DAYS = tuple(
    Watched(day=time.strftime("%Y-%m-%d", time.gmtime(NOW - ago * 86400)), up_s=up, watched_s=10.0)
    for ago, up in ((2, 10.0), (1, 4.0), (0, 9.0))
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
        for ago in range(20, 0, -1)
    ),
    days=DAYS,
    usage=Usage(
        cpu_s=1.25,
        memory=8_300_000,
        descriptors=None,
        most_descriptors=None,
        began_at=NOW - 3 * 86400,
    ),
    registry='public_key = "ssh-ed25519 AAAA"\nforward = []\n\x1b[31m',
    file="/etc/reversi/nodes/attic.toml",
    ssh="ssh -p 20010 127.0.0.1",
)


def paper(*, width: int = 76, height: int = 24) -> Paper:
    return Paper(width=width, height=height, palette=palette("terminal"))


def text(
    tab: Tab,
    row: Row = ROW,
    dossier: Dossier | None = DOSSIER,
    *,
    width: int = 76,
    height: int = 24,
) -> str:
    return tab_text(tab, row, MOMENT, dossier, paper(width=width, height=height)).plain


def places(shown: str, *words: str) -> list[int]:
    return [shown.index(word) for word in words]


def test_the_first_tab_has_its_fields_in_groups() -> None:
    shown = text(Tab.STATE, width=106, height=40)

    found = places(
        shown,
        "status    ",
        "\nnow ",
        " tunnel\n",
        "\nsettings ",
        " failures\n",
        "last 24 hours",
        "last 30 days",
        "last events",
    )
    assert found == sorted(found)


@pytest.mark.parametrize("height", [24, 50])
def test_the_events_follow_what_was_seen_last_unless_all_is_in_sight(height: int) -> None:
    shown = text(Tab.STATE, height=height)

    found = places(shown, "\nnow\n", "last events", "\ntunnel\n", "last 24 hours", "last 30 days")
    assert found == sorted(found)
    assert shown.split("\n").index("last events, newest first, of 20") < 12


@pytest.mark.parametrize("height", [24, 50])
def test_where_there_is_room_two_groups_stand_side_by_side(height: int) -> None:
    lines = text(Tab.STATE, width=106, height=height).split("\n")

    assert any(line.split() == ["now", "tunnel"] for line in lines)
    assert any(line.split() == ["settings", "failures"] for line in lines)
    assert max(map(len, lines)) <= 106


def test_the_connection_has_an_age_and_its_process_costs_something() -> None:
    shown = text(Tab.STATE)

    assert "connected " in shown
    assert "(3d ago)" in shown
    assert "uses      1.2 s of CPU, 8.3M of memory\n" in shown


def test_the_last_latencies_are_drawn() -> None:
    row = replace(ROW, known=Known(trend=(*[40.0] * 50, 90.0)))

    assert f"trend     {'▁' * 35}█\n" in text(Tab.STATE, row)
    assert "trend" not in text(Tab.STATE)


def test_the_last_bytes_per_second_are_drawn() -> None:
    row = replace(ROW, known=Known(rates=(*[20.0] * 50, math.nan, 8_000.0, 4_000.0)))

    assert f"rate      {'▁' * 25}·█▄ 4.0k/s\n" in text(Tab.STATE, row)
    assert "rate" not in text(Tab.STATE)


def test_raw_bytes_are_only_in_the_raw_tab() -> None:
    with_bytes = [tab for tab in TABS if "53 53 48 2d" in text(tab)]

    assert with_bytes == [Tab.RAW]
    assert "start_ticks=777" in text(Tab.RAW)


def test_all_events_are_in_their_tab_and_the_last_ones_in_the_first() -> None:
    assert [text(Tab.EVENTS).count("event-"), text(Tab.STATE).count("event-")] == [20, 5]
    assert text(Tab.EVENTS).index("event-1") < text(Tab.EVENTS).index("event-20")


def test_history_names_the_days_with_losses() -> None:
    days = [day.day for day in DAYS]
    shown = text(Tab.HISTORY)

    assert shown.endswith(f"{days[2]}   90.0 %\n{days[1]}   40.0 %")
    assert f"{days[0]}  " not in shown.split("days with losses")[1]


def test_no_uptime_is_claimed_for_a_row_that_another_gateway_holds() -> None:
    elsewhere = Whereabouts(gateway="gw3", is_elsewhere=True)
    row = replace(ROW, known=Known(), where=elsewhere)
    for tab in (Tab.STATE, Tab.HISTORY):
        shown = text(tab, row, replace(DOSSIER, days=()))

        assert "last 24 hours: only gw3 knows them\n" in shown
        assert "last 30 days: only gw3 knows them\n" in shown
        assert "watched" not in shown
        assert "losses" not in shown


def test_the_registry_tab_is_the_nodes_file_made_safe() -> None:
    assert text(Tab.REGISTRY) == (
        '/etc/reversi/nodes/attic.toml\n\npublic_key = "ssh-ed25519 AAAA"\nforward = []\n\\x1b[31m'
    )
    assert text(Tab.REGISTRY, dossier=Dossier()) == "attic has no file in the registry"


@pytest.mark.parametrize("tab", [Tab.STATE, Tab.EVENTS, Tab.HISTORY, Tab.REGISTRY])
def test_what_is_not_read_yet_or_cannot_be_is_said(tab: Tab) -> None:
    assert text(tab, dossier=None).endswith("reading the rest...")
    assert text(tab, dossier=Dossier(trouble="the file is gone")).endswith("the file is gone")


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("width", [30, 55, 76, 99, 100, 106])
def test_no_line_is_wider_than_the_sheet(tab: Tab, width: int) -> None:
    row = replace(ROW, note="x" * 190, seen=replace(ROW.seen, detail="why " * 60))

    for shown in (row, replace(row, members=(row, ROW))):
        assert max(map(len, text(tab, shown, width=width).split("\n"))) <= width


def test_the_tab_shown_stands_out_without_colours() -> None:
    line = tabs_line(Tab.HISTORY, paper())

    (span,) = (span for span in line.spans if "reverse" in str(span.style))
    assert line.plain[span.start : span.end].strip() == "3 history"
    assert len(line) <= 56
