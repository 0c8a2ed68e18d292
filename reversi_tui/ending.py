"""How the program ends: its exit statuses, and what is said of an error. Pure."""

from __future__ import annotations

from enum import IntEnum

from checker.model import CheckerError
from checker.store import StateError


class ExitCode(IntEnum):
    """How it ended."""

    OK = 0
    NOT_UP = 1
    USAGE = 2
    STATE = 4
    BUG = 70
    INTERRUPTED = 130


TOLD = "exit status: 0 ok, 1 --once or --json shows something not up, 2 usage or configuration, 4 state file, 70 a bug, 130 interrupted"


def told_of(error: Exception) -> tuple[ExitCode, str]:
    """The exit status of an error, and what is said of it; a file that the system does not let us have is no bug of ours."""
    match error:
        case StateError():
            return ExitCode.STATE, str(error)
        case CheckerError():
            return ExitCode.USAGE, str(error)
        case OSError() if error.filename is not None:
            return ExitCode.USAGE, f"{error.filename}: can not be used ({error.strerror}); check its permissions, and the disk's free space"
        case _:
            return ExitCode.BUG, f"a bug in reversi: {error!r}; run it again with --debug, and report what it prints"
