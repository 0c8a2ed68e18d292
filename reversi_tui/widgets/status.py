"""The two lines at the top: the gateway and its health; faults by status, the fleet as a bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from checker.config.layout import Layout
from checker.model import Machine, Status, printable, room_for
from checker.rows.applicants import PENDING
from checker.rows.cells import PENDING as SIGN
from checker.rows.cells import SHUT_SYMBOL, STALE_SYMBOL, SYMBOLS, bytes_text
from checker.rows.row import FUTURE, STALE, age_text
from reversi_tui.rows.columns import BY_ID
from reversi_tui.rows.fleet_bar import CELLS, fleet_bar
from reversi_tui.rows.layout import Place
from reversi_tui.rows.report import Daemon, Health, silence
from reversi_tui.rows.tally import Tally
from reversi_tui.view import View
from reversi_tui.widgets.looks import Looks

if TYPE_CHECKING:
    from checker.rows.gateways import GatewayView

LITTLE_DISK_BYTES = 200e6
LITTLE_ROOM = 10
"""Tunnels that still fit: fewer are an alarm."""
MANY_LOGINS = 50
"""For each core: half of the logins that sshd takes before it drops some, as `init` sets it."""
MANY_SILENT = 2
"""Of more unreachable gateways only the number is told."""
GAP = "  "


MUST, ALARM, NAME, WELL, EXTRA = range(5)
"""Kinds of parts of the first line, the most important first: the others go if room is short."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the first line, with the gap before it."""

    text: Text
    kind: int
    is_left: bool = False
    """It names the gateway; the others, its health, stand at the right."""


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
    """The gateway's line: its name and directory at the left; its health at the right, as pills."""

    layout: Layout
    host: str
    health: Health
    now: float
    looks: Looks
    read_only: bool

    def fitted(self, width: int) -> Text:
        """The line. What does not fit is shortened, then left out, the least important first:
        alarms stay longest.
        """
        parts = pressing(self.worded(width), width)
        left = Text().join(part.text for part in parts if part.is_left)
        pills = Text().join(part.text for part in parts if not part.is_left)
        room = width - left.cell_len - pills.cell_len
        place = printable(str(self.layout.home or self.layout.config.parent), 200)
        if len(place) + 2 * len(GAP) <= room:
            left.append(f"{GAP}{place}", style=self.looks.palette.dim)
        left.append(" " * (width - left.cell_len - pills.cell_len))
        return left.append(pills)

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
        health = self.health
        name = Text("reversi", style="bold")
        places = (self.host if in_full else "", health.gateway and f"({health.gateway})")
        yield Part(
            name.append("".join(f" {one}" for one in places if one), style=""), NAME, is_left=True
        )
        if self.read_only:
            text = Text(GAP if in_full else " ").append(" READ-ONLY ", style="reverse bold")
            yield Part(text, MUST, is_left=True)
        if health.machine is not None:
            yield self.machine_part(health.machine, in_full=in_full)
        daemon, is_alarm = self.daemon()
        yield self.pill(f"daemon {daemon}", is_alarm=is_alarm)
        for told in silent_words(health.silent, self.now, in_full=in_full):
            yield self.pill(told, is_alarm=True)
        if health.draining:
            yield self.pill("drains", is_alarm=True)
        if health.disk_free_bytes is not None:
            free = bytes_text(health.disk_free_bytes)
            yield self.pill(
                f"disk {free} free" if in_full else f"disk {free}",
                is_alarm=health.disk_free_bytes < LITTLE_DISK_BYTES,
            )
        if health.logins_waiting:
            told = f"{health.logins_waiting:,}{' waiting' if in_full else ''}"
            many = MANY_LOGINS * (health.machine.cores if health.machine else 2)
            yield self.pill(f"logins {told}", is_alarm=health.logins_waiting >= many)

    def pill(self, told: str, *, is_alarm: bool, kind: int = WELL) -> Part:
        palette = self.looks.palette
        style = palette.alarm if is_alarm else palette.pill
        return Part(Text(" ").append(f" {told} ", style=style), ALARM if is_alarm else kind)

    def machine_part(self, machine: Machine, *, in_full: bool) -> Part:
        """Load, free memory, and how many more tunnels fit."""
        room, free = room_for(machine), bytes_text(machine.memory_left)
        told = f"load {machine.load:.1f}, memory {free}"
        if in_full:
            told += f" free, room for about {rounded(room):,} more tunnels"
        is_short = room < LITTLE_ROOM or machine.load > 4 * machine.cores
        return self.pill(told, is_alarm=is_short, kind=EXTRA)

    def daemon(self) -> tuple[str, bool]:
        """What to say of the daemon, and whether it is an alarm. When it swept is told only if that
        is too long ago, or never was.
        """
        health = self.health
        is_absent = health.daemon in (Daemon.ABSENT, Daemon.UNREACHABLE)
        if health.sweep is None and health.gateway and health.daemon is Daemon.ABSENT:
            return "none, only watching", False
        if health.sweep is None:
            return f"{health.daemon}, no sweep yet", is_absent
        age = age_text(self.now - health.sweep.swept_at)
        if age == FUTURE:
            return f"{health.daemon}, swept in the future", True
        if is_absent or silence(health, self.now):
            return f"{health.daemon}, swept {age} ago", True
        return health.daemon.value, False


