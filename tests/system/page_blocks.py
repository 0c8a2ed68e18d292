"""The commands of a page: each line of its `sh` blocks, in order. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

FENCE = re.compile(r" *```(\w*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block."""

    section: str
    """The heading above the block."""
    kind: str
    """The block's info string."""
    lines: tuple[str, ...]


def blocks(text: str) -> Iterator[Block]:
    """All fenced blocks of a page."""
    section = ""
    kind: str | None = None
    lines: list[str] = []
    for line in text.splitlines():
        fence = FENCE.match(line)
        if fence and kind is None:
            kind, lines = fence[1], []
        elif fence and kind is not None:
            yield Block(section=section, kind=kind, lines=tuple(lines))
            kind = None
        elif kind is not None:
            lines.append(line.strip())
        elif line.startswith("#"):
            section = line.lstrip("# ")
    assert kind is None, f"a block in {section!r} has no end"


def commands(text: str) -> list[str]:
    """The lines that a reader of the page types."""
    return [line for block in blocks(text) if block.kind == "sh" for line in block.lines]
