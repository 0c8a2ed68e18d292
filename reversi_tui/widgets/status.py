"""The two lines at the top: which gateway, how it does, how many tunnels of which status, and what is left out of the table."""

from __future__ import annotations

from rich.text import Text

from checker.config import Layout
from checker.model import Status, printable
from reversi_tui.cells import SYMBOLS, bytes_text
from reversi_tui.rows import Daemon, Health, age_text
from reversi_tui.view import View
from reversi_tui.widgets.looks import Looks

LITTLE_DISK_BYTES = 200e6
MANY_LOGINS = 100
"""Half of what MaxStartups, as `init` and `up` set it, takes before sshd drops some."""


def gateway_line(layout: Layout, health: Health, now: float, looks: Looks, *, read_only: bool) -> Text:
    """The gateway: its daemon, its sweep, logins that wait, its disk, and where it lies; the most important first."""
    text = Text("reversi", style="bold")
    if read_only:
        text.append("  ").append(" READ-ONLY ", style="reverse bold")
    alarm = f"not bold {looks.palette.warning}"
    text.append("  daemon: ", style="not bold").append(health.daemon, style=alarm if health.daemon is Daemon.ABSENT else "not bold")
    text.append(f", {swept(health, now)}", style="not bold")
    if health.logins_waiting is not None:
        many = health.logins_waiting >= MANY_LOGINS
        text.append(f"  logins waiting: {health.logins_waiting:,}", style=alarm if many else "not bold")
    if health.disk_free_bytes is not None:
        little = health.disk_free_bytes < LITTLE_DISK_BYTES
        text.append(f"  disk: {bytes_text(health.disk_free_bytes)} free", style=alarm if little else "not bold")
    text.append(f"  {printable(str(layout.home or layout.config.parent), 200)}", style=f"not bold {looks.palette.dim}")
    return text


def swept(health: Health, now: float) -> str:
    return f"last sweep {age_text(now - health.sweep.swept_at)} ago" if health.sweep else "no sweep yet"


def counts_line(view: View, looks: Looks, *, editing: bool, width: int) -> Text:
    """What is shown, marked and unregistered, and how many rows of each status there are; without the words where they do not fit."""
    text = notes(view, editing=editing)
    text.append(f"{len(view.rows):,} forward{'' if len(view.rows) == 1 else 's'}")
    with_words = text.copy()
    for status, count in view.counts().items():
        with_words.append("  ").append(f"{SYMBOLS[status]} {count:,} {status}", style=looks.palette.status[status])
        text.append("  ").append(f"{SYMBOLS[status]}{count:,}", style=looks.palette.status[status])
    for word, count in view.shut().items():
        with_words.append(f"  {SYMBOLS[Status.DOWN]} {count:,} {word}")
        text.append(f"  {count:,} {word}")
    strangers = sum(row.unregistered for row in view.rows.values())
    if strangers:
        with_words.append(f"  * {strangers:,} unregistered")
        text.append(f"  *{strangers:,}")
    return with_words if with_words.cell_len <= width else text


def notes(view: View, *, editing: bool) -> Text:
    """What keeps rows from being shown, and the marks."""
    text = Text()
    if view.marks:
        hidden = len(view.marks - view.shown)
        text.append(f" {len(view.marks):,} marked{f', {hidden:,} not shown' if hidden else ''} ", style="reverse bold").append("  ")
    if view.faults_only:
        text.append(f" faults only: {len(view.shown):,} ", style="reverse").append("  ")
    if view.filter_text and not editing:
        text.append(f" /{printable(view.filter_text, 30)} shows {len(view.shown):,} ", style="reverse").append("  of ")
    return text
