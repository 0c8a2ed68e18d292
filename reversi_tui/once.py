"""`--once` and `--json`: print the table or a document for scripts, without Textual."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from checker.config.layout import Layout
from checker.model import (
    Node,
    NodeName,
    Status,
    Tunnel,
    Unregistered,
    by_place,
    seen_at,
    tunnel_json,
)
from checker.output import say, today
from checker.registry.snapshot import copied_nodes
from checker.state.errors import StateMissing
from checker.state.rows import Sweep
from checker.state.store import StateFile, open_reader
from reversi_tui.reader.background import Background, barred_words
from reversi_tui.rows.cells import safe
from reversi_tui.rows.columns import BY_ID, COLUMNS, DEFAULTS, Column, UnknownColumn
from reversi_tui.rows.filter import mistaken_column
from reversi_tui.rows.row import (
    NO_PORT,
    NOTHING_MORE,
    Broken,
    Health,
    Key,
    Known,
    Moment,
    Report,
    Row,
    broken_row,
)
from reversi_tui.rows.uptime import in_ascii
from reversi_tui.settings.preferences import Preferences
from reversi_tui.terminal.environment import has_utf8
from reversi_tui.view import View

FROM_BEHIND = frozenset({"day", "flaps", "client", "instance"})
"""Columns that need more than a tunnel's own row in the state file."""
COLOURS = {
    Status.UP: "\x1b[32m",
    Status.HUNG: "\x1b[31m",
    Status.DOWN: "\x1b[31m",
    Status.REFUSED: "\x1b[33m",
    Status.WRONG: "\x1b[35m",
    Status.FOREIGN: "\x1b[35m",
    Status.UNKNOWN: "",
    Status.BROKEN: "\x1b[31m",
}
PLAIN = "\x1b[0m"


@dataclass(frozen=True, slots=True, kw_only=True)
class FromState:
    """What the state file has."""

    tunnels: Mapping[Key, Tunnel]
    unregistered: tuple[Unregistered, ...] = ()
    known: Mapping[Key, Known]
    sweep: Sweep | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the registry and the state file have."""

    rows: tuple[Row, ...]
    unregistered: Mapping[Key, Unregistered]
    broken: tuple[Broken, ...]
    sweep: Sweep | None
    remarks: tuple[str, ...]
    """Sentences for standard error."""


def read_all(layout: Layout, *, behind: bool, now: float) -> Found:
    """Read the registry and the state file; `behind`: with all that is known about each row.

    Raises StateError if the state file cannot be read; a missing one is a remark.
    """
    nodes, broken, remarks = registered(layout)
    try:
        keys = (
            {(name, forward.port) for name, node in nodes.items() for forward in node.forwards}
            if behind
            else set()
        )
        seen = read_state(layout, keys, now)
    except StateMissing as error:
        remarks = (*remarks, f"the daemon was never started here: {error}")
        seen = FromState(tunnels={}, known={})
    rows = (*registered_rows(nodes, seen), *map(broken_row, broken))
    if not rows:
        remarks = (*remarks, no_nodes(layout))
    ports = {row.seen.port for row in rows}
    unregistered = {
        (each.node, each.port): each
        for each in seen.unregistered
        if each.node not in nodes and each.port not in ports
    }
    rows += tuple(unregistered_row(each, seen) for each in unregistered.values())
    return Found(
        rows=rows, unregistered=unregistered, broken=broken, sweep=seen.sweep, remarks=remarks
    )


def registered(
    layout: Layout,
) -> tuple[Mapping[NodeName, Node], tuple[Broken, ...], tuple[str, ...]]:
    """The registry's nodes, from the daemon's copy if that is good; its broken files, and a
    sentence for each.
    """
    nodes = copied_nodes(layout)
    if nodes is not None:
        return nodes, (), ()
    from checker.registry.last_good import read_known

    registry = read_known(layout)
    return registry.nodes, registry.broken_files, registry.problems


def read_state(layout: Layout, keys: Collection[Key], now: float) -> FromState:
    """The state file; if `keys` has any, with what else is known about rows. Raises StateError."""
    state = open_reader(layout.state)
    try:
        tunnels = by_place(state.tunnels())
        return FromState(
            tunnels=tunnels,
            unregistered=state.unregistered(),
            sweep=state.last_sweep(),
            known=known_behind(state, {*keys, *tunnels}, now) if keys else {},
        )
    finally:
        state.close()


def known_behind(state: StateFile, keys: Collection[Key], now: float) -> Mapping[Key, Known]:
    """What else is known about each row. Raises StateError."""
    background = Background()
    background.poll(state, now, keys)
    return {key: background.known(key) for key in keys}


def registered_rows(nodes: Mapping[NodeName, Node], seen: FromState) -> tuple[Row, ...]:
    barred = barred_words(nodes, today())
    return tuple(
        Row(
            forward=forward,
            seen=seen_at((name, forward.port), seen.tunnels),
            known=seen.known.get((name, forward.port), NOTHING_MORE),
            barred=barred.get(name, ""),
            calls_itself=node.calls_itself,
        )
        for name, node in nodes.items()
        for forward in node.forwards
    )


def unregistered_row(device: Unregistered, seen: FromState) -> Row:
    """The row of a device that is not in the registry."""
    key = (device.node, device.port)
    return Row(
        forward=device.forward,
        seen=seen_at(key, seen.tunnels),
        known=seen.known.get(key, NOTHING_MORE),
        unregistered=True,
        calls_itself=device.calls_itself,
    )


def no_nodes(layout: Layout) -> str:
    """What to do if there are no nodes."""
    home = f" --home {layout.home}" if layout.home else ""
    return (
        f"no nodes yet; add one with: reversi-checker{home} node add NAME --forward"
        " 127.0.0.1:22,banner:SSH-2.0 --client-config FILE"
    )


def arranged(rows: Sequence[Row], preferences: Preferences, moment: Moment) -> tuple[Row, ...]:
    """The rows that the filter shows, sorted."""
    view = View(preferences, lambda: moment)
    view.apply(
        Report(changed=tuple(rows), keys=frozenset(row.key for row in rows), health=Health())
    )
    return tuple(view.rows[key] for key in view.order)


def columns_shown(preferences: Preferences) -> tuple[Column, ...]:
    """The chosen columns, else the default ones; then the wide ones."""
    if not preferences.columns:
        return COLUMNS if preferences.wide else DEFAULTS
    more = tuple(column.id for column in COLUMNS if column.wide and preferences.wide)
    return tuple(BY_ID[name] for name in dict.fromkeys((*preferences.columns, *more)))


def table(
    rows: Sequence[Row],
    moment: Moment,
    columns: Sequence[Column] = DEFAULTS,
    *,
    colours: bool = False,
) -> str:
    """The columns, aligned and uncut; each character of a cell takes one place."""
    lines = [
        [column.title for column in columns],
        *([column.text(row, moment) for column in columns] for row in rows),
    ]
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    paints = [{}, *({"status": COLOURS[row.seen.status]} if colours else {} for row in rows)]
    return "\n".join(
        "  ".join(
            in_cells(text, width, column, paint.get(column.id, ""))
            for text, width, column in zip(texts, widths, columns, strict=True)
        ).rstrip()
        for texts, paint in zip(lines, paints, strict=True)
    )


def in_cells(text: str, width: int, column: Column, colour: str) -> str:
    """A cell's text in its width; the colour ends with the text, so that blanks have none."""
    room = " " * (width - len(text))
    shown = f"{colour}{text}{PLAIN}" if colour else text
    return room + shown if column.right else shown + room


