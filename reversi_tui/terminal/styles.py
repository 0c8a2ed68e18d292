"""Shorter output with the same look: styles, moves of the cursor and blanks. Pure.

Rich ends each piece of text with a reset, and begins the next one with its whole style; only what
differs is written. Source: ECMA-48, 8.3.117 (SGR).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

STYLE = re.compile(r"(\x1b\[[\d;]*m)")
MOVED_ON = re.compile(r"(?:\x1b\[\d+;\d+H|\r\n)+(?=\x1b\[\d+;\d+H)")
"""Moves of the cursor right before another one."""
BLANKS = re.compile(r" {16,}")
"""So many blanks take more bytes than to erase them."""
ESC, RESET = "\x1b", "\x1b[0m"
UNKNOWN = "unknown"
"""Before the first reset, and after several styles without one between."""
WIDE = {"5": 3, "2": 5}
"""How many numbers a colour beyond the first 16 takes, by the second of them."""
INTENSITY = frozenset({"1", "2"})
"""Bold and dim: one number ends both."""
ENDS = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "7": "27", "9": "29"}
ENDS |= {"text": "39", "behind": "49"}
"""What ends a part of a style."""


ON_BLANKS = frozenset({"3", "4", "5", "7", "9", "21", "53"})
"""Attributes that show on a blank, but not on an erased cell."""


class Shortener:
    """Knows the style in force from one write to the next."""

    def __init__(self, *, erases: bool = False) -> None:
        """`erases`: the terminal erases cells in the colour behind the text."""
        self.style, self.erases = UNKNOWN, erases

    def shortened(self, output: str) -> str:
        """The output with shorter sequences, and the same look."""
        return "".join(self.pieces(output)) if ESC in output else output

    def pieces(self, output: str) -> Iterator[str]:
        is_reset = False
        for piece in STYLE.split(output):
            if piece == RESET:
                is_reset = True
            elif piece and STYLE.fullmatch(piece):
                yield change(self.style, piece) if is_reset else piece
                self.style = piece if is_reset or not self.style else UNKNOWN
                is_reset = False
            elif piece:
                yield from self.ended(is_reset=is_reset)
                is_reset = False
                yield self.text(piece)
        yield from self.ended(is_reset=is_reset)

    def text(self, piece: str) -> str:
        """The text between two styles."""
        piece = MOVED_ON.sub("", piece)
        if not self.erases or self.style == UNKNOWN or ON_BLANKS & parts(self.style).keys():
            return piece
        return BLANKS.sub(erased, piece)

    def ended(self, *, is_reset: bool) -> Iterator[str]:
        """Write a reset that was held back."""
        if is_reset:
            self.style = ""
            yield RESET


def erased(blanks: re.Match[str]) -> str:
    """ECH and CUF: erase so many cells, and go behind them. Source: ECMA-48, 8.3.38 and 8.3.20."""
    count = len(blanks[0])
    return f"\x1b[{count}X\x1b[{count}C"


@lru_cache(maxsize=4096)
def change(before: str, after: str) -> str:
    """The sequence from one style to another; `before` is empty if there is none."""
    afresh = f"\x1b[0;{after[2:]}"
    if before == UNKNOWN:
        return afresh
    old, new = parts(before), parts(after)
    wanted = [ENDS[name] for name in old if name not in new]
    is_lighter = bool(INTENSITY & (old.keys() - new.keys()))
    for name, numbers in new.items():
        if old.get(name) != numbers or (is_lighter and name in INTENSITY):
            wanted.append(numbers)
    text = ";".join(dict.fromkeys(wanted))
    short = f"\x1b[{text}m" if text else ""
    return min(short, afresh, key=len)


@lru_cache(maxsize=4096)
def parts(style: str) -> Mapping[str, str]:
    """The numbers of a style by what they are about; an attribute is about itself."""
    numbers, found = style[2:-1].split(";") if style else [], dict[str, str]()
    while numbers:
        first = numbers[0]
        count = WIDE.get(numbers[1], 1) if first in ("38", "48") and len(numbers) > 1 else 1
        found[about(int(first or 0))] = ";".join(numbers[:count])
        numbers = numbers[count:]
    return found


def about(number: int) -> str:
    if 30 <= number <= 39 or 90 <= number <= 97:
        return "text"
    if 40 <= number <= 49 or 100 <= number <= 107:
        return "behind"
    return str(number)
