"""Enrolments and applicants for tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from checker.model import Applicant, Enrolment, NodeName, fingerprint, parse_forward
from tests.strategies import NOW, public_key

FIELD = Enrolment(
    id="field",
    public_key=public_key(900),
    forwards=(parse_forward("127.0.0.1:22,banner:SSH-"),),
    tags=("field",),
    note="from one bundle",
    made_at=int(NOW),
)


def enrolment(**changes: Any) -> Enrolment:
    """An enrolment with one forward to the device's own SSH server."""
    return replace(FIELD, **changes)


def applicant(number: int = 1, **changes: Any) -> Applicant:
    """An applicant with the key of this number; it asked just now."""
    one = Applicant(
        enrolment=FIELD.id,
        name=NodeName(f"device-{number}"),
        said=f"device-{number}",
        public_key=public_key(number),
        fingerprint=fingerprint(public_key(number)),
        host_keys=(public_key(5000 + number),),
        peer="192.0.2.7",
        first_at=NOW,
        last_at=NOW,
    )
    return replace(one, **changes)
