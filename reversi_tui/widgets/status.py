"""The two lines at the top: the gateway's state; forwards by status, and what hides rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from checker.config.layout import Layout
from checker.model import Machine, Status, printable, room_for
from checker.rows.applicants import PENDING
from checker.rows.cells import PENDING as SIGN
from checker.rows.cells import STALE_SYMBOL, SYMBOLS, bytes_text
from checker.rows.row import FUTURE, age_text
from reversi_tui.rows.columns import BY_ID
from reversi_tui.rows.layout import Place
from reversi_tui.rows.report import Daemon, Health
from reversi_tui.view import View
from reversi_tui.widgets.looks import Looks

LITTLE_DISK_BYTES = 200e6
LEAST_PLACE = 12
"""Cells that must be free to show the gateway's directory."""
LITTLE_ROOM = 10
"""Tunnels that still fit: fewer are an alarm."""
MANY_LOGINS = 100
"""Half of the logins that sshd takes before it drops some, with MaxStartups as `init` sets it."""


MUST, ALARM, NAME, WELL, EXTRA = range(5)
"""Kinds of parts of the first line, the most important first: the others go if room is short."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the first line."""

    text: Text
    kind: int


def pressing(parts: Sequence[Part], width: int) -> list[Part]:
    """The parts that fit, in their order; the most important ones get the room first."""
    kept: list[Part] = []
    for part in sorted(parts, key=lambda part: part.kind):
        if not kept or sum(each.text.cell_len for each in (*kept, part)) <= width:
            kept.append(part)
    return [part for part in parts if part in kept]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLine:
    """The gateway's line: daemon, sweep, waiting logins, disk and directory."""

    layout: Layout
    health: Health
    now: float
    looks: Looks
    read_only: bool

    def fitted(self, width: int) -> Text:
        """The line; in short words if the full ones do not fit, and then without the parts that do
        not fit: alarms stay longest.
        """
        parts = list(self.parts(in_full=True))
        text = Text().join(part.text for part in parts)
        if text.cell_len > width:
            text = Text().join(part.text for part in parts if part.kind != EXTRA)
        if text.cell_len > width:
            text = Text().join(
                part.text for part in pressing(list(self.parts(in_full=False)), width)
            )
        if text.cell_len + LEAST_PLACE <= width:
            place = printable(str(self.layout.home or self.layout.config.parent), 200)
            text.append(f"  {place}", style=self.looks.palette.dim)
        return text

    def parts(self, *, in_full: bool) -> Iterator[Part]:
        health, alarm = self.health, self.looks.palette.warning
        yield Part(Text("reversi", style="bold"), NAME)
        if self.read_only:
            yield Part(
                Text("  " if in_full else " ").append(" READ-ONLY ", style="reverse bold"), MUST
            )
        is_absent = health.daemon in (Daemon.ABSENT, Daemon.UNREACHABLE)
        daemon = Text("  daemon: " if in_full else "  daemon ")
        yield Part(
            daemon.append(health.daemon, style=alarm if is_absent else ""),
            ALARM if is_absent else WELL,
        )
        yield Part(Text(f", {self.swept(in_full=in_full)}"), WELL)
        if health.logins_waiting is not None:
            many = health.logins_waiting >= MANY_LOGINS
            told = f"  logins {'waiting: ' if in_full else ''}{health.logins_waiting:,}"
            yield Part(Text(told, style=alarm if many else ""), ALARM if many else WELL)
        if health.disk_free_bytes is not None:
            little, free = (
                health.disk_free_bytes < LITTLE_DISK_BYTES,
                bytes_text(health.disk_free_bytes),
            )
            told = f"  disk: {free} free" if in_full else f"  disk {free}"
            yield Part(Text(told, style=alarm if little else ""), ALARM if little else WELL)
        if health.machine is not None:
            yield self.machine_part(health.machine, in_full=in_full)

    def machine_part(self, machine: Machine, *, in_full: bool) -> Part:
        """Load, free memory, and how many more tunnels fit."""
        room, free = room_for(machine), bytes_text(machine.memory_left)
        told = (
            f"  load {machine.load:.1f}  memory: {free} free, room for about {rounded(room):,} more"
            " tunnels"
            if in_full
            else f"  load {machine.load:.1f} memory {free}"
        )
        is_short = room < LITTLE_ROOM or machine.load > 4 * machine.cores
        style = self.looks.palette.warning if is_short else ""
        return Part(Text(told, style=style), ALARM if is_short else EXTRA)

    def swept(self, *, in_full: bool) -> str:
        if self.health.sweep is None:
            return "no sweep yet" if in_full else "never swept"
        age = age_text(self.now - self.health.sweep.swept_at)
        if age == FUTURE:
            return "last sweep in the future" if in_full else "swept in the future"
        return f"last sweep {age} ago" if in_full else f"swept {age} ago"


