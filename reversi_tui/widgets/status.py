"""The two lines at the top: which gateway, how its daemon does, how many tunnels of which status, and what is filtered."""

from __future__ import annotations

from rich.text import Text

from checker.config import Layout
from checker.model import Status, printable
from reversi_tui.columns import SYMBOLS
from reversi_tui.rows import Daemon, Health, age_text
from reversi_tui.view import View

STYLES = {
    Status.UP: "green",
    Status.HUNG: "bold red",
    Status.DOWN: "red",
    Status.REFUSED: "yellow",
    Status.WRONG: "magenta",
    Status.FOREIGN: "bold magenta",
    Status.UNKNOWN: "",
}


def gateway_line(layout: Layout, health: Health, now: float, *, read_only: bool) -> Text:
    """The gateway and its daemon."""
    text = Text("reversi", style="bold")
    if read_only:
        text.append("  ").append(" READ-ONLY ", style="reverse bold")
    text.append("  daemon: ", style="not bold").append(health.daemon, style="bold red" if health.daemon is Daemon.ABSENT else "not bold")
    text.append(f", {swept(health, now)}", style="not bold")
    text.append(f"  {printable(str(layout.home or layout.config.parent), 200)}", style="not bold dim")
    return text


def swept(health: Health, now: float) -> str:
    return f"last sweep {age_text(now - health.sweep.swept_at)} ago" if health.sweep else "no sweep yet"


def counts_line(view: View, *, editing: bool, width: int) -> Text:
    """What the filter leaves, and how many rows of each status there are, worst first; without the words where they do not fit."""
    text = filter_note(view) if view.filter_text and not editing else Text()
    text.append(f"{len(view.rows):,} forward{'' if len(view.rows) == 1 else 's'}")
    with_words = text.copy()
    for status, count in view.counts().items():
        with_words.append("  ").append(f"{SYMBOLS[status]} {count:,} {status}", style=STYLES[status])
        text.append("  ").append(f"{SYMBOLS[status]}{count:,}", style=STYLES[status])
    return with_words if with_words.cell_len <= width else text


def filter_note(view: View) -> Text:
    note = Text().append(f" /{printable(view.filter_text, 30)} shows {len(view.order):,} ", style="reverse")
    return note.append("  of ")
