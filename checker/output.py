"""What a command says: its answer, down to the last byte, and the sentence for an error."""

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


def sentence_of(error: Exception) -> str:
    """What is told of an error; a file that the system does not let us have is no bug of ours."""
    match error:
        case CheckerError():
            return str(error)
        case OSError() if error.filename is not None:
            return (
                f"{error.filename}: can not be used ({error.strerror}); check its permissions, and"
                " the disk's free space"
            )
        case _:
            return (
                f"a bug in reversi: {error!r}; run it again with --debug, and report what it prints"
            )
