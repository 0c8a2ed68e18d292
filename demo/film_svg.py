"""Draw an animated SVG of a terminal: pure CSS, no script, no external font."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from xml.sax.saxutils import escape

COLUMNS, ROWS = 104, 13
SPEED = 4.0
"""How many seconds of real time pass in one second of the film."""
STEP_S = 1.0
"""The real time between two pictures."""
HOLD_S = 4.0
"""How long the last picture stays, in the film's time."""
CELL, HEIGHT = 8.4, 17.0
TOP, LEFT = 42.0, 14.0
CAPTION_ROW, CAPTION_X = -1.85, 8
"""The text beside the window's buttons."""
BACK, FORE = "#292929", "#c5c8c6"
COLOURS = {
    "black": "#4b4e55",
    "red": "#cc555a",
    "green": "#98a84b",
    "brown": "#d0b344",
    "blue": "#608ab1",
    "magenta": "#98729f",
    "cyan": "#68a0b3",
    "white": "#c5c8c6",
    "brightblack": "#868887",
    "brightred": "#ff5f67",
    "brightgreen": "#b9ca4a",
    "brightbrown": "#e7c547",
    "brightblue": "#7aa6da",
    "brightmagenta": "#c397d8",
    "brightcyan": "#70c0b1",
    "brightwhite": "#ffffff",
}
"""The colours by pyte's names."""

Cell = tuple[str, str, str, bool, bool]
"""Character, colour, background, bold, and whether the two colours are swapped."""


class Phase(Enum):
    """The steps of the story."""

    BEFORE = 0
    FROZEN = 1
    HUNG = 2
    KILLED = 3
    BACK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Consecutive characters with the same style."""

    x: int
    text: str
    fore: str = FORE
    back: str = BACK
    bold: bool = False


Line = tuple[Run, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What the screen showed at one moment."""

    at_s: float
    phase: Phase
    caption: str
    lines: tuple[Line, ...]


def colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return COLOURS.get(name, f"#{name}")


def look(cell: Cell) -> tuple[str, str, bool]:
    _, fg, bg, bold, reverse = cell
    fore, back = colour(fg, FORE), colour(bg, BACK)
    return (back, fore, bold) if reverse else (fore, back, bold)


def runs_of(cells: Sequence[Cell]) -> Line:
    """Split the line into runs, one for each column, without blanks on the plain background."""
    found: list[Run] = []
    start = 0
    while start < len(cells):
        end = start + 1
        fore, back, bold = look(cells[start])
        while end < len(cells) and look(cells[end]) == (fore, back, bold):
            end += 1
        text = "".join(cell[0] or " " for cell in cells[start:end])
        if back != BACK:
            found.append(Run(x=start, text=" " * len(text), fore=fore, back=back))
        found += [Run(x=start + at, text=word, fore=fore, bold=bold) for at, word in words(text)]
        start = end
    return tuple(found)


def words(text: str) -> Iterator[tuple[int, str]]:
    """Return the parts of a text between two or more blanks, and where each begins."""
    at = 0
    for part in text.split("  "):
        if part.strip():
            yield at + len(part) - len(part.lstrip()), part.strip()
        at += len(part) + 2


def thinned(frames: Sequence[Frame]) -> list[Frame]:
    """Keep one frame for each STEP_S, and each frame with the next step of the story."""
    kept: list[Frame] = []
    for frame in frames:
        if not kept or frame.phase != kept[-1].phase or frame.at_s >= kept[-1].at_s + STEP_S:
            kept.append(frame)
    return kept


def rows(frame: Frame) -> Iterator[tuple[float, Run]]:
    """Return the runs of a frame, each with its row."""
    yield CAPTION_ROW, Run(x=CAPTION_X, text=frame.caption, fore=COLOURS["brightwhite"], bold=True)
    for row, line in enumerate(frame.lines):
        for run in line:
            yield row, run


def intervals(frames: Sequence[Frame]) -> dict[tuple[float, Run], list[tuple[int, int]]]:
    """Return the spans of frames that show each run: the first, and the one after the last."""
    found: dict[tuple[float, Run], list[tuple[int, int]]] = {}
    for number, frame in enumerate(frames):
        for placed in rows(frame):
            spans = found.setdefault(placed, [])
            if spans and spans[-1][1] == number:
                spans[-1] = (spans[-1][0], number + 1)
            else:
                spans.append((number, number + 1))
    return found


