"""The keys that are pressed in the console and in what stands beside it, and what came of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, islice

from bench.console_home import PLACES
from bench.console_pty import Answer, Terminal
from demo.processes import DemoFailed

DOWN, UP, PAGE_DOWN, PAGE_UP, SORT, FILTER, ESCAPE = (
    b"\x1b[B",
    b"\x1b[A",
    b"\x1b[6~",
    b"\x1b[5~",
    b">",
    b"/",
    b"\x1b",
)
IN_SIGHT = 10
"""Rows that the cursor goes down before it goes up again, so that nothing scrolls."""
KEYS = ("down", "page down", "sort by the next column", "a letter of a filter")


def answered(answers: Sequence[Answer | None], key: str) -> tuple[Answer, ...]:
    """Those that brought anything. Raises DemoFailed where none did."""
    found = tuple(answer for answer in answers if answer)
    if not found:
        raise DemoFailed(f"{len(answers)} times {key} was pressed, and nothing was written")
    return found


async def each(terminal: Terminal, keys: Sequence[bytes], name: str) -> tuple[Answer, ...]:
    return answered([await terminal.press(key) for key in keys], name)


async def paged(terminal: Terminal, presses: int) -> tuple[Answer, ...]:
    """Down a page and up again, from the first row on."""
    return await each(
        terminal, list(islice(cycle((PAGE_DOWN, PAGE_UP)), presses + presses % 2)), "page down"
    )


async def moved(terminal: Terminal, presses: int) -> tuple[Answer, ...]:
    """Down a few rows and up again; nothing scrolls."""
    turn = min(IN_SIGHT, presses // 2)
    return await each(terminal, list(islice(cycle([DOWN] * turn + [UP] * turn), presses)), "down")


async def filtered(terminal: Terminal, count: int) -> tuple[Answer, ...]:
    """Words typed letter by letter, each in a filter of its own."""
    answers: list[Answer | None] = []
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
) -> Mapping[str, tuple[Answer, ...]]:
    """By the names of KEYS; the sort comes after what needs the first page as it was."""
    down, page = await moved(terminal, presses), await paged(terminal, presses)
    sort = await each(terminal, [SORT] * presses, KEYS[2])
    return dict(zip(KEYS, (down, page, sort, await filtered(terminal, letters)), strict=True))
