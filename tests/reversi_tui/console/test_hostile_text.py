"""Text from devices, files and programs is shown as text: it cannot steer the terminal."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import (
    Event,
    EventKind,
    Forward,
    Hour,
    NodeName,
    Port,
    ProcessId,
    Registration,
    Status,
    Unregistered,
    parse_expect,
)
from checker.rows.cells import safe
from checker.rows.row import Known, Moment, Row
from checker.state.rows import Batch
from reversi_tui.__main__ import main
from reversi_tui.app import Console
from reversi_tui.rows.columns import COLUMNS
from reversi_tui.rows.detail_text import title
from reversi_tui.rows.dossier import Dossier, Paper
from reversi_tui.rows.palette import palette
from reversi_tui.rows.sheet_tabs import described
from reversi_tui.screens.confirm import Confirm
from reversi_tui.screens.detail import Detail
from tests.registry_samples import register
from tests.reversi_tui.console.pty_console import terminal
from tests.reversi_tui.console.screen import shows, text, until
from tests.reversi_tui.console.states import (
    EVERY_S,
    NOW,
    console,
    forward,
    open_acts,
    sweep,
    tunnel,
    write,
)

MOMENT = Moment(now=NOW, every_s=EVERY_S)
PIECES = {
    "title": "\x1b]0;owned\x07",
    "link": "\x1b]8;;http://owned.example\x1b\\owned\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;b3duZWQ=\x07",
    "cursor": "\x1b[13;37H",
    "colour": "\x1b[5;9;41m",
    "charset": "\x1b(0",
    "device-control": "\x1bPowned\x1b\\",
    "reset": "\x1bc",
    "c1": "\x9b13;37H\x9d0;owned\x9c\x84\x85",
    "bell": "\x07",
    "markup": "[blink strike]owned[/]",
    "closing": "[/][/bold]",
    "action": "[@click=app.quit]owned[/]",
    "bidi": "\u202eowned\u2066\u200f\u2069",
    "zero-width": "o\u200bw\u200d\ufeffned",
    "combining": "o\u0301\u0327\u20dd",
    "wide": "\uff2f\u4e2d\U0001f600",
    "newline": "one\ntwo\r\nthree\ttab\x0b\x0c\u2028\u2029",
    "backspace": "\x08\x08\x7f",
    "nul": "nul\x00nul",
}
DRAWN = re.compile(r"[ -~●✖○⊘≠⚑‖▸▾•…↑↓←→×·\u2500-\u259f]*")
"""All that the console itself draws with."""
POINTER = b"\x1b]22;default\x07"
OWN_TITLES = re.compile(rb"\x1b\]2;((\d+ faults? - )?reversi [a-z0-9.-]+)?\x07")
"""Textual's own: the shape of the mouse pointer."""
LONG = "\x1b[31m" + "".join(PIECES.values()) * 40


def hostile_row(piece: str) -> Row:
    seen = replace(
        tunnel("attic", 20010, detail=piece), peer=piece, answer=piece, node=NodeName(piece)
    )
    place = replace(forward("attic", 20010), expect=parse_expect(f"banner:a{piece}"))
    return Row(
        forward=place, seen=seen, known=Known(instance=piece, client=piece), barred="disabled"
    )


@pytest.mark.parametrize(
    "piece",
    [
        *(pytest.param(piece, id=name) for name, piece in PIECES.items()),
        pytest.param(LONG, id="long"),
    ],
)
def test_what_a_device_says_becomes_text(piece: str) -> None:
    row = hostile_row(piece)
    event = Event(at=NOW, kind=EventKind.CLONE, text=piece, actor=piece, node=row.seen.node)
    dossier = Dossier(events=(event,), ssh=piece)
    paper = Paper(width=76, height=24, palette=palette("terminal"))
    folded = replace(row, members=(row, replace(row, unregistered=True)))

    for shown in (row, folded, replace(row, unregistered=True)):
        for column in COLUMNS:
            assert DRAWN.fullmatch(column.text(shown, MOMENT)), column.id
        for told in (dossier, Dossier(trouble=piece)):
            lines = described(shown, MOMENT, told, paper).plain.split("\n")
            assert all(DRAWN.fullmatch(line) and len(line) <= paper.width for line in lines)
        assert DRAWN.fullmatch(title(shown))
    assert len(safe(piece, 80)) <= 80


@pytest.mark.parametrize(
    "column",
    [column for column in COLUMNS if column.id not in ("day", "status")],
    ids=lambda column: column.id,
)
def test_no_cell_is_wider_than_its_characters(column: object) -> None:
    for piece in PIECES.values():
        for found in COLUMNS:
            if found is column:
                shown = found.text(hostile_row(piece), MOMENT)
                assert all(unicodedata.east_asian_width(letter) == "Na" for letter in shown)


def hostile_registrations(places: Sequence[Forward]) -> list[Registration]:
    return [
        Registration(
            node=place.node,
            instance=f"i{piece}",
            client=f"c{piece}",
            peer=piece,
            registered_at=NOW,
            session=ProcessId(pid=4000 + at, start_ticks=1),
        )
        for at, (place, piece) in enumerate(zip(places, PIECES.values(), strict=True))
    ]


def hostile_event(text: str) -> Event:
    return Event(
        at=NOW - 5,
        kind=EventKind.CLONE,
        text=text,
        actor=text,
        node=NodeName("node-00"),
        port=Port(20010),
    )


def hostile_stray(name: NodeName, text: str) -> Unregistered:
    return Unregistered(
        node=name,
        port=Port(20099),
        expect=parse_expect(f"banner:a{text}"),
        first_at=NOW,
        last_at=NOW,
    )