def silent_words(silent: Sequence[GatewayView], now: float, *, in_full: bool) -> Iterator[str]:
    """That gateways of the fleet are unreachable, and for how long; of many, how many."""
    if len(silent) > MANY_SILENT:
        yield f"{len(silent)} gateways {'unreachable' if in_full else 'lost'}"
        return
    for one in silent:
        yield one.sentence(now) if in_full else f"{one.id} lost"


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
            return Text(f"{GAP}{self.sign} {self.count:,} {self.word}", style=self.style)
        short = f"{self.count:,} {self.word}" if self.needs_word else f"{self.sign}{self.count:,}"
        return Text(f"{GAP}{short}", style=self.style)


def counts(tally: Tally, looks: Looks) -> Iterator[Count]:
    """The counts, the most important first: stale rows, faults worst first, the others, and those
    that are up.
    """
    palette = looks.palette
    statuses = tally.statuses()
    up = statuses.pop(Status.UP, 0)
    if tally.stale:
        yield Count(STALE_SYMBOL, tally.stale, STALE, palette.warning)
    for status, count in statuses.items():
        yield Count(SYMBOLS[status], count, status, palette.status[status])
    for word, count in tally.shut().items():
        sign = SIGN if word == PENDING else SHUT_SYMBOL
        yield Count(sign, count, word, needs_word=True)
    if tally.unregistered:
        yield Count("*", len(tally.unregistered), "unregistered")
    if tally.muted:
        yield Count("=", len(tally.muted), "muted")
    if up:
        yield Count(SYMBOLS[Status.UP], up, Status.UP, palette.dim)


def counts_line(
    view: View, looks: Looks, columns: Sequence[Place], *, editing: bool, width: int
) -> Text:
    """What is shown and marked, the faults by status, the number of forwards, and at the right the
    fleet as a bar, if there is room. Of words that do not fit the last ones go.

    `columns` are the visible ones: if the rows are sorted by another, the line says so.
    """
    text = notes(view, editing=editing)
    if columns and view.sort_by not in {place.column.id for place in columns}:
        text.append(f" by {BY_ID[view.sort_by].title}{arrow(view)} ", style="reverse").append(GAP)
    tally = view.count()
    count = len(view.rows) - tally.shut().get(PENDING, 0)
    total = Text(f"{count:,} forward{'' if count == 1 else 's'}")
    found = tuple(counts(tally, looks))
    if text.plain.endswith("of "):
        text.append(total)
        return with_bar(text.append(with_words(found, width - text.cell_len)), tally, looks, width)
    total.stylize(looks.palette.dim)
    left = width - text.cell_len - total.cell_len - len(GAP)
    told = with_words(found, left)
    text.append(told[len(GAP) :]).append(GAP if told else "").append(total)
    return with_bar(text, tally, looks, width)


def with_bar(text: Text, tally: Tally, looks: Looks, width: int) -> Text:
    """The line, and the fleet's bar at the right end if there is room."""
    room = width - text.cell_len - CELLS
    if room < len(GAP) or not tally.words:
        return text
    text.append(" " * room)
    for cells, style in fleet_bar(tally, looks.palette):
        text.append(cells, style=style)
    return text


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
