"""What the table shows, as CSV, JSON, Markdown and SVG."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from checker.model import Status
from checker.rows.row import Known, Moment, Row
from reversi_tui.rows.columns import BY_ID, COLUMNS
from reversi_tui.rows.drawn import svg
from reversi_tui.rows.palette import DARK, LIGHT, PALETTES
from reversi_tui.rows.written import Shown, csv_text, document, markdown, plain_text
from reversi_tui.view import fold
from tests.reversi_tui.console.states import EVERY_S, NOW, forward, tunnel

MOMENT = Moment(now=NOW, every_s=EVERY_S)
UP = Row(
    forward=forward("attic", 20010),
    seen=tunnel("attic", 20010),
    known=Known(flaps=3, hours=(1.0, 0.5)),
    tags=("basel", "openwrt"),
    note="=HYPERLINK(1)",
)
DOWN = Row(
    forward=forward("barn", 20011),
    seen=tunnel("barn", 20011, Status.DOWN, pid=None, detail="nobody | listens"),
)


def shown(*rows: Row, columns: Sequence[str] = ("node", "port", "status")) -> Shown:
    return Shown(
        rows=rows,
        columns=tuple(BY_ID[name] for name in columns),
        moment=MOMENT,
        filter_text="tag:basel",
        sort="-since",
    )


def test_json_has_the_rows_in_their_order_with_values_in_units() -> None:
    columns = ("node", "port", "latency", "since", "day", "tags", "pid", "answer", "kills")

    found = json.loads(document(shown(DOWN, UP, columns=columns)))

    assert found == {
        "schema": 1,
        "written_at": NOW,
        "filter": "tag:basel",
        "faults_only": False,
        "sort": "-since",
        "rows": [
            {
                "node": "barn",
                "port": 20011,
                "latency_ms": None,
                "since": NOW - 7200,
                "up_percent": None,
                "tags": [],
                "pid": None,
                "detail": "nobody | listens",
                "kills": 0,
            },
            {
                "node": "attic",
                "port": 20010,
                "latency_ms": 42,
                "since": NOW - 7200,
                "up_percent": 75,
                "tags": ["basel", "openwrt"],
                "pid": 4000,
                "detail": "SSH-2.0-dropbear",
                "kills": 0,
            },
        ],
    }


def test_every_column_can_be_written_in_every_format() -> None:
    everything = shown(UP, DOWN, columns=[column.id for column in COLUMNS])

    header, *rows = csv.reader(io.StringIO(csv_text(everything)))

    assert len(rows) == 2
    assert len(header) == len(set(header)) == len(COLUMNS)
    assert set(json.loads(document(everything))["rows"][0]) == set(header)
    assert markdown(everything).count("\n") == 4
    assert ET.fromstring(svg(everything, DARK)).tag.endswith("svg")


def test_csv_has_times_in_utc_and_no_formulas() -> None:
    columns = ("node", "since", "note", "tags", "latency")

    lines = csv_text(shown(UP, DOWN, columns=columns)).split("\r\n")

    assert lines[0] == "node,since,note,tags,latency_ms"
    assert lines[1].startswith("attic,20")
    assert lines[1].endswith("Z,'=HYPERLINK(1),basel openwrt,42")
    assert lines[2].endswith("Z,,,")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_compute_begins_with_an_apostrophe(text: str) -> None:
    assert plain_text(text) == f"'{text}"
    assert plain_text(f"a{text}") == f"a{text}"


def test_a_folded_node_is_one_line_with_its_ports() -> None:
    row = fold((UP, replace(DOWN, seen=replace(DOWN.seen, node=UP.seen.node))), MOMENT)

    (found,) = json.loads(document(shown(row)))["rows"]

    assert found == {"node": "attic", "port": None, "status": "down", "ports": [20010, 20011]}
    assert csv_text(shown(row)).split("\r\n")[1] == "attic,20010 20011,down"
    assert "| attic | 2 ports | ○ down |" in markdown(shown(row))


def test_each_line_of_markdown_begins_so_that_no_shell_runs_it() -> None:
    text = markdown(shown(DOWN, UP, columns=("node", "port", "answer", "note")))

    assert text.splitlines() == [
        "| node | port | answer | note |",
        "| --- | ---: | --- | --- |",
        "| barn | 20011 | nobody \\| listens |  |",
        "| attic | 20010 | SSH-2.0-dropbear | =HYPERLINK(1) |",
    ]


@pytest.mark.parametrize("name", PALETTES)
def test_a_picture_has_the_colours_of_the_theme_and_nothing_from_elsewhere(name: str) -> None:
    palette = PALETTES[name]

    text = svg(shown(replace(DOWN, note="<&>"), columns=("node", "status", "note")), palette)

    assert f'fill="{palette.background or LIGHT.background}"' in text
    assert "&lt;&amp;&gt;" in text
    assert text.count("http") == text.count("http://www.w3.org/2000/svg") == 1
    ET.fromstring(text)
