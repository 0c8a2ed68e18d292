"""Press keys in the console and in the DataTable, and measure what each paints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, islice

from bench.console_home import PLACES
from bench.console_pty import Paint, Terminal
from demo.processes import DemoFailed

DOWN, UP, PAGE_DOWN, PAGE_UP, SORT, FILTER, ENTER, ESCAPE = (
    b"\x1b[B",
    b"\x1b[A",
    b"\x1b[6~",
    b"\x1b[5~",
    b">",
    b"/",
    b"\r",
    b"\x1b",
)
IN_SIGHT = 10
"""How many rows the cursor goes down before it goes up again, so that nothing scrolls."""
KEYS = ("down", "page down", "sort by the next column", "a letter of a filter")


def answered(answers: Sequence[Paint | None], key: str) -> tuple[Paint, ...]:
    """Drop the answers that painted nothing. Raises DemoFailed if none is left."""
    found = tuple(answer for answer in answers if answer)
    if not found:
        raise DemoFailed(f"nothing was painted for {key}, {len(answers)} times")
    return found


async def each(terminal: Terminal, keys: Sequence[bytes], name: str) -> tuple[Paint, ...]:
    return answered([await terminal.press(key) for key in keys], name)


async def paged(terminal: Terminal, presses: int) -> tuple[Paint, ...]:
    """Press page down and page up in turn, starting at the first row."""
    return await each(
        terminal, list(islice(cycle((PAGE_DOWN, PAGE_UP)), presses + presses % 2)), "page down"
    )


async def moved(terminal: Terminal, presses: int) -> tuple[Paint, ...]:
    """Move the cursor a few rows down and up again, so that nothing scrolls."""
    turn = min(IN_SIGHT, presses // 2)
    return await each(terminal, list(islice(cycle([DOWN] * turn + [UP] * turn), presses)), "down")


async def sheets(terminal: Terminal, presses: int) -> tuple[Paint, ...]:
    """Open the sheet of a row and close it again; return what opening it painted."""
    answers = []
    for _ in range(presses):
        answers.append(await terminal.press(ENTER))
        await terminal.press(ESCAPE)
    return answered(answers, "enter")


async def filtered(terminal: Terminal, count: int) -> tuple[Paint, ...]:
    """Type words letter by letter, each into a new filter."""
    answers: list[Paint | None] = []
    for word in cycle(PLACES):
        letters = [bytes([letter]) for letter in word.encode()][: count - len(answers)]
        if not letters:
            return answered(answers, "a letter of a filter")
        await terminal.press(FILTER)
        answers += [await terminal.press(letter) for letter in letters]
        await terminal.press(ESCAPE)
    raise AssertionError


async def all_keys(
    terminal: Terminal, presses: int, letters: int
) -> Mapping[str, tuple[Paint, ...]]:
    """Press all KEYS; return the answers by name. Sort only after the keys that need the order."""
    down, page = await moved(terminal, presses), await paged(terminal, presses)
    sort = await each(terminal, [SORT] * presses, KEYS[2])
    return dict(zip(KEYS, (down, page, sort, await filtered(terminal, letters)), strict=True))