def document(rows: Sequence[Row], found: Found) -> str:
    """The rows as the document of `--json`."""
    sweep = found.sweep and {"swept_at": found.sweep.swept_at, "every_s": found.sweep.every_s}
    known = [row for row in rows if row.forward and not row.unregistered]
    unregistered = [(row, found.unregistered[row.key]) for row in rows if row.unregistered]
    shown = {
        "schema": 1,
        "tunnels": [
            {
                **tunnel_json(row.forward, row.seen),
                "barred": row.barred or None,
                "calls_itself": row.calls_itself or None,
            }
            for row in known
            if row.forward
        ],
        "broken": [
            one.as_json()
            for one in found.broken
            if (one.name, NO_PORT) in {row.key for row in rows}
        ],
        "unregistered": [
            {
                **tunnel_json(each.forward, row.seen),
                "target": None,
                "calls_itself": each.calls_itself or None,
                "first_at": each.first_at,
                "last_at": each.last_at,
            }
            for row, each in unregistered
        ],
    }
    return json.dumps({**shown, "sweep": sweep, "problems": list(found.remarks)})


def is_coloured(preferences: Preferences, environ: Mapping[str, str]) -> bool:
    return (
        sys.stdout.isatty()
        and preferences.theme != "mono"
        and environ.get("TERM", "dumb") != "dumb"
    )


def printed(text: str) -> str:
    """The text, in ASCII if the output's encoding or the locale cannot show all of it."""
    if not has_utf8(os.environ):
        return in_ascii(text)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return in_ascii(text)
    return text


def print_once(
    layout: Layout, preferences: Preferences, *, every_s: float, now: float, as_json: bool
) -> bool:
    """Print the table or the document; whether no row shown is a fault. Raises StateError,
    NotPrinted; UnknownColumn for a mistyped one in the filter, which would hide faults from a
    script.
    """
    columns = () if as_json else columns_shown(preferences)
    behind = bool(preferences.filter_text) or bool(
        FROM_BEHIND & {preferences.sort_by, *(column.id for column in columns)}
    )
    found = read_all(layout, behind=behind, now=now)
    moment = Moment(now=now, every_s=found.sweep.every_s if found.sweep else every_s)
    mistaken = mistaken_column(preferences.filter_text, found.rows, moment)
    if mistaken and found.rows:
        raise UnknownColumn(mistaken)
    rows = arranged(found.rows, preferences, moment)
    for remark in found.remarks:
        print(f"reversi-tui: {safe(remark, 600)}", file=sys.stderr)
    if found.rows and not rows:
        print(
            f"reversi-tui: no row matches the filter {preferences.filter_text!r}", file=sys.stderr
        )
    say(
        document(rows, found)
        if as_json
        else printed(table(rows, moment, columns, colours=is_coloured(preferences, os.environ)))
    )
    return not any(map(moment.is_fault, rows))
