"""The forwards that a mute may be about, as a mute sees them."""

from __future__ import annotations

from checker.control.matching import NothingMatches
from checker.model import Tunnel
from checker.registry.nodes import Registry
from checker.rows.from_registry import broken_row, forward_row
from checker.rows.mistakes import why_nothing
from checker.rows.mutes import WHENEVER, as_registered, parse_mute_filter
from checker.rows.row import NOTHING_MORE, Row


def rows_to_mute(registry: Registry, text: str | None = None) -> tuple[Row, ...]:
    """The registry's forwards and broken files as a mute sees them; only those that the filter
    matches, if there is one. Raises NothingMatches, SeenInMute, InvalidValue.
    """
    rows = (
        *(
            forward_row(forward, node, Tunnel(node=name, port=forward.port), NOTHING_MORE)
            for name, node in registry.nodes.items()
            for forward in node.forwards
        ),
        *map(broken_row, registry.broken_files),
    )
    if text is None:
        return rows
    plain = tuple(map(as_registered, rows))
    wanted = parse_mute_filter(text)
    found = tuple(row for row in plain if wanted.shows(row, WHENEVER))
    if not found:
        raise NothingMatches(why_nothing(text, plain, WHENEVER))
    return found
