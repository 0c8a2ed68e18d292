"""The row of a device that waits to be accepted, for the table and for a filter. Pure."""

from __future__ import annotations

from checker.model import Applicant, Enrolment, Tunnel
from checker.rows.row import NO_PORT, Row

PENDING = "pending"


def pending_row(applicant: Applicant, enrolment: Enrolment | None) -> Row:
    """The row of an applicant; None: its enrolment is gone, or its file is broken."""
    calls_itself = "" if applicant.said == applicant.name else applicant.said
    clauses = (
        applicant.fingerprint,
        f"enrolment {applicant.enrolment}",
        f"calls itself {calls_itself}" if calls_itself else "",
    )
    return Row(
        forward=None,
        seen=Tunnel(
            node=applicant.name,
            port=NO_PORT,
            peer=applicant.peer,
            since=applicant.first_at,
            detail=", ".join(filter(None, clauses)),
        ),
        barred=PENDING,
        applicant=applicant,
        calls_itself=calls_itself,
        tags=enrolment.tags if enrolment else (),
        note=enrolment.note if enrolment else "",
    )
