"""Standard output: what a command answers, down to the last byte."""

from __future__ import annotations

import sys

from checker.model import CheckerError


class NotPrinted(CheckerError):
    """Standard output took not all of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"standard output can not be written: {reason}")


def say(text: str, *, end: str = "\n") -> None:
    """Print it. Raises NotPrinted, BrokenPipeError."""
    try:
        print(text, end=end, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = None  # else the interpreter tries once more when it ends
        raise NotPrinted(str(error.strerror)) from error
