"""What the table shows as a picture: SVG with text, and without anything from elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby

from checker.rows.row import Row
from reversi_tui.rows.columns import Column
from reversi_tui.rows.palette import LIGHT, Palette
from reversi_tui.rows.tones import Tone, tone_of
from reversi_tui.rows.written import Shown

CELL, LINE, MARGIN = 8.4, 18, 12
"""Sizes in pixels: of a cell, of a line, and around the table."""
DESCENT = 5
"""Pixels between the text and the end of its line."""
GAP = 2
"""Cells between two columns."""
HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" font-family="monospace" font-size="14"'
    ' width="{:.0f}" height="{}">'
)
Piece = tuple[str, str]
"""A style of the palette, and the text that has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is shown, and its colours."""

    shown: Shown
    palette: Palette

    def pieces(self, row: Row, column: Column, text: str) -> Iterator[Piece]:
        """The parts of a cell that look the same, as the table paints them."""
        palette, tone = self.palette, tone_of(row, self.shown.moment)
        base = {Tone.QUIET: palette.quiet, Tone.FAULT: "", Tone.STALE: palette.stale}[tone]
        if tone is not Tone.QUIET and column.id == "node":
            yield palette.fault, text
        elif tone is Tone.STALE:
            yield palette.warning if column.id == "status" else base, text
        elif tone is Tone.FAULT and column.id == "status":
            yield palette.status[row.seen.status], text
        elif column.id == "day":
            styles = {level.value: style for level, style in palette.levels.items()}
            for sign, same in groupby(text):
                yield styles.get(sign, base), "".join(same)
        else:
            yield base, text


def svg(shown: Shown, palette: Palette) -> str:
    """The picture, in the colours of the theme, or the light one if it leaves them to the
    terminal.
    """
    palette = palette if palette.background else LIGHT
    picture = Picture(shown=shown, palette=palette)
    titles = [column.title for column in shown.columns]
    texts = [shown.texts(row) for row in shown.rows]
    widths = [max(map(len, cells)) for cells in zip(titles, *texts, strict=True)]
    lines = [[[(palette.heading, title)] for title in titles]]
    for row, cells in zip(shown.rows, texts, strict=True):
        both = zip(shown.columns, cells, strict=True)
        lines.append([list(picture.pieces(row, column, text)) for column, text in both])
    width = (sum(widths) + GAP * (len(widths) - 1)) * CELL + 2 * MARGIN
    drawn = [HEAD.format(width, len(lines) * LINE + 2 * MARGIN)]
    drawn.append(f'<rect width="100%" height="100%" fill="{palette.background}"/>')
    drawn.append(f'<g fill="{palette.foreground}">')
    for number, line in enumerate(lines):
        at, y = 0, MARGIN + (number + 1) * LINE - DESCENT
        for column, pieces, cell_width in zip(shown.columns, line, widths, strict=True):
            indent = cell_width - sum(len(text) for _, text in pieces) if column.right else 0
            drawn += texts_of(pieces, at + indent, y)
            at += cell_width + GAP
    return "\n".join((*drawn, "</g>", "</svg>", ""))


def texts_of(pieces: Iterable[Piece], at: int, y: int) -> Iterator[str]:
    """The pieces, the first one at this cell; their length does not depend on the font."""
    for style, text in pieces:
        if text.strip():
            x, length = MARGIN + at * CELL, len(text) * CELL
            yield (
                f'<text x="{x:.1f}" y="{y}" textLength="{length:.1f}"{attributes(style)}>'
                f"{escape(text)}</text>"
            )
        at += len(text)


def attributes(style: str) -> str:
    """A style of the palette as attributes of SVG."""
    words = style.split()
    colour = next((word for word in words if word.startswith("#")), "")
    weight = ' font-weight="bold"' if "bold" in words else ""
    return (f' fill="{colour}"' if colour else "") + weight
