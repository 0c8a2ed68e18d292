"""OSC 52: puts a text on the clipboard of the terminal's machine, also through tmux. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from checker.model import InvalidValue

ESC, BEL, ST = "\x1b", "\x07", "\x1b\\"
SCREEN_BYTES = 240
"""The length of a device control string: screen before 4.1 cuts it at 256 bytes, before 4.2.1 at
512, later at 768.
"""
UNABLE = frozenset({"", "dumb", "linux", "vt100", "vt102", "vt220"})
"""Terminals without a clipboard, which show unknown sequences as text."""


class NotCopied(InvalidValue):
    """A text that must not go to a clipboard: pasted, it would press keys."""

    def __init__(self) -> None:
        super().__init__("the text has control characters, so it is not copied")


def copy_sequence(text: str, environ: Mapping[str, str]) -> str | None:
    """The sequence to write to the terminal; None if it has no clipboard. Raises NotCopied."""
    if not text.isprintable():
        raise NotCopied
    return sequence_of(text, environ)


def copy_table_sequence(text: str, environ: Mapping[str, str]) -> str | None:
    """The same for a table of several lines. Raises NotCopied, also for a line that a shell might
    run: none does if it begins with `|`.
    """
    if not all(
        line.isprintable() and line.startswith("|") for line in text.rstrip("\n").split("\n")
    ):
        raise NotCopied
    return sequence_of(text, environ)


def sequence_of(text: str, environ: Mapping[str, str]) -> str | None:
    kind = environ.get("TERM", "")
    if kind in UNABLE:
        return None
    plain = f"{ESC}]52;c;{base64.b64encode(text.encode()).decode()}{BEL}"
    if environ.get("TMUX") or kind.startswith("tmux"):
        # the first works with set-clipboard on, the second with allow-passthrough
        return plain + through_tmux(plain)
    if environ.get("STY"):
        return through_screen(plain)
    if kind.startswith("screen"):
        # tmux or screen in between; each drops the sequence for the other
        return plain + through_screen(plain)
    return plain


def through_tmux(sequence: str) -> str:
    """Source: tmux(1), allow-passthrough."""
    return f"{ESC}Ptmux;{sequence.replace(ESC, ESC + ESC)}{ST}"


def through_screen(sequence: str) -> str:
    """Cut into pieces, which screen passes on. Source: screen(1), Control Sequences, DCS."""
    pieces = (
        sequence[start : start + SCREEN_BYTES] for start in range(0, len(sequence), SCREEN_BYTES)
    )
    return "".join(f"{ESC}P{piece}{ST}" for piece in pieces)
