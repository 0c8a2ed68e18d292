"""The styles of the four themes, in Rich's words; a state never shows by colour only. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checker.model import CheckerError, Status
from checker.nearest import did_you_mean
from checker.rows.hours import Level
from reversi_tui.rows.theme_names import THEMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The styles of one theme; an empty one is the terminal's own."""

    name: str
    status: Mapping[Status, str]
    levels: Mapping[Level, str]
    quiet: str
    """Of rows that need no attention."""
    fault: str
    """Of a fault's name."""
    stale: str
    cursor: str
    marked: str
    heading: str
    warning: str
    banner: str
    dim: str
    pill: str
    """Of what is well in the header."""
    alarm: str
    """Of what is not."""
    background: str = ""
    """A CSS colour; empty: the terminal's own."""
    foreground: str = ""


def statuses(good: str, warn: str, bad: str, odd: str) -> dict[Status, str]:
    """Four colours for eight statuses; the worse of two with one colour is bold."""
    return {
        Status.UP: good,
        Status.HUNG: f"bold {bad}",
        Status.DOWN: bad,
        Status.REFUSED: warn,
        Status.WRONG: odd,
        Status.FOREIGN: f"bold {odd}",
        Status.UNKNOWN: "",
        Status.BROKEN: f"bold {bad}",
    }


def hours(line: str, warn: str, bad: str, nobody: str) -> dict[Level, str]:
    """A good hour is part of a thin line; only losses are bright."""
    return {
        Level.FULL: line,
        Level.MOSTLY: warn,
        Level.HALF: warn,
        Level.LITTLE: bad,
        Level.NONE: bad,
        Level.UNWATCHED: nobody,
    }


TERMINAL = Palette(
    name="terminal",
    status=statuses("green", "yellow", "red", "magenta"),
    levels=hours("dim", "yellow", "red", "dim"),
    quiet="",
    fault="bold",
    stale="dim",
    cursor="reverse bold",
    marked="bold cyan",
    heading="underline",
    warning="bold red",
    banner="bold",
    dim="dim",
    pill="",
    alarm="bold reverse red",
)
DARK = Palette(
    name="dark",
    status=statuses("#7fd88f", "#e3b341", "#ff7b72", "#d2a8ff"),
    levels=hours("#9aa4ae", "#e3b341", "#ff7b72", "#9aa4ae"),
    quiet="#9aa4ae",
    fault="bold #ffffff",
    stale="#8b949e",
    cursor="bold #ffffff on #1f4f8f",
    marked="bold #79c0ff",
    heading="underline #9aa4ae",
    warning="bold #ff7b72",
    banner="bold #e6edf3",
    dim="#8b949e",
    pill="#b1bac4 on #21262d",
    alarm="bold #0d1117 on #ff7b72",
    background="#0d1117",
    foreground="#d8dee4",
)
LIGHT = Palette(
    name="light",
    status=statuses("#116329", "#7d4e00", "#a40e26", "#6639ba"),
    levels=hours("#57606a", "#7d4e00", "#a40e26", "#57606a"),
    quiet="#57606a",
    fault="bold #000000",
    stale="#57606a",
    cursor="bold #ffffff on #0a4a9c",
    marked="bold #0a4a9c",
    heading="underline #57606a",
    warning="bold #a40e26",
    banner="bold #1f2328",
    dim="#57606a",
    pill="#424a53 on #eaeef2",
    alarm="bold #ffffff on #a40e26",
    background="#ffffff",
    foreground="#1f2328",
)
MONO = Palette(
    name="mono",
    status={status: "" if status in (Status.UP, Status.UNKNOWN) else "bold" for status in Status},
    levels=hours("dim", "bold", "bold", "dim"),
    quiet="",
    fault="bold",
    stale="dim",
    cursor="reverse bold",
    marked="bold underline",
    heading="underline",
    warning="bold",
    banner="bold",
    dim="dim",
    pill="",
    alarm="bold reverse",
)
PALETTES = {each.name: each for each in (TERMINAL, DARK, LIGHT, MONO)}


class UnknownTheme(CheckerError):
    """A theme that does not exist."""

    def __init__(self, name: str) -> None:
        hint = did_you_mean(name, THEMES) or ";"
        super().__init__(f"there is no theme {name[:40]!r}{hint} themes are: {', '.join(THEMES)}")


def palette(name: str) -> Palette:
    """The theme of that name. Raises UnknownTheme."""
    try:
        return PALETTES[name]
    except KeyError:
        raise UnknownTheme(name) from None
