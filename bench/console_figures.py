"""The console's figures, each with the DataTable's and its target."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.console_pty import Paint, Spell, high
from bench.console_writer import CHANGES_A_SECOND
from bench.cpu import Memory
from bench.figures import Figure, times

FIRST_ROWS_S = 0.5
KEY_MS = 50.0
ONE_ROW_BYTES = 1500
MOVE_BYTES = 600
SHEET_MS = 50.0
IDLE_SHARE = 1.0
ONCE_MS = 100.0
SWEPT = "idle CPU, sweeps go on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of one program with one size of the table, at 80x24."""

    first_rows_s: Sequence[float]
    settled_s: float
    rest: Spell | None
    """While nothing is written to the state file; None: not measured."""
    swept: Spell
    """While sweeps find no change."""
    busy: Spell
    memory: Memory
    changed: Sequence[Paint]
    keys: Mapping[str, Sequence[Paint]]

    @property
    def idle(self) -> Spell:
        return self.rest or self.swept


@dataclass(frozen=True, slots=True, kw_only=True)
class Wide:
    """What was measured of a scrolled page in a larger terminal."""

    console: Sequence[Paint]
    beside: Sequence[Paint]


def painted_ms(answers: Sequence[Paint]) -> list[float]:
    return [answer.painted_ms for answer in answers]


def size_of(answers: Sequence[Paint]) -> float:
    return statistics.median(answer.size for answer in answers)


def first_text(one: Measured) -> str:
    found = one.first_rows_s
    return (
        f"median {statistics.median(found):.2f} s, worst {max(found):.2f} s of {len(found)};"
        f" settled after {one.settled_s:.1f} s"
    )


def key_text(answers: Sequence[Paint]) -> str:
    painted = painted_ms(answers)
    begun = statistics.median(answer.first_ms for answer in answers)
    return (
        f"p50 {statistics.median(painted):.0f} ms, p95 {high(painted):.0f} ms of {len(painted)};"
        f" first byte p50 {begun:.0f} ms"
    )


def size_text(answers: Sequence[Paint]) -> str:
    return f"{size_of(answers):,.0f} bytes"


def busy_text(one: Measured) -> str:
    return f"{one.busy.share:.1f} % of a core, {one.busy.size / one.busy.seconds:,.0f} bytes/s"


def memory_text(one: Measured) -> str:
    return f"RSS {one.memory.rss_mb:.0f} MB, PSS {one.memory.pss_mb:.0f} MB"


@dataclass(frozen=True, slots=True)
class Pair:
    """Our table and Textual's DataTable with the same rows; makes figures that compare them."""

    rows: int
    console: Measured
    beside: Measured

    def figure(
        self,
        what: str,
        text: Callable[[Measured], str],
        value: Callable[[Measured], float],
        target: str = "",
        *,
        met: bool | None = None,
    ) -> Figure:
        ratio = times(value(self.beside), value(self.console))
        return Figure(
            what=f"console, {self.rows:,} rows: {what}",
            measured=text(self.console),
            beside=f"DataTable: {text(self.beside)}; {ratio}",
            target=target,
            met=met,
        )


def size_figures(rows: int, console: Measured, beside: Measured) -> list[Figure]:
    """Return all figures for one size of the table."""
    pair = Pair(rows, console, beside)
    return [*speed_figures(pair), *byte_figures(pair), *cpu_figures(pair)]


def speed_figures(pair: Pair) -> Iterator[Figure]:
    first_rows_s = statistics.median(pair.console.first_rows_s)
    yield pair.figure(
        "first rows",
        first_text,
        lambda one: statistics.median(one.first_rows_s),
        f"<= {FIRST_ROWS_S:g} s",
        met=first_rows_s <= FIRST_ROWS_S,
    )
    for key, answers in pair.console.keys.items():
        yield pair.figure(
            f"key to paint, {key}",
            lambda one, key=key: key_text(one.keys[key]),  # type: ignore[misc]
            lambda one, key=key: high(painted_ms(one.keys[key])),  # type: ignore[misc]
            f"p95 <= {KEY_MS:g} ms",
            met=high(painted_ms(answers)) <= KEY_MS,
        )


