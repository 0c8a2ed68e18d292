"""Adapts Textual to the terminal and the link, and ends the process when the terminal is gone."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Mapping, MutableMapping

from checker.model import CheckerError
from reversi_tui.terminal.parents import came_over_network, parents

LOOK_EVERY_S = 2.0
HUNG_UP = 129
"""128 + SIGHUP, as shells count."""
GRACE_S = 2.0
FEW_COLOURS = "standard"
"""Textual's name for the 16 colours of a plain terminal; the others are `256` and `truecolor`."""
MANY_COLOURS = ("256color", "direct", "kitty", "alacritty", "foot", "ghostty", "wezterm")
COLOURLESS = ("vt100", "vt102", "vt220")
ERASING = ("xterm", "rxvt", "linux")


class PoorTerminal(CheckerError):
    """A terminal that cannot position text."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"a terminal of type {name!r} (TERM) cannot position text on the screen; use another"
            " terminal, or --once"
        )


def is_remote(environ: Mapping[str, str]) -> bool:
    """Whether the terminal came over the network. If sudo or su may have dropped what says so, the
    parents of this process decide.
    """
    said = environ.get("SSH_CONNECTION")
    if said is None and (os.geteuid() == 0 or environ.get("SUDO_USER")):
        return came_over_network(parents())
    return bool(said)


def is_within_screen(environ: Mapping[str, str]) -> bool:
    """Whether GNU screen is the terminal; tmux may use the same TERM."""
    return environ.get("TERM", "").lower().startswith("screen") and not environ.get("TMUX")


def wants_mouse(environ: Mapping[str, str]) -> bool:
    """Whether to use the mouse: not over SSH, where each move costs bytes, nor in GNU screen, which
    then holds escape back until the next key.
    """
    return not is_remote(environ) and not is_within_screen(environ)


def erases_in_colour(environ: Mapping[str, str]) -> bool:
    """Whether the terminal fills erased cells with the colour behind the text: those that are known
    to do so (`bce` and `ech` in terminfo), but not GNU screen, whatever TERM says there.
    """
    return environ.get("TERM", "").startswith(ERASING) and not environ.get("STY")


def draws_ascii_only(environ: Mapping[str, str]) -> bool:
    """Whether the terminal can draw only ASCII: the Linux console's fonts have few other shapes,
    and a locale may have no UTF-8.
    """
    return environ.get("TERM", "") in ("linux", "vt100", "vt102", "vt220", "dumb") or not has_utf8(
        environ
    )


def has_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale has UTF-8; so does no locale at all, in Python."""
    locale = next(
        (environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "C.UTF-8"
    )
    return locale.lower().replace("-", "").endswith("utf8")


def colour_system(environ: Mapping[str, str]) -> str:
    """The number of colours, as Textual names it. Inside screen and on the Linux console, COLORTERM
    may be inherited and wrong.
    """
    given, term = environ.get("TEXTUAL_COLOR_SYSTEM", ""), environ.get("TERM", "").lower()
    if given:
        return given
    is_plain = term.startswith("linux") or is_within_screen(environ)
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") and not is_plain:
        return "truecolor"
    return "256" if any(word in term for word in MANY_COLOURS) else FEW_COLOURS


def prepare(environ: MutableMapping[str, str]) -> None:
    """Set what Textual reads when imported, unless the user has set it. Raises PoorTerminal."""
    term = environ.get("TERM", "").lower()
    if term in ("dumb", "unknown"):
        raise PoorTerminal(term)
    if term in COLOURLESS:
        environ["NO_COLOR"] = "1"
    elif not environ.get("NO_COLOR"):
        environ.pop("NO_COLOR", None)  # Textual would take an empty value for a yes
    environ["TEXTUAL_COLOR_SYSTEM"] = colour_system(environ)
    # a typed letter of a filter is painted in up to three frames
    environ.setdefault("TEXTUAL_FPS", "30" if is_remote(environ) else "120")
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")


def is_there(terminal: int) -> bool:
    """Whether the descriptor is still a terminal: not after a hang-up."""
    return os.isatty(terminal)


def leave() -> None:
    """Exit at once: the terminal is gone, and a write to it may block for ever."""
    os._exit(HUNG_UP)


def end_within(seconds: float) -> None:
    """Exit after this time, even if the orderly end hangs."""
    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()


class Watchdog(threading.Thread):
    """Ends the process when its terminal or its parent is gone: SIGHUP may be ignored or lost."""

    def __init__(self, terminal: int, *, every_s: float = LOOK_EVERY_S) -> None:
        super().__init__(name="terminal-watchdog", daemon=True)
        self.terminal, self.every_s = terminal, every_s
        self.parent = os.getppid()

    def run(self) -> None:
        """Poll for the hang-up, to exit at once: until then, Textual reads end-of-file in a busy
        loop.
        """
        hang_up = select.poll()
        hang_up.register(self.terminal, 0)
        while True:
            if (
                hang_up.poll(self.every_s * 1000)
                or not is_there(self.terminal)
                or os.getppid() != self.parent
            ):
                leave()
