"""The sequence that puts a text on the clipboard of the terminal's own machine (OSC 52), through
tmux and screen too. Pure.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from checker.model import InvalidValue

ESC, BEL, ST = "\x1b", "\x07", "\x1b\\"
SCREEN_BYTES = 240
"""Of a device control string: screen before 4.2.1 cuts at 512 bytes, before 4.1 at 256, later at
768.
"""
UNABLE = frozenset({"", "dumb", "linux", "vt100", "vt102", "vt220"})
"""Terminals that have no clipboard, and would show what they do not know."""


class NotCopied(InvalidValue):
    """A text that must not lie on a clipboard: pasted, it would press keys."""

    def __init__(self) -> None:
        super().__init__("that text has control characters in it, and is not copied")


def copy_sequence(text: str, environ: Mapping[str, str]) -> str | None:
    """What to write to the terminal; None where it has no clipboard. Raises NotCopied."""
    if not text.isprintable():
        raise NotCopied
    kind = environ.get("TERM", "")
    if kind in UNABLE:
        return None
    plain = f"{ESC}]52;c;{base64.b64encode(text.encode()).decode()}{BEL}"
    if environ.get("TMUX") or kind.startswith("tmux"):
        # the first counts with set-clipboard on, the second with allow-passthrough
        return plain + through_tmux(plain)
    if environ.get("STY"):
        return through_screen(plain)
    if kind.startswith("screen"):
        # tmux or screen on the way here, and each drops what is meant for the other
        return plain + through_screen(plain)
    return plain


def through_tmux(sequence: str) -> str:
    """Source: tmux(1), allow-passthrough."""
    return f"{ESC}Ptmux;{sequence.replace(ESC, ESC + ESC)}{ST}"


def through_screen(sequence: str) -> str:
    """In pieces, which screen writes to its terminal one after the other. Source: screen(1),
    Control Sequences, DCS.
    """
    pieces = (
        sequence[start : start + SCREEN_BYTES] for start in range(0, len(sequence), SCREEN_BYTES)
    )
    return "".join(f"{ESC}P{piece}{ST}" for piece in pieces)
