"""What the table sorts by. Pure."""

from __future__ import annotations

from checker.rows.cells import target_text
from checker.rows.row import Row

SortValue = tuple[str | float, ...] | None
"""None: unknown; sorts last in either direction."""


def known(value: float | None) -> SortValue:
    return None if value is None else (value,)


def worded(text: str | None) -> SortValue:
    return (text,) if text else None


def target_value(row: Row) -> SortValue:
    return None if row.forward is None or row.unregistered or row.members else (target_text(row),)