def byte_figures(pair: Pair) -> Iterator[Figure]:
    console = pair.console
    yield pair.figure(
        f"bytes for nothing, {console.swept.seconds:.0f} s of sweeps",
        lambda one: f"{one.swept.size:,} bytes",
        lambda one: one.swept.size,
        "0",
        met=console.swept.size == 0,
    )
    yield pair.figure(
        "bytes for one changed row",
        lambda one: size_text(one.changed),
        lambda one: size_of(one.changed),
        f"<= {ONE_ROW_BYTES:,}",
        met=size_of(console.changed) <= ONE_ROW_BYTES,
    )
    yield pair.figure(
        "bytes for one move of the cursor",
        lambda one: size_text(one.keys["down"]),
        lambda one: size_of(one.keys["down"]),
        f"<= {MOVE_BYTES:,}",
        met=size_of(console.keys["down"]) <= MOVE_BYTES,
    )
    for what, key in (("a page scrolled", "page down"), ("a sort", "sort by the next column")):
        yield pair.figure(
            f"bytes for {what}",
            lambda one, key=key: size_text(one.keys[key]),  # type: ignore[misc]
            lambda one, key=key: size_of(one.keys[key]),  # type: ignore[misc]
        )


def cpu_figures(pair: Pair) -> Iterator[Figure]:
    console = pair.console
    yield pair.figure(
        "idle CPU" if console.rest else SWEPT,
        lambda one: f"{one.idle.share:.1f} % of a core",
        lambda one: one.idle.share,
        f"<= {IDLE_SHARE:g} %",
        met=console.idle.share <= IDLE_SHARE,
    )
    if console.rest:
        yield pair.figure(
            SWEPT,
            lambda one: f"{one.swept.share:.1f} % of a core",
            lambda one: one.swept.share,
            f"<= {IDLE_SHARE:g} %",
            met=console.swept.share <= IDLE_SHARE,
        )
    yield pair.figure(f"{CHANGES_A_SECOND} changes a second", busy_text, lambda one: one.busy.share)
    yield pair.figure("memory", memory_text, lambda one: one.memory.pss_mb)


def wide_figure(rows: int, size: tuple[int, int], wide: Wide) -> Figure:
    return Figure(
        what=f"console, {rows:,} rows: a page scrolled at {size[0]}x{size[1]}",
        measured=f"{size_text(wide.console)}; {key_text(wide.console)}",
        beside=(
            f"DataTable: {size_text(wide.beside)}; {key_text(wide.beside)};"
            f" {times(size_of(wide.beside), size_of(wide.console))}"
        ),
    )


def move_figure(rows: int, size: tuple[int, int], moved: Sequence[Paint]) -> Figure:
    return Figure(
        what=f"console, {rows:,} rows: one move of the cursor at {size[0]}x{size[1]}",
        measured=f"{size_text(moved)}; {key_text(moved)}",
        target=f"<= {MOVE_BYTES:,} bytes",
        met=size_of(moved) <= MOVE_BYTES,
    )


def sheet_figure(rows: int, size: tuple[int, int], opened: Sequence[Paint]) -> Figure:
    return Figure(
        what=f"console, {rows:,} rows: the sheet of a row opened at {size[0]}x{size[1]}",
        measured=f"{key_text(opened)}; {size_text(opened)}",
        beside="no such screen",
        target=f"p50 <= {SHEET_MS:g} ms",
        met=statistics.median(painted_ms(opened)) <= SHEET_MS,
    )


def once_figure(nodes: int, shown_ms: Sequence[float], nothing_ms: Sequence[float]) -> Figure:
    shown, nothing = statistics.median(shown_ms), statistics.median(nothing_ms)
    return Figure(
        what=f"`--once --json`, {nodes:,} nodes",
        measured=f"median {shown:.0f} ms, worst {max(shown_ms):.0f} ms of {len(shown_ms)}",
        beside=f"`python3 -c pass`: {nothing:.0f} ms; {times(shown, nothing)}",
        target=f"<= {ONCE_MS:g} ms",
        met=shown <= ONCE_MS,
    )
