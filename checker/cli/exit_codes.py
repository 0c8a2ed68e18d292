"""Exit statuses of `reversi-checker`, and the status for each error."""

from __future__ import annotations

from enum import IntEnum

from checker.control.client import DaemonAbsent
from checker.model import CheckerError
from checker.state.errors import StateError

PROG = "reversi-checker"


class ExitCode(IntEnum):
    """What a script learns from a run."""

    OK = 0
    NOT_UP = 1
    DECLINED = 1
    USAGE = 2
    UNREACHABLE = 3
    STATE = 4
    BUG = 70
    INTERRUPTED = 130


def exit_code_of(error: Exception) -> ExitCode:
    """The exit status for an error."""
    from subprocess import TimeoutExpired  # slow to load; only an error pays for it

    from checker.control.matching import NothingMatches

    match error:
        case NothingMatches():
            return ExitCode.NOT_UP  # nothing was done, or found
        case StateError():
            return ExitCode.STATE
        case DaemonAbsent():
            return ExitCode.UNREACHABLE
        case CheckerError():
            return ExitCode.USAGE
        case OSError() if error.filename is not None:
            return ExitCode.USAGE
        case TimeoutExpired():
            return ExitCode.USAGE
        case _:
            return ExitCode.BUG
