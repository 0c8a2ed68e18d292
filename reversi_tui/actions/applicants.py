"""Accept and reject devices that wait, and what to ask and to say about it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from checker.config.layout import Layout
from checker.control.applicants import accepted_line, question_lines
from checker.control.enrolling import accept, reject
from checker.model import Applicant, CheckerError, Note
from checker.rows.cells import safe
from checker.rows.row import Row
from reversi_tui.actions.node_changes import remedy


class Answer(StrEnum):
    """What an operator may answer to devices that wait."""

    ACCEPT = "accept"
    REJECT = "reject"

    @property
    def done(self) -> str:
        return f"{self}ed"


NOT_YET = "not accepted yet; {} accepts it"
GONE = "it no longer waits under that name with that fingerprint"
NOBODY = (
    "no device that waits to be accepted is selected; the filter is:pending shows those that do"
)
OF_CURSOR = frozenset(
    {
        "row.events",
        "row.note",
        "row.shell",
        "row.shell_as",
        "row.registry",
        "row.copy",
        "row.bundle",
    }
)
"""Ids of the actions that are for the row under the cursor, whatever is marked."""
NEED_A_NODE = OF_CURSOR | {
    "act.kill",
    "act.reset",
    "act.probe",
    "act.disable",
    "act.enable",
    "act.tags",
    "act.mute",
    "row.command",
}
"""Ids of the actions that are for nodes; so are the operator's own commands."""


def needs_a_node(action: str) -> bool:
    return action in NEED_A_NODE or action.startswith("command.")


def applicants_of(rows: Sequence[Row]) -> tuple[Applicant, ...]:
    """The devices that wait among these rows."""
    return tuple(row.applicant for row in rows if row.applicant is not None)


def subject(chosen: Sequence[Applicant]) -> str:
    return safe(chosen[0].name) if len(chosen) == 1 else f"{len(chosen)} devices"


def title(answer: Answer, chosen: Sequence[Applicant]) -> str:
    """The question in one line."""
    what = "this device" if len(chosen) == 1 else f"these {len(chosen)} devices"
    return f"{answer.capitalize()} {what}?"


def question(answer: Answer, chosen: Sequence[Applicant], known: Sequence[Applicant]) -> str:
    """The question, which names each device, its fingerprint and its address."""
    lines = [line.removeprefix("accept ") for line in question_lines(chosen, known)]
    return "\n".join((*lines, "", effect(answer, len(chosen))))


def effect(answer: Answer, count: int) -> str:
    """What a yes would do, and what to compare before."""
    who, these, show = (
        ("It", "the fingerprint", "the device shows")
        if count == 1
        else ("Each", "the fingerprints", "the devices show")
    )
    if answer is Answer.ACCEPT:
        return (
            f"{who} becomes a node: it gets its ports, and its key opens them. Compare {these} with"
            f" what {show}. To reject instead, choose Reject in the palette."
        )
    return (
        f"{who} is told so. Until it is forgotten, a day after it was last heard, it can still be"
        " accepted with: reversi-checker node accept NAME@FINGERPRINT"
    )


def carry_out(
    answer: Answer, layout: Layout, chosen: Sequence[Applicant]
) -> tuple[tuple[str, ...], int]:
    """Accept or reject these, and return a sentence for each, failures first, and how many were
    done. It blocks.
    """
    notes: list[Note] = []
    try:
        if answer is Answer.ACCEPT:
            accepted = accept(layout, chosen, notes.append)
            failures, done = accepted.failures, [*map(accepted_line, accepted.nodes)]
        else:
            failures = reject(layout, chosen)
            failed = {each.name for each in failures}
            done = [f"{one.name}: rejected" for one in chosen if one.name not in failed]
    except CheckerError as error:
        why = f"{error}{remedy(error, command(answer, layout, chosen))}"
        return (f"{subject(chosen)}: not {answer.done}: {why}",), 0
    return (
        *(f"{each.name}: not {answer.done}: {each.why}" for each in failures),
        *done,
        *(note.text for note in notes),
    ), len(done)


def command(answer: Answer, layout: Layout, chosen: Sequence[Applicant]) -> list[str]:
    """What does the same on the command line."""
    return [
        "reversi-checker",
        *(["--home", str(layout.home)] if layout.home else []),
        "node",
        answer,
        *(f"{one.name}@{one.fingerprint}" for one in chosen),
    ]