def rounded(count: int) -> int:
    """The count to two digits: what seldom changes is seldom repainted."""
    return int(float(f"{count:.2g}"))


def counts_line(
    view: View, looks: Looks, columns: Sequence[Place], *, editing: bool, width: int
) -> Text:
    """What is shown, marked, unregistered and muted, and the number of rows by status, stale ones
    first; without the status words if they do not fit.

    `columns` are the visible ones: if the rows are sorted by another, the line says so.
    """
    text = notes(view, editing=editing)
    if columns and view.sort_by not in {place.column.id for place in columns}:
        text.append(f" by {BY_ID[view.sort_by].title}{arrow(view)} ", style="reverse").append("  ")
    tally = view.count()
    count = len(view.rows) - tally.shut().get(PENDING, 0)
    text.append(f"{count:,} forward{'' if count == 1 else 's'}")
    with_words = text.copy()
    if tally.stale:
        with_words.append("  ").append(
            f"{STALE_SYMBOL} {tally.stale:,} stale", style=looks.palette.warning
        )
        text.append("  ").append(f"{STALE_SYMBOL}{tally.stale:,}", style=looks.palette.warning)
    for status, count in tally.statuses().items():
        with_words.append("  ").append(
            f"{SYMBOLS[status]} {count:,} {status}", style=looks.palette.status[status]
        )
        text.append("  ").append(f"{SYMBOLS[status]}{count:,}", style=looks.palette.status[status])
    for word, count in tally.shut().items():
        sign = SIGN if word == PENDING else SYMBOLS[Status.DOWN]
        with_words.append(f"  {sign} {count:,} {word}")
        text.append(f"  {count:,} {word}")
    unregistered = len(tally.unregistered)
    if unregistered:
        with_words.append(f"  * {unregistered:,} unregistered")
        text.append(f"  *{unregistered:,}")
    muted = len(tally.muted)
    if muted:
        with_words.append(f"  = {muted:,} muted")
        text.append(f"  ={muted:,}")
    return with_words if with_words.cell_len <= width else text


def arrow(view: View) -> str:
    """The arrow for the sort order."""
    return "↓" if view.backwards else "↑"


def notes(view: View, *, editing: bool) -> Text:
    """The marks, and what hides rows."""
    text = Text()
    if view.marks:
        hidden = len(view.marks - view.shown)
        text.append(
            f" {len(view.marks):,} marked{f', {hidden:,} not shown' if hidden else ''} ",
            style="reverse bold",
        ).append("  ")
    if view.named and not editing:
        text.append(f" {view.named}: {len(view.shown):,} ", style="reverse").append("  of ")
        return text
    if view.faults_only:
        text.append(f" faults only: {len(view.shown):,} ", style="reverse").append("  ")
    if view.filter_text:
        asked = "" if editing else f"/{printable(view.filter_text, 30)} "
        text.append(f" {asked}shows {len(view.shown):,} ", style="reverse").append("  of ")
    return text
