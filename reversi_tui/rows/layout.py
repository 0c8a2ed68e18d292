"""Which columns are shown, in which order, and how wide. Pure.

Node, target and reason (the column `answer`) say which row it is and why it is as it is. They get
their room first, and another column is shown only if they keep it. In a fleet the gateway comes
before a long reason: without it nobody sees where a node is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reversi_tui.rows.columns import BY_ID, COLUMNS, Column

GAP = 1
REASON = 28
"""Cells that a reason needs to be understood."""
LONG_REASON = 48
SHORT_REASON = 20
LEAST_REASON = 12
SHORT_TARGETS = (21, 13)
"""Cells for a target that is cut in the middle, to make room for the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The cells that the longest text of a column takes, over all rows."""

    node: int = 32
    port: int = 5
    target: int = 21


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A column on the screen."""

    column: Column
    width: int


def fitted(  # noqa: PLR0913 - all that decides it
    width: int,
    *,
    needs: Needs = Needs(),
    chosen: Sequence[str] = (),
    wide: bool = False,
    faults_only: bool = False,
    in_fleet: bool = False,
) -> tuple[Place, ...]:
    """The columns that fit, in their order, with their widths.

    If not all `chosen` columns (ids) fit, the last ones go; `node` always stays. Wide columns
    follow, and take no room from the others. Among faults the reason stands before the 24 hours.
    """
    by_id = {column.id: needed(column, needs) for column in COLUMNS}
    columns = (
        in_order(width, by_id, chosen, wide=wide)
        if chosen
        else by_importance(width, by_id, wide=wide, faults_only=faults_only, in_fleet=in_fleet)
    )
    widths = {column.id: column.least for column in columns}
    left = max(0, width - total(columns))
    for name, most in growth(columns, by_id):
        more = max(0, min(left, most - widths[name]))
        widths[name] += more
        left -= more
    return tuple(Place(column=column, width=widths[column.id]) for column in columns)


def needed(column: Column, needs: Needs) -> Column:
    """The column, no wider than its texts."""
    need = {"node": needs.node, "port": needs.port, "target": needs.target}.get(column.id)
    if need is None:
        return column
    most = max(column.least, min(column.most, need))
    return replace(column, most=most, least=most if column.id == "port" else column.least)


def growth(columns: Sequence[Column], by_id: dict[str, Column]) -> list[tuple[str, int]]:
    """Who gets the remaining room, and how much: the names, most reasons, then the most important;
    the longest reasons come last.
    """
    first = {"node": by_id["node"].most, "target": by_id["target"].most, "answer": LONG_REASON}
    others = [column.id for column in ranked(columns) if column.id not in first]
    wanted = [*first.items(), *((name, by_id[name].most) for name in others)]
    shown = {column.id for column in columns}
    return [
        (name, most) for name, most in (*wanted, ("answer", by_id["answer"].most)) if name in shown
    ]


def by_importance(
    width: int, by_id: dict[str, Column], *, wide: bool, faults_only: bool, in_fleet: bool
) -> list[Column]:
    """The columns that fit if the operator chose none; wide ones only where the others leave
    room.
    """
    port, status = by_id["port"], by_id["status"]
    taken = {"node": by_id["node"]}
    for column in (status, port):
        if total([*taken.values(), column]) <= width:
            taken[column.id] = column
    if len(taken) > 2:
        room = width - port.least - status.least - 2 * GAP
        taken |= (in_fleet and with_gateway(room, by_id, faults_only=faults_only)) or essentials(
            room, by_id, faults_only=faults_only
        )
    whole = {"node": by_id["node"].most, "target": by_id["target"].most, "answer": REASON}
    usual = ranked(column for column in COLUMNS if not column.wide)
    others = [
        column
        for column in (*usual, *(ranked(COLUMNS) if wide else ()))
        if in_fleet or not column.of_fleet
    ]
    if any(name in taken and taken[name].least < cells for name, cells in whole.items()):
        others = []
    for column in others:
        is_open = column.id not in ESSENTIAL and column.id not in taken
        if is_open and total([*taken.values(), by_id[column.id]]) <= width:
            taken[column.id] = by_id[column.id]
    return [taken[name] for name in positions(faults_only=faults_only) if name in taken]


ESSENTIAL = frozenset({"node", "port", "status", "target", "answer"})
"""Not admitted after the other columns, to fill what they leave."""


def ranked(columns: Iterable[Column]) -> list[Column]:
    return sorted(columns, key=lambda column: column.importance)


def total(columns: Iterable[Column]) -> int:
    """The cells that the columns take at least, with the gaps between them."""
    return sum(column.least + GAP for column in columns) - GAP


def essentials(room: int, by_id: dict[str, Column], *, faults_only: bool) -> dict[str, Column]:
    """Node, target and reason with the room that they get: the first line that fits.

    Where little is left, the reason goes, among faults the target: there, why is the question.
    """
    node, target = by_id["node"].most, by_id["target"].most
    shorter, short = (min(target, most) for most in SHORT_TARGETS)
    scarce = [{"answer": SHORT_REASON}, {"answer": LEAST_REASON}]
    if not faults_only:
        scarce = [{"target": target}, {"target": shorter}, {"target": short}]
    lines = (
        {"target": target, "answer": REASON},
        {"target": shorter, "answer": REASON},
        {"target": short, "answer": REASON},
        {"target": short, "answer": SHORT_REASON},
        *scarce,
        {},
    )
    for line in lines:
        widths = {"node": node, **line}
        if sum(widths.values()) + GAP * (len(widths) - 1) <= room:
            return {name: replace(by_id[name], least=cells) for name, cells in widths.items()}
    return {"node": by_id["node"]}


def with_gateway(room: int, by_id: dict[str, Column], *, faults_only: bool) -> dict[str, Column]:
    """The same, with the gateway's column; empty if that leaves too little for target and
    reason.
    """
    gateway = by_id["gateway"]
    found = essentials(room - gateway.least - GAP, by_id, faults_only=faults_only)
    is_enough = found.keys() >= {"target", "answer"}
    return {**found, "gateway": gateway} if is_enough else {}


def positions(*, faults_only: bool) -> list[str]:
    """All columns from left to right."""
    ids = [column.id for column in COLUMNS]
    if faults_only:
        ids.remove("answer")
        ids.insert(ids.index("day"), "answer")
    return ids


def in_order(
    width: int, by_id: dict[str, Column], chosen: Sequence[str], *, wide: bool
) -> list[Column]:
    """The chosen columns, up to the first one that does not fit."""
    ids = list(dict.fromkeys((*chosen, *(column.id for column in COLUMNS if wide and column.wide))))
    if "node" not in ids:
        ids.insert(0, "node")
    taken = {"node"}
    for name in ids:
        if total(by_id[each] for each in (*taken, *({name} - taken))) > width:
            break
        taken.add(name)
    return [by_id[name] for name in ids if name in taken]


def without_room(places: Sequence[Place], wanted: Iterable[str]) -> tuple[str, ...]:
    """Titles of the wanted columns that are not shown."""
    shown = {place.column.id for place in places}
    return tuple(BY_ID[name].title for name in wanted if name not in shown)
