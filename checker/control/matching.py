"""The rows and nodes that a filter chooses, for commands."""

from __future__ import annotations

import time

from checker.config.layout import Layout
from checker.config.settings import load_config
from checker.model import CheckerError, InvalidValue, Node
from checker.registry.nodes import Registry
from checker.rows.row import Moment, Row


class NothingMatches(CheckerError):
    """No row matches the filter: there is nothing to show, or to do."""


def matching_rows(
    layout: Layout, registry: Registry, text: str, *, only_here: bool = False
) -> tuple[Row, ...]:
    """The rows that the filter shows, in the registry's order: forwards, files that are broken,
    unregistered devices. `only_here`: without what other gateways of the fleet saw. Raises
    NothingMatches, InvalidValue, MistakenFilter, StateError.
    """
    return matching_now(layout, registry, text, only_here=only_here)[0]


def matching_now(
    layout: Layout, registry: Registry, text: str, *, only_here: bool = False
) -> tuple[tuple[Row, ...], Moment]:
    """The same, and the moment at which they matched."""
    from checker.rows.claims import forget
    from checker.rows.mistakes import check_filter, why_nothing

    found, moment = rows_now(layout, registry, text, only_here=only_here)
    wanted = check_filter(text, found, moment)
    rows = tuple(row for row in found if wanted.shows(row, moment))
    forget(row.key for row in found)
    if not rows:
        raise NothingMatches(why_nothing(text, found, moment))
    return rows, moment


def rows_now(
    layout: Layout, registry: Registry, text: str, *, only_here: bool = False
) -> tuple[tuple[Row, ...], Moment]:
    """All rows that a filter may judge, and the present moment. Raises InvalidValue, StateError."""
    from checker.control.all_rows import with_state  # slow to load

    refuse_blank(text)
    now = time.time()
    said = (registry.nodes, registry.broken_files, ())
    found = with_state(layout, said, behind=True, now=now, only_here=only_here)
    every_s = (
        found.sweep.every_s if found.sweep else load_config(layout.config).policy.probe_every_s
    )
    return found.rows, Moment(now=now, every_s=every_s)


def refuse_blank(text: str) -> None:
    """Raise InvalidValue if the filter says nothing."""
    from checker.rows.filter import parse_filter  # slow to load

    if not parse_filter(text):
        raise InvalidValue(
            f"--filter {text!r} says nothing, and so would match everything; write for example"
            " 'tag:site-a', 'is:fault' or 'node:office'"
        )


def matching_nodes(layout: Layout, registry: Registry, text: str) -> tuple[Node, ...]:
    """The registered nodes of which a row matches the filter. Raises NothingMatches, InvalidValue,
    MistakenFilter, StateError.
    """
    rows = matching_rows(layout, registry, text)
    names = {row.seen.node for row in rows if not row.unregistered}
    nodes = tuple(node for name, node in registry.nodes.items() if name in names)
    if not nodes:
        raise NothingMatches(f"only devices that are not registered match the filter {text!r}")
    return nodes
