"""Measure the console's event log: the first rows, and each letter of a filter over all of it."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.console_keys import answered
from bench.console_plan import ConsolePlan
from bench.console_pty import Paint, Terminal, high
from bench.figures import Figure, times
from checker.config.layout import Layout
from checker.model import Event, EventKind, NodeName, Port
from checker.state.rows import Batch
from checker.state.store import open_reader, open_store

FIRST_ROWS_S = 0.3
LETTER_MS = 50.0
OPEN, FILTER, ESCAPE = b"v", b"/", b"\x1b"
WORDS = ("killed", "mill-0", "actor:ada", "nowhere")
"""Typed into the filter: many, some, few and no events have them."""
ALL_EVENTS = "SELECT * FROM event ORDER BY id DESC"


def events_of(count: int, nodes: list[NodeName], now: float) -> Iterator[Event]:
    """A past as gateways have it: mostly changes of status and registrations."""
    choice = random.Random(count)
    for number in range(count):
        node, at = choice.choice(nodes), now - (count - number) * 30.0
        kind = choice.choices(
            (EventKind.STATUS, EventKind.HOLD, EventKind.KILL, EventKind.REFUSED, EventKind.SHELL),
            (50, 40, 5, 4, 1),
        )[0]
        text = {
            EventKind.STATUS: "up -> hung",
            EventKind.HOLD: f"instance {number:x} registered from 203.0.113.{number % 250}:40022",
            EventKind.KILL: f"killed sshd {4000 + number % 20000}: hung for 32 s",
            EventKind.REFUSED: "the node asked for a port that it may not have",
            EventKind.SHELL: f"ssh -p {20000 + number % 5000} root@127.0.0.1",
        }[kind]
        actor = "ada" if kind is EventKind.SHELL else "daemon"
        yield Event(at=at, kind=kind, text=text, node=node, port=Port(20000), actor=actor)


def write_past(layout: Layout, count: int, nodes: list[NodeName]) -> None:
    store = open_store(layout.state)
    try:
        store.write(Batch(events=tuple(events_of(count, nodes, time.time()))))
    finally:
        store.close()


def plain_s(states: Sequence[Path], word: str) -> float:
    """How long it takes to read the whole log and to search it in Python, in seconds."""
    return sum(plainly_searched_s(state, word) for state in states)


def plainly_searched_s(state: Path, word: str) -> float:
    store = open_reader(state)
    try:
        began = time.monotonic()
        with store.using() as db:
            rows = db.execute(ALL_EVENTS).fetchall()
        found = [row for row in rows if any(word in str(value).lower() for value in row)]
        assert len(found) <= len(rows)
        return time.monotonic() - began
    finally:
        store.close()


async def opened(terminal: Terminal, count: int) -> tuple[Paint, ...]:
    """Open the log so many times; it is open afterwards."""
    answers = []
    for number in range(count):
        if number:
            await terminal.press(ESCAPE)
        answers.append(await terminal.press(OPEN))
    return answered(answers, "the event log")


async def letters(terminal: Terminal) -> tuple[Paint, ...]:
    """Type each word, letter by letter."""
    answers: list[Paint | None] = []
    for word in WORDS:
        await terminal.press(FILTER)
        answers += [await terminal.press(bytes([letter])) for letter in word.encode()]
        await terminal.press(ESCAPE)
    return answered(answers, "a letter of the log's filter")


async def event_figures(terminal: Terminal, state: Path, plan: ConsolePlan) -> list[Figure]:
    """Measure a console that shows its table, over a state file with that many events."""
    return await log_figures(terminal, [state], f"event log, {plan.events:,} events", plan.starts)


async def log_figures(
    terminal: Terminal, states: Sequence[Path], what: str, starts: int
) -> list[Figure]:
    """Measure the event log over these files; it opens so many times."""
    await terminal.settled()
    first = await opened(terminal, starts)
    typed = await letters(terminal)
    beside_s = statistics.median([await asyncio.to_thread(plain_s, states, word) for word in WORDS])
    beside = f"reading and searching it all in Python: {beside_s * 1000:.0f} ms"
    first_s = statistics.median(one.painted_ms for one in first) / 1000
    typed_ms = high([one.painted_ms for one in typed])
    middle_ms = statistics.median(one.painted_ms for one in typed)
    return [
        Figure(
            what=f"{what}: first rows",
            measured=f"median {first_s:.2f} s of {len(first)}",
            beside=f"{beside}; {times(beside_s, first_s)}",
            target=f"<= {FIRST_ROWS_S:g} s",
            met=first_s <= FIRST_ROWS_S,
        ),
        Figure(
            what=f"{what}: a letter of a filter",
            measured=f"p50 {middle_ms:.0f} ms, p95 {typed_ms:.0f} ms of {len(typed)}",
            beside=f"{beside}; {times(beside_s * 1000, typed_ms)}",
            target=f"p95 <= {LETTER_MS:g} ms",
            met=typed_ms <= LETTER_MS,
        ),
    ]
