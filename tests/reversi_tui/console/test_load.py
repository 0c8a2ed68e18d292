"""5,000 rows, of which 170 change each second: keys are answered, and nothing is lost."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from checker.config.layout import Layout
from checker.model import Status
from checker.state.store import open_reader
from tests.reversi_tui.console.load import busy_home, load
from tests.reversi_tui.console.tmux import Tmux, console_words, tmux

ROWS = 5000
BUSY_S = 5.0
COLUMNS = "node,port,status,pid"


def expected(layout: Layout, wanted: Status | None = None) -> list[tuple[str, ...]]:
    """Node, port, status and process of each row, as the state file has them."""
    with closing(open_reader(layout.state)) as state:
        seen = sorted(state.tunnels(), key=lambda tunnel: tunnel.node)
    return [
        (t.node, str(t.port), t.status.value, str(t.session.pid if t.session else ""))
        for t in seen
        if wanted in (None, t.status)
    ]


def shown(lines: list[str]) -> list[tuple[str, ...]]:
    """The same of the rows that are on the screen."""
    rows = [line.split() for line in lines if line.startswith("  node-")]
    return [(node, port, status, pid) for node, port, _, status, pid in (row[:5] for row in rows)]


def is_page(lines: list[str], rows: list[tuple[str, ...]]) -> bool:
    """Whether the rows on the screen are these, and fill it."""
    found = shown(lines)
    return len(found) >= 15 and found == rows[: len(found)]


def is_last_page(lines: list[str], rows: list[tuple[str, ...]]) -> bool:
    found = shown(lines)
    return len(found) >= 15 and found == rows[-len(found) :]


def walk(pane: Tmux) -> None:
    """Keys, each answered while rows change."""
    for keys, words in (
        (("End",), ("node-04999",)),
        (("Home",), ("node-00000",)),
        (("NPage", "NPage"), ("node-00040",)),
        (("/",), ("earlier ones",)),
        (
            ("n", "o", "d", "e", ":", "0", "4", "2", "1", "Enter"),
            ("shows 11", "node-04210", "node-04219"),
        ),
        (("Escape",), ("5,000 forwards", "node-00421", "node-00422")),
        (("k",), ("Cancel",)),
        (("Escape",), ("kill cancelled",)),
        (("o", "Escape"), ("k kill",)),
    ):
        pane.press(*keys)
        pane.shows(*words)


def test_keys_are_answered_while_rows_change_and_nothing_is_lost(tmp_path: Path) -> None:
    layout = busy_home(tmp_path / "home", ROWS)

    with (
        load(tmp_path / "home", BUSY_S) as writer,
        tmux(tmp_path, console_words(tmp_path / "home", "--columns", COLUMNS)) as pane,
    ):
        pane.shows("5,000 forwards", "✖ ", "node-00000")
        walk(pane)
        assert writer.wait(150) == 0
        rows, hung = expected(layout), expected(layout, Status.HUNG)
        pane.press("Home")
        pane.until(lambda lines: is_page(lines, rows), "the first rows as the state file has them")
        pane.press("End")
        pane.until(
            lambda lines: is_last_page(lines, rows), "the last rows as the state file has them"
        )
        pane.press("/")
        pane.type("status:hung")
        pane.press("Enter", "Home")
        pane.shows(f"shows {len(hung):,} ")
        pane.until(
            lambda lines: is_page(lines, hung), "the first that hang, as the state file has them"
        )
        pane.press("End")
        pane.until(
            lambda lines: is_last_page(lines, hung),
            "the last that hang, as the state file has them",
        )

    assert len(hung) > 100
