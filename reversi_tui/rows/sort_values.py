"""What the table sorts by. Pure."""

from __future__ import annotations

from checker.rows.cells import target_text
from checker.rows.row import Row

SortValue = str | float | None
"""Of one kind in each column. None: unknown; sorts last in either direction."""


def worded(text: str | None) -> SortValue:
    return text or None


def target_value(row: Row) -> SortValue:
    forward = row.forward
    if forward is None or row.unregistered or row.members:
        return None
    if row.applicant:
        return target_text(row)
    target = forward.target
    host = target.host
    # as its __str__ has it, whose call takes half the time of a sort of 30,000 rows
    return str(target) if ":" in host else f"{host}:{target.port}"