def keyframes(name: str, spans: Sequence[tuple[int, int]], shares: Sequence[float]) -> str:
    """Return CSS that shows something only in these spans.

    `shares` has the start of each frame, in percent.
    """
    steps = [] if spans[0][0] == 0 else ["0%{opacity:0}"]
    for first, after in spans:
        steps.append(f"{shares[first]:.4g}%{{opacity:1}}")
        if after < len(shares) - 1:
            steps.append(f"{shares[after]:.4g}%{{opacity:0}}")
    return f"@keyframes {name}{{{''.join(steps)}}}.{name}{{animation-name:{name}}}"


def drawn(row: float, run: Run, classes: str) -> str:
    x, y = LEFT + run.x * CELL, TOP + row * HEIGHT
    mark = f' class="{classes}"' if classes else ""
    width = f"{len(run.text) * CELL:.4g}"
    if not run.text.strip():
        size = f'width="{width}" height="{HEIGHT + 0.4:g}"'
        return f'<rect{mark} x="{x:.5g}" y="{y:.5g}" {size} fill="{run.back}"/>'
    fill = "" if run.fore == FORE else f' fill="{run.fore}"'
    bold = ' font-weight="bold"' if run.bold else ""
    place = f'x="{x:.5g}" y="{y + 13:.5g}" textLength="{width}"'
    return f"<text{mark} {place}{fill}{bold}>{escape(run.text)}</text>"


def animated(frames: Sequence[Frame]) -> str:
    """Return the film. A viewer without animation shows the frame in which the tunnel hangs."""
    kept = thinned(frames)
    begins = [(frame.at_s - kept[0].at_s) / SPEED for frame in kept]
    length_s = begins[-1] + HOLD_S
    shares = [100 * at / length_s for at in (*begins, length_s)]
    still = max(
        (number for number, frame in enumerate(kept) if frame.phase is Phase.HUNG), default=0
    )
    names: dict[tuple[tuple[int, int], ...], str] = {}
    parts: list[tuple[bool, str]] = []
    for (row, run), spans in intervals(kept).items():
        if spans == [(0, len(kept))]:
            parts.append((bool(run.text.strip()), drawn(row, run, "")))
            continue
        name = names.setdefault(tuple(spans), f"k{len(names):x}")
        stays = " s" if any(first <= still < after for first, after in spans) else ""
        parts.append((bool(run.text.strip()), drawn(row, run, f"a {name}{stays}")))
    rules = "".join(keyframes(name, spans, shares) for spans, name in names.items())
    backgrounds_first = sorted(parts, key=lambda part: part[0])
    body = "\n".join(text for _, text in backgrounds_first)
    return page(body, rules, length_s, TOP + max(len(frame.lines) for frame in kept) * HEIGHT + 12)


TITLE = (
    "The console heals a hang: a device freezes, its status turns to hung, its sshd process is"
    " killed, the device is back."
)
FONTS = '"Fira Code","DejaVu Sans Mono",Menlo,Consolas,monospace'
BUTTONS = ("#ff5f57", "#febc2e", "#28c840")


def page(body: str, rules: str, length_s: float, height: float) -> str:
    width = 2 * LEFT + COLUMNS * CELL
    buttons = "".join(
        f'<circle cx="{20 * number}" cy="18" r="6" fill="{colour}"/>'
        for number, colour in enumerate(BUTTONS, start=1)
    )
    box = f"0 0 {width:g} {height:g}"
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img">
<title>{TITLE}</title>
<style>
svg{{fill:{FORE}}}
text{{font:14px {FONTS};white-space:pre}}
.a{{opacity:0;animation:{length_s:.4g}s step-end infinite}}
.s{{opacity:1}}
{rules}
@media (prefers-reduced-motion:reduce){{.a{{animation:none}}}}
</style>
<rect width="{width:g}" height="{height:g}" rx="8" fill="{BACK}"/>
{buttons}
{body}
</svg>
"""
