"""What the table sorts by. Pure."""

from __future__ import annotations

from checker.rows.cells import target_text
from checker.rows.row import Row

SortValue = str | float | None
"""Of one kind in each column. None: unknown; sorts last in either direction."""


def worded(text: str | None) -> SortValue:
    return text or None


def target_value(row: Row) -> SortValue:
    if row.forward is None or row.unregistered or row.members:
        return None
    return target_text(row) if row.applicant else str(row.forward.target)
