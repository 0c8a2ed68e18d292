"""What a terminal would show for the written bytes, and the modes it would be left in."""

from __future__ import annotations

import re

import pyte

PRIVATE = re.compile(
    rb"\x1b\[[<=>][0-9;]*[ -/]*[@-~]|\x1b\[\?[0-9;]*\$p|\x1bP.*?\x1b\\|\x1b\].*?(?:\x07|\x1b\\)",
    re.DOTALL,
)
"""What terminals understand or swallow, and the emulator does neither: key protocols, questions,
titles.
"""
SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|P.*?\x1b\\|[ -/]*[0-OQ-Z\\^-~])",
    re.DOTALL,
)
"""A whole control sequence."""
MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
COLOUR_OR_STYLE = re.compile(rb"\x1b\[([0-9;:]*)m")
ON_AT_FIRST = {7, 25}
"""Lines wrap, and the cursor is seen."""


class Emulator:
    """A terminal's screen; it takes each byte once, as that is slow."""

    def __init__(self, size: tuple[int, int] = (80, 24)) -> None:
        self.screen = pyte.Screen(*size)
        self.stream = pyte.ByteStream(self.screen)
        self.taken = 0

    def lines(self, written: bytes) -> list[str]:
        """The lines on the screen; `written` begins with what it was the last time."""
        new = written[self.taken :]
        last = new.rfind(b"\x1b")
        if last >= 0 and not SEQUENCE.match(new, last):
            new = new[:last]
        self.taken += len(new)
        self.stream.feed(PRIVATE.sub(b"", new))
        return [line.rstrip() for line in self.screen.display]


def modes(written: bytes) -> set[int]:
    """The private modes that are on after it."""
    on = set(ON_AT_FIRST)
    for numbers, switch in MODE.findall(written):
        for number in map(int, numbers.split(b";")):
            on.add(number) if switch == b"h" else on.discard(number)
    return on


def keys_pushed(written: bytes) -> int:
    """How many times the keyboard's protocol was changed and not changed back."""
    return len(re.findall(rb"\x1b\[>\d+u", written)) - len(re.findall(rb"\x1b\[<\d*u", written))


def renditions(written: bytes) -> set[bytes]:
    """Each colour or style that was asked for, by its numbers; colours of many as `38;5` and
    `38;2`.
    """
    found = set()
    for numbers in COLOUR_OR_STYLE.findall(written):
        codes = re.split(b"[;:]", numbers)
        while codes:
            code = codes.pop(0)
            if code in (b"38", b"48") and codes:
                kind = codes.pop(0)
                del codes[: 1 if kind == b"5" else 3]
                code += b";" + kind
            found.add(code or b"0")
    return found
