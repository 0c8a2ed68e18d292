"""Why the table is empty, and how to get out. Pure."""

from __future__ import annotations

from checker.model import printable


def why_empty(
    count: int, *, filter_text: str, faults_only: bool, clear_key: str, faults_key: str
) -> str:
    """The sentence for a table that shows none of so many rows; empty if there are no rows."""
    if not count:
        return ""
    all_rows = f"{count:,} row{'' if count == 1 else 's'}"
    if filter_text:
        what = "no fault matches" if faults_only else "nothing matches"
        ways = f"{clear_key} clears the filter"
        if faults_only:
            ways += f", {faults_key} shows more than faults"
        return f"{what} the filter {printable(filter_text, 60)} among {all_rows}; {ways}"
    return f"no faults among {all_rows}; {faults_key} shows them all"