def hour() -> Hour:
    return Hour(
        node=NodeName("node-00"),
        port=Port(20010),
        hour=int(NOW // 3600),
        up_s=1.0,
        watched_s=2.0,
    )


def hostile_home(home: Path) -> Layout:
    """Everything that a device or a stray file can say, at once."""
    layout = home_layout(home)
    everything = "".join(PIECES.values())
    places = [
        replace(forward(f"node-{at:02d}", 20010 + at), expect=parse_expect(f"banner:a{piece}"))
        for at, piece in enumerate(PIECES.values())
    ]
    register(layout, places)
    (layout.nodes / "bad\x1b]0;owned\x07[blink]\u202e.toml").write_text("name = \x1b[5;9;41m\n")
    (layout.nodes / "worse.toml").write_text(f"[node]\n{json.dumps(PIECES['markup'])} = 1\n")
    seen = [
        replace(
            tunnel(place.node, place.port, detail=piece),
            peer=f"{piece}peer",
            answer=f"{piece}answer",
        )
        for place, piece in zip(places, PIECES.values(), strict=True)
    ]
    stray = NodeName(f"stray{everything}")
    write(
        layout,
        Batch(
            tunnels=(
                *seen,
                tunnel("node-00", 20010, Status.HUNG, detail=everything),
                tunnel(stray, 20099, detail=everything),
            ),
            registrations=hostile_registrations(places),
            events=[hostile_event(everything)],
            unregistered=[hostile_stray(stray, everything)],
            hours=[hour()],
            sweep=sweep(),
        ),
    )
    return layout


def assert_harmless(app: Console) -> None:
    """Nothing on the screen but what the console draws, each line as wide as the terminal, in no
    style that the console does not use.
    """
    for strip in app.screen._compositor.render_strips():
        assert DRAWN.fullmatch(strip.text), strip.text
        assert strip.cell_length == app.size.width == len(strip.text)
        for segment in strip:
            style = segment.style
            assert style is None or not (
                style.blink or style.strike or style.italic or style.link or "@click" in style.meta
            ), segment


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((80, 24), id="80x24"),
        pytest.param((60, 15), id="60x15"),
        pytest.param((240, 50), id="240x50"),
    ],
)
async def test_the_console_shows_it_as_text_everywhere(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    acts = open_acts()
    acts.sentence = "".join(PIECES.values())
    app = console(hostile_home(tmp_path), acts, wide=size[0] > 200)

    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main.feed.health.registry_read and app.main.view.rows)
        await shows(pilot, "node-00")
        assert_harmless(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Detail) and app.screen.dossier)
        for _ in range(6):
            await pilot.pause()
            assert_harmless(app)
            await pilot.press("pagedown")
        await pilot.press("escape", "p")
        await until(pilot, lambda: acts.done and not app.main.desk.pending)
        await shows(pilot, ": \\x1b]0;owned\\x07")
        assert_harmless(app)
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.screen, Detail) and app.screen.dossier)
        assert_harmless(app)


async def test_the_question_before_a_dangerous_key_names_the_node_as_text(tmp_path: Path) -> None:
    app = console(hostile_home(tmp_path))

    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.main.feed.health.registry_read and app.main.view.rows)
        await pilot.press("end", "up", "k")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.pause()
        assert "stray\\x1b]0;owned" in text(app)
        assert_harmless(app)


async def test_what_reads_as_markup_or_sequence_is_there_to_be_read(tmp_path: Path) -> None:
    app = console(hostile_home(tmp_path))

    async with app.run_test(size=(240, 50)) as pilot:
        await until(pilot, lambda: app.main.feed.health.registry_read)
        await shows(pilot, "[blink strike]owned[/]")
        await shows(pilot, "\\x1b[13;37H")
        await shows(pilot, "\\u202eowned")
        await until(pilot, lambda: "bad\\x1b]0;owned" in text(app).replace("\n", ""))


@pytest.mark.parametrize(
    "options", [pytest.param([], id="table"), pytest.param(["--json"], id="json")]
)
def test_a_look_for_scripts_prints_it_as_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    hostile_home(tmp_path)

    main(["--home", str(tmp_path), "--once", *options])

    printed = capsys.readouterr()
    assert "node-00" in printed.out
    for line in (*printed.out.split("\n"), *printed.err.split("\n")):
        assert DRAWN.fullmatch(line), line


def test_nothing_of_it_reaches_a_real_terminal(tmp_path: Path) -> None:
    hostile_home(tmp_path)

    with terminal(tmp_path, size=(200, 50)) as console:
        console.until(b"node-05")
        console.settle()
        console.press(b"\r")
        console.until(b"other row")
        console.press(b"\x1b[6~")
        console.until(b"last events")
        console.settle()
        console.press(b"\x1b")
        console.settle(0.3)
        console.press(b"q")
        assert console.ended() == 0
        console.take(0.1)
        written = OWN_TITLES.sub(b"", console.written.replace(POINTER, b""))

    for sequence in (
        "\x1b]",
        "\x1bP",
        "\x1bc",
        "\x1b(",
        "\x07",
        "\x08",
        "\x00",
        "\x7f",
        "\x1b[13;37H",
        "\x1b[5;9;41m",
    ):
        assert sequence.encode() not in written, sequence
    plain = re.sub(rb"\x1b(\[[0-?]*[ -/]*[@-~]|[=>78])", b"", written).decode()
    assert DRAWN.fullmatch(re.sub(r"[\r\n]", "", plain))
    assert "\\x1b]0;owned" in plain
