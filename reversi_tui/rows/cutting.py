"""Cuts a text that is too long for its cell, where that costs the least. Pure."""

from __future__ import annotations

from collections.abc import Callable

MARK = "…"
Cutter = Callable[[str, int], str]
"""Shortens a text that is longer than the width."""


def cut_end(text: str, width: int) -> str:
    """Keep the beginning: a sentence begins with what matters."""
    return text[: max(0, width - 1)] + MARK


def cut_start(text: str, width: int) -> str:
    """Keep the end: the newest of a line of bars."""
    return text[-width:] if width > 0 else ""


def cut_middle(text: str, width: int, tail: int = 0) -> str:
    """Keep beginning and end: names of a fleet often differ only at their end. The end gets `tail`
    cells, or two in five.
    """
    kept = max(0, width - 1)
    tail = min(tail or kept * 2 // 5, max(0, kept - 1))
    return text[: kept - tail] + MARK + (text[-tail:] if tail else "")


def cut_address(text: str, width: int) -> str:
    """Keep the port of HOST:PORT."""
    host, colon, port = text.rpartition(":")
    if not host or not port.isdigit():
        return cut_middle(text, width)
    return cut_middle(text, width, max(len(colon + port), max(0, width - 1) * 2 // 5))


def in_cell(text: str, width: int, cutter: Cutter = cut_end, *, right: bool = False) -> str:
    """The text in exactly `width` cells; each of its characters takes one."""
    if len(text) > width:
        return cutter(text, width)[:width]
    return text.rjust(width) if right else text.ljust(width)
