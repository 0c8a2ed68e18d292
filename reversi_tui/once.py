"""The table and the JSON document for scripts: one look, without Textual."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from checker.config import Layout
from checker.model import Status, Tunnel, joined, tunnel_json
from checker.registry import read_registry
from checker.store import StateMissing, Sweep, open_reader
from reversi_tui.columns import COLUMNS
from reversi_tui.rows import Health, Moment, Report, Row
from reversi_tui.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look found."""

    rows: tuple[Row, ...]
    sweep: Sweep | None
    remarks: tuple[str, ...]
    """Sentences for standard error."""


def look(layout: Layout) -> Look:
    """The registry and the state file as they stand. Raises StateError for one that can not be read; a missing one is a remark."""
    registry = read_registry(layout.nodes)
    remarks = list(registry.problems)
    tunnels: tuple[Tunnel, ...] = ()
    sweep = None
    try:
        state = open_reader(layout.state)
    except StateMissing as error:
        remarks.append(f"the daemon was never started here: {error}")
    else:
        tunnels, sweep = state.tunnels(), state.last_sweep()
        state.close()
    if not registry.forwards:
        remarks.append(no_nodes(layout))
    rows = tuple(Row(forward=forward, seen=seen) for forward, seen in joined(registry.forwards, tunnels))
    return Look(rows=rows, sweep=sweep, remarks=tuple(remarks))


def no_nodes(layout: Layout) -> str:
    """What to do first."""
    home = f" --home {layout.home}" if layout.home else ""
    return f"no nodes yet; add one with: reversi-checker{home} node add NAME --forward 127.0.0.1:22,banner:SSH-2.0 --client-config FILE"


def arranged(rows: Sequence[Row], view: View) -> tuple[Row, ...]:
    """The rows that the filter shows, sorted."""
    view.apply(Report(changed=tuple(rows), keys=frozenset(row.key for row in rows), health=Health()))
    return tuple(view.rows[key] for key in view.order)


def table(rows: Sequence[Row], moment: Moment) -> str:
    """Every column, aligned; nothing is cut."""
    lines = [[column.title for column in COLUMNS]]
    lines += [[column.text(row, moment) for column in COLUMNS] for row in rows]
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            text.rjust(width) if column.right else text.ljust(width) for text, width, column in zip(line, widths, COLUMNS, strict=True)
        ).rstrip()
        for line in lines
    )


def document(rows: Sequence[Row], found: Look) -> str:
    """The rows as `--json` has them."""
    sweep = found.sweep and {"swept_at": found.sweep.swept_at, "every_s": found.sweep.every_s}
    tunnels = [tunnel_json(row.forward, row.seen) for row in rows if row.forward]
    return json.dumps({"schema": 1, "tunnels": tunnels, "sweep": sweep, "problems": list(found.remarks)})


def print_once(layout: Layout, view: View, *, every_s: float, now: float, as_json: bool) -> bool:
    """Print one look; whether all that it shows is up, and not stale. Raises StateError."""
    found = look(layout)
    moment = Moment(now=now, every_s=found.sweep.every_s if found.sweep else every_s)
    rows = arranged(found.rows, view)
    for remark in found.remarks:
        print(f"reversi-tui: {remark}", file=sys.stderr)
    print(document(rows, found) if as_json else table(rows, moment))
    return all(row.seen.status is Status.UP and not moment.is_stale(row) for row in rows)
