"""The two lines at the top: the gateway's state; forwards by status, and what hides rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from checker.config.layout import Layout
from checker.model import Machine, printable, room_for
from checker.rows.applicants import PENDING
from checker.rows.cells import PENDING as SIGN
from checker.rows.cells import SHUT_SYMBOL, STALE_SYMBOL, SYMBOLS, bytes_text
from checker.rows.row import FUTURE, STALE, age_text
from reversi_tui.rows.columns import BY_ID
from reversi_tui.rows.layout import Place
from reversi_tui.rows.report import Daemon, Health
from reversi_tui.rows.tally import Tally
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


def length(parts: Sequence[Part]) -> int:
    return sum(part.text.cell_len for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLine:
    """The gateway's line: daemon, sweep, waiting logins, disk and directory."""

    layout: Layout
    health: Health
    now: float
    looks: Looks
    read_only: bool

    def fitted(self, width: int) -> Text:
        """The line. What does not fit is shortened, then left out, the least important first:
        alarms stay longest.
        """
        parts = self.worded(width)
        text = Text().join(part.text for part in pressing(parts, width))
        if text.cell_len + LEAST_PLACE <= width:
            place = printable(str(self.layout.home or self.layout.config.parent), 200)
            text.append(f"  {place}", style=self.looks.palette.dim)
        return text

    def worded(self, width: int) -> list[Part]:
        """The parts in full as far as they fit, the most important first; if the machine's load and
        memory do not fit in short, without them.
        """
        full, short = list(self.parts(in_full=True)), list(self.parts(in_full=False))
        extra = [short[at] if part.kind == EXTRA else part for at, part in enumerate(full)]
        for parts in (full, extra):
            if length(parts) <= width:
                return parts
        full, short = ([one for one in parts if one.kind != EXTRA] for parts in (full, short))
        important = sorted(range(len(full)), key=lambda at: (full[at].kind, at))
        for count in range(len(full), 0, -1):
            words = set(important[:count])
            parts = [full[at] if at in words else short[at] for at in range(len(full))]
            if length(parts) <= width:
                return parts
        return short

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


@dataclass(frozen=True, slots=True)
class Count:
    """A count of the second line, with and without its word."""

    sign: str
    count: int
    word: str
    style: str = ""
    needs_word: bool = False
    """Its sign does not say enough."""

    def text(self, *, with_word: bool) -> Text:
        if with_word:
            return Text(f"  {self.sign} {self.count:,} {self.word}", style=self.style)
        short = f"{self.count:,} {self.word}" if self.needs_word else f"{self.sign}{self.count:,}"
        return Text(f"  {short}", style=self.style)


def counts(tally: Tally, looks: Looks) -> Iterator[Count]:
    """The counts, the most important first: stale rows, statuses worst first, and the others."""
    if tally.stale:
        yield Count(STALE_SYMBOL, tally.stale, STALE, looks.palette.warning)
    for status, count in tally.statuses().items():
        yield Count(SYMBOLS[status], count, status, looks.palette.status[status])
    for word, count in tally.shut().items():
        sign = SIGN if word == PENDING else SHUT_SYMBOL
        yield Count(sign, count, word, needs_word=True)
    if tally.unregistered:
        yield Count("*", len(tally.unregistered), "unregistered")
    if tally.muted:
        yield Count("=", len(tally.muted), "muted")


def counts_line(
    view: View, looks: Looks, columns: Sequence[Place], *, editing: bool, width: int
) -> Text:
    """What is shown, marked, unregistered and muted, and the number of rows by status, stale ones
    first. Of words that do not fit the last ones go.

    `columns` are the visible ones: if the rows are sorted by another, the line says so.
    """
    text = notes(view, editing=editing)
    if columns and view.sort_by not in {place.column.id for place in columns}:
        text.append(f" by {BY_ID[view.sort_by].title}{arrow(view)} ", style="reverse").append("  ")
    tally = view.count()
    count = len(view.rows) - tally.shut().get(PENDING, 0)
    text.append(f"{count:,} forward{'' if count == 1 else 's'}")
    return text.append(with_words(tuple(counts(tally, looks)), width - text.cell_len))


def with_words(found: Sequence[Count], width: int) -> Text:
    """The counts, as many of them with their words as fit, from the first on."""
    for worded in range(len(found), -1, -1):
        parts = [one.text(with_word=place < worded) for place, one in enumerate(found)]
        if not worded or sum(part.cell_len for part in parts) <= width:
            return Text().join(parts)
    return Text()


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
