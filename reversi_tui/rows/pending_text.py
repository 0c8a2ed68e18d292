"""The text of the detail sheet of a device that waits to be accepted. Pure."""

from __future__ import annotations

from checker.control.key_readings import named
from checker.model import Applicant
from checker.rows.cells import safe
from checker.rows.row import Moment, Row
from reversi_tui.rows.detail_text import NOT_KNOWN, instant

MEANING = (
    "it asks to become a node, and nobody has answered yet. It opens no port. Compare its"
    " fingerprint with what the device shows: sh reversi-{}.sh status"
)


def meaning_of(applicant: Applicant) -> str:
    """What the status means, and what to do."""
    return MEANING.format(applicant.enrolment)


def fields_of(row: Row, applicant: Applicant, moment: Moment) -> list[tuple[str, str]]:
    """Names and texts, in the order of the sheet, without the status."""
    host_keys = "\n".join(map(named, applicant.host_keys))
    return [
        ("name", f"{safe(applicant.name)}, once it is accepted"),
        ("device", f"calls itself {safe(applicant.said)}"),
        ("key", named(applicant.public_key)),
        ("host keys", host_keys or "none"),
        ("peer", safe(applicant.peer, 128) or NOT_KNOWN),
        ("enrolment", safe(applicant.enrolment)),
        *([("tags", safe(" ".join(row.tags), 600))] if row.tags else []),
        *([("note", safe(row.note, 200))] if row.note else []),
        ("asked", instant(applicant.first_at, moment.now)),
        ("heard", instant(applicant.last_at, moment.now)),
    ]
