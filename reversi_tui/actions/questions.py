"""The question before a dangerous action: the targets, worst first, and what ends too. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from checker.model import TARGET_SILENT, Status
from checker.output import aligned
from checker.rows.cells import counted, named, port_text, published, safe, target_text
from checker.rows.row import Moment, Row, age_text
from reversi_tui.actions.plans import Deed, Plan, gateway_of, held_by, holder

EFFECTS = {
    Deed.KILL: "This ends the process; the node reconnects.",
    Deed.RESET: (
        "This ends the process, forgets strikes and flaps, and tells the node to reconnect at once."
    ),
    Deed.PROBE: "This probes each forward now; no tunnel is touched.",
    Deed.DISABLE: (
        "This ends the node's tunnel, with all its forwards, and rejects its key until you enable"
        " the node again (e)."
    ),
    Deed.ENABLE: "This lets the nodes in again.",
}
"""What a deed would do."""
ENDS = frozenset({Deed.KILL, Deed.RESET, Deed.DISABLE})
"""The deeds that end a tunnel."""
UP = Status.UP.value
"""Also the word to type before a tunnel that works is ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What must be typed before yes."""

    count: int
    word: str = ""
    """Typed instead of the count; empty: only the count opens."""

    def opens(self, typed: str) -> bool:
        return typed.strip() in (str(self.count), self.word or str(self.count))

    def asks(self) -> str:
        choice = f" or {self.word}" if self.word else ""
        return f"Type {self.count}{choice} to continue:"


def lock_for(planned: Plan, moment: Moment, beside: Iterable[Row], *, over: int) -> Lock | None:
    """What must be typed: the count of more than `over` targets, or if a tunnel that is up would
    end. None: y is enough.
    """
    count = len(planned.rows)
    if planned.deed in ENDS and up_among((*planned.rows, *beside), moment):
        return Lock(count=count, word=UP)
    return Lock(count=count) if count > over else None


def up_among(rows: Iterable[Row], moment: Moment) -> tuple[Row, ...]:
    return tuple(row for row in rows if moment.word(row) == UP)


def title(planned: Plan) -> str:
    """The question in one line."""
    deed, count = planned.deed.capitalize(), len(planned.rows)
    unit = "node" if planned.deed.verb is None else "forward"
    gateways = {gateway_of(row) for row in planned.rows} if planned.deed.verb else set()
    where = f" at {gateways.pop()}" if len(gateways) == 1 and all(gateways) else ""
    these = f"this {unit}" if count == 1 else f"these {count} {unit}s"
    return f"{deed} {these}{where}?"


def question(
    planned: Plan, moment: Moment, hidden: int = 0, beside: Sequence[Row] = (), *, apart: int = 0
) -> str:
    """The question, which names each target; `hidden` of them the filter does not show, `beside`
    end with them (all rows of their nodes, to disable these). `apart` other rows are marked, and
    not asked about.
    """
    is_disabling = planned.deed is Deed.DISABLE
    about = ending(planned, beside, moment) if is_disabling else targets(planned, moment)
    parts = [*about, useless(planned, moment), EFFECTS.get(planned.deed, "")]
    if beside and not is_disabling:
        names = ", ".join(f"{named(row)} ({moment.word(row)})" for row in beside)
        parts.append(f"The same process holds these, which end with it: {names}.")
    if hidden:
        parts.append(f"The filter hides {hidden} of these marked rows.")
    if apart:
        rows = "The marked row is" if apart == 1 else f"The {apart:,} marked rows are"
        parts.append(f"{rows} left alone: this is about the sheet's row only.")
    if planned.left_out:
        parts.append("Left out:\n" + "\n".join(planned.left_out))
    return "\n\n".join(part for part in parts if part)


def targets(planned: Plan, moment: Moment) -> list[str]:
    """The targets: of several a summary, those that are not up, and apart those that are."""
    rows, ends = planned.rows, planned.deed in ENDS
    healthy = up_among(rows, moment) if ends else ()
    if len(rows) == 1:
        warning = "It is up: this ends a tunnel that works." if healthy else ""
        return [one(rows[0], moment), warning]
    keys = {row.key for row in healthy}
    others = [row for row in rows if row.key not in keys]
    are = "is" if len(healthy) == 1 else "are"
    warning = (
        f"{len(healthy):,} of them {are} up: this ends tunnels that work.\n" if healthy else ""
    )
    return [summary(rows, moment), several(others, moment), warning + several(healthy, moment)]


def ending(planned: Plan, beside: Sequence[Row], moment: Moment) -> list[str]:
    """Each forward of the nodes to disable, and what goes dark in public."""
    rows = sorted((*planned.rows, *beside), key=lambda row: row.key)
    nodes = len(planned.rows)
    whose = f"node {safe(rows[0].seen.node)}" if nodes == 1 else f"{nodes:,} nodes"
    forwards = f"{len(rows):,} forward{'' if len(rows) == 1 else 's'}"
    lines = aligned(
        [
            (safe(row.seen.node), port_text(row, moment), target_text(row), lasting(row, moment))
            for row in rows
        ]
    )
    public = [f"{named(row)}: {', '.join(published(row))}" for row in rows if published(row)]
    dark = "This goes dark in public:\n" + "\n".join(public) if public else ""
    return [f"{whose}, {forwards}: {counted(tuple(rows), moment)}", lines, dark]


def summary(rows: Sequence[Row], moment: Moment) -> str:
    """How many forwards, processes, and rows of each status, in one line."""
    processes = len({held_by(row) for row in rows} - {None})
    held = f", {processes:,} sshd process{'' if processes == 1 else 'es'}" if processes else ""
    return f"{len(rows):,} forwards{held}: {counted(tuple(rows), moment)}"


def useless(planned: Plan, moment: Moment) -> str:
    """That ending the tunnel will not help, as the fault is behind it."""
    if planned.deed not in (Deed.KILL, Deed.RESET):
        return ""
    rows = [row for row in planned.rows if is_beyond(row, moment)]
    if not rows:
        return ""
    whose = (
        "The tunnel lives, and its target"
        if len(planned.rows) == 1
        else (f"{len(rows)} of these tunnels live, and their targets")
    )
    verb = "does" if len(planned.rows) == 1 else "do"
    return f"{whose} {verb} not answer: a {planned.deed} will not help."


def is_beyond(row: Row, moment: Moment) -> bool:
    """Whether the tunnel lives and the fault is the target's."""
    if moment.word(row) == Status.REFUSED:
        return True
    return moment.word(row) == Status.HUNG and row.seen.detail.startswith(TARGET_SILENT)


