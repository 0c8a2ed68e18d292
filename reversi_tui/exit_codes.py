"""Exit statuses of `reversi-tui`, and the sentence for each error. Pure."""

from __future__ import annotations

from enum import IntEnum

from checker.model import CheckerError
from checker.output import sentence_of
from checker.state.errors import StateError


class ExitCode(IntEnum):
    """What a script learns from a run."""

    OK = 0
    NOT_UP = 1
    USAGE = 2
    STATE = 4
    BUG = 70
    INTERRUPTED = 130


STATUSES = (
    "exit status: 0 ok, 1 --once or --json shows something not up, 2 usage or configuration, 4"
    " state file, 70 a bug, 130 interrupted"
)


def status_of(error: Exception) -> tuple[ExitCode, str]:
    """The exit status and the sentence for an error."""
    match error:
        case StateError():
            code = ExitCode.STATE
        case CheckerError():
            code = ExitCode.USAGE
        case OSError() if error.filename is not None:
            code = ExitCode.USAGE
        case _:
            code = ExitCode.BUG
    return code, sentence_of(error)
