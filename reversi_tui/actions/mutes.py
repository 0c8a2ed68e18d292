"""What the key for mutes does to rows: mute them, or take their mutes back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from checker.model import InvalidValue, Mute, NodeName, Selector, parse_mute_end, parse_why
from checker.output import clock
from checker.rows.cells import named, safe
from checker.rows.mutes import RowMutes
from checker.rows.row import NO_PORT, Key, Row

USUAL_TIME = "2h"
SHOWN = 10
"""Most targets that a question names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a mute ends, and why it is made."""

    until: float
    """Unix seconds."""
    why: str


def parse_form(time_text: str, why_text: str, now: float) -> Until:
    """What was typed into the form. Raises InvalidValue."""
    if not why_text.strip():
        raise InvalidValue("say why, for whoever misses the alerts")
    return Until(until=parse_mute_end(time_text.strip(), now), why=parse_why(why_text))


def selectors_for(
    rows: Iterable[Row], keys_of: Mapping[NodeName, Collection[Key]]
) -> tuple[Selector, ...]:
    """What to mute for these rows: a node of which all forwards are among them, else the ports.

    `keys_of` has the keys of all of a node's rows.
    """
    chosen = {row.key for row in rows}
    return tuple(
        dict.fromkeys(
            Selector(node=node)
            if port == NO_PORT or chosen.issuperset(keys_of.get(node, ()))
            else Selector(node=node, port=port)
            for node, port in sorted(chosen)
        )
    )


def mutes_upon(rows: Iterable[Row], mutes: RowMutes) -> tuple[Mute, ...]:
    """Each mute that silences one of these rows."""
    return tuple(dict.fromkeys(mute for row in rows for mute in mutes.all_muting(row)))


def names_of(rows: Sequence[Row]) -> str:
    """The rows, one a line; of many the first ones. Nothing for one row: the title names it."""
    if len(rows) == 1:
        return ""
    lines = [named(row) for row in rows[:SHOWN]]
    more = [f"and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return "\n".join((*lines, *more))


def taking_back(mutes: Sequence[Mute], rows: Sequence[Row], all_rows: Iterable[Row]) -> str:
    """What the question before an unmute says: each mute, and which other rows it silences."""
    lines = [
        f"{safe(str(mute.selector), 120)}, until {clock(mute.until)}, by {safe(mute.by)}:"
        f" {safe(mute.why, 200)}"
        for mute in mutes[:SHOWN]
    ]
    if len(mutes) > SHOWN:
        lines.append(f"and {len(mutes) - SHOWN} more")
    chosen, gone = {row.key for row in rows}, frozenset(mutes)
    others = sum(row.mute in gone for row in all_rows if row.key not in chosen)
    if others:
        lines += ["", f"{others} other forward{'' if others == 1 else 's'} would be unmuted too"]
    return "\n".join(lines)