def beside(planned: Plan, rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows that end with the plan's, because the same process holds their ports; of nodes to
    disable, all others.
    """
    if planned.deed is Deed.DISABLE:
        keys = {row.key for row in planned.rows}
        return tuple(row for row in rows if row.key not in keys)
    if planned.deed not in (Deed.KILL, Deed.RESET):
        return ()
    meant, ending = (
        {row.key for row in planned.rows},
        {held_by(row) for row in planned.rows} - {None},
    )
    return tuple(row for row in rows if held_by(row) in ending and row.key not in meant)


def one(row: Row, moment: Moment) -> str:
    """The only forward that the question is about."""
    seen = row.seen
    lasted = "" if seen.since is None else f" for {age_text(moment.now - seen.since)}"
    probed = (
        "never probed"
        if seen.probed_at is None
        else f"probed {age_text(moment.now - seen.probed_at)} ago"
    )
    stale = ", STALE" if moment.is_stale(row) else ""
    return (
        f"node     {safe(seen.node)}\nport     {seen.port}\nheld by  {holder(row)}\n"
        f"status   {seen.status}{lasted} ({probed}{stale})"
    )


def several(rows: Iterable[Row], moment: Moment) -> str:
    """One line per forward, worst first: node, port, process, status and its age."""
    worst_first = sorted(rows, key=lambda row: (moment.badness(row), row.key))
    return aligned(
        [
            (safe(row.seen.node), str(row.seen.port), holder(row), lasting(row, moment))
            for row in worst_first
        ]
    )


def lasting(row: Row, moment: Moment) -> str:
    """The status, its age, and whether it is stale."""
    age = "" if row.seen.since is None else f" {age_text(moment.now - row.seen.since)}"
    return f"{row.seen.status}{age}{' STALE' if moment.is_stale(row) else ''}"
