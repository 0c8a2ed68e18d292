"""The texts and numbers of a row, as a table shows them and a filter searches them. Pure."""

from __future__ import annotations

from collections import Counter

from checker.model import HELD_BY, NOBODY_LISTENS, Status, printable
from checker.rows.row import (
    FUTURE,
    NO_PORT,
    STALE,
    WORST_FIRST,
    Moment,
    Row,
    Whereabouts,
    age_text,
)

SYMBOLS = {
    Status.BROKEN: "#",
    Status.UP: "●",
    Status.HUNG: "✖",
    Status.DOWN: "○",
    Status.REFUSED: "⊘",
    Status.WRONG: "≠",
    Status.FOREIGN: "⚑",
    Status.UNKNOWN: "?",
}
STALE_SYMBOL, SHUT_SYMBOL = "z", "‖"
PENDING = "+"
"""In place of a status: the device waits to be accepted."""
UNREGISTERED = "*"
"""Follows the name of a node that is not in the registry."""


def safe(text: str | None, limit: int = 80) -> str:
    """Text from a device or a file; only its printable ASCII reaches the terminal."""
    if not text:
        return ""
    return text[:limit] if text.isascii() and text.isprintable() else printable(text, limit)


def node_text(row: Row, _: Moment) -> str:
    return safe(row.seen.node) + (UNREGISTERED if row.unregistered else "")


def port_text(row: Row, _: Moment) -> str:
    if row.members:
        return f"{len(row.members)} port{'' if len(row.members) == 1 else 's'}"
    return "" if row.seen.port == NO_PORT else str(row.seen.port)


def port_value(row: Row) -> float | None:
    return None if row.seen.port == NO_PORT else row.seen.port


def status_text(row: Row, moment: Moment) -> str:
    """The status; for a node that may not listen, why not; for a stale row, for how long."""
    if row.applicant is not None:
        return f"{PENDING} {row.word}"
    if row.is_shut:
        return f"{SHUT_SYMBOL} {row.word}"
    if moment.word(row) == STALE:
        return f"{STALE_SYMBOL} {stale_text(row, moment)}"
    return f"{SYMBOLS[row.seen.status]} {row.word}"


def stale_text(row: Row, moment: Moment) -> str:
    """That a row is stale, and the age of its last probe."""
    at = row.seen.probed_at
    age = "" if at is None else probe_age(at, moment)
    return FUTURE if age == FUTURE else f"{STALE} {age}"


def probe_age(probed_at: float, moment: Moment) -> str:
    return age_text(moment.now - probed_at)


def counted(rows: tuple[Row, ...], moment: Moment | None = None) -> str:
    """The number of rows by status, worst first; shut ones last. Without a moment none is stale."""
    worst_first = sorted(
        rows,
        key=lambda row: (
            row.is_shut,
            moment.badness(row) if moment else WORST_FIRST[row.seen.status],
        ),
    )
    counts = Counter(moment.word(row) if moment else row.word for row in worst_first)
    return " ".join(f"{count} {word}" for word, count in counts.items())


def answer_text(row: Row, moment: Moment) -> str:
    return counted(row.members, moment) if row.members else safe(reason(row), 160)


def reason(row: Row) -> str:
    """What the last probe found, or why somebody disabled the node of a shut row. A forward that
    never was up is told from a lost one.
    """
    if row.is_shut and row.why_barred:
        return row.why_barred
    detail = row.seen.detail
    if row.known.was_up or not detail.startswith(NOBODY_LISTENS):
        return detail
    return f"never seen{detail.removeprefix(NOBODY_LISTENS)}"


def stranger(row: Row) -> str:
    """Who holds the port in place of a session of the tunnel user, as a clause; empty if it is not
    foreign.
    """
    if row.seen.status is not Status.FOREIGN:
        return ""
    held = row.seen.detail.partition(";")[0]
    return safe(held.removeprefix(HELD_BY), 100) if held.startswith(HELD_BY) else "another program"


def target_text(row: Row) -> str:
    if row.unregistered:
        return "unregistered"
    if row.applicant is not None:
        return f"enrolment {row.applicant.enrolment}"
    if row.seen.status is Status.BROKEN and not row.members:
        return ""
    return safe(str(row.forward.target)) if row.forward and not row.members else "..."


def expect_text(row: Row, _: Moment) -> str:
    return safe(str(row.forward.expect), 160) if row.forward and not row.members else ""


def latency_text(row: Row, _: Moment) -> str:
    latency_ms = row.seen.latency_ms
    if latency_ms is None:
        return ""
    return "<1ms" if latency_ms < 1 else f"{latency_ms:.0f}ms"


def gateway_text(row: Row, _: Moment) -> str:
    """The gateway that holds it, or held it last, and the others that do; of folded rows, all."""
    if row.members or row.where is None:
        return " ".join(gateways(row))
    return where_text(row.where)


def where_text(where: Whereabouts) -> str:
    return " +".join((where.gateway, *where.also))


def gateways(row: Row) -> tuple[str, ...]:
    """The same, as values. Empty without a fleet."""
    if row.members:
        return tuple(dict.fromkeys(id_ for member in row.members for id_ in gateways(member)))
    return () if row.where is None else (row.where.gateway, *row.where.also)


def probe_text(row: Row, moment: Moment) -> str:
    if row.seen.probed_at is None:
        return "" if row.seen.port == NO_PORT or row.is_shut else "never"
    return probe_age(row.seen.probed_at, moment)


def since_text(row: Row, moment: Moment) -> str:
    return "" if row.seen.since is None else age_text(moment.now - row.seen.since)


def pid_text(row: Row, _: Moment) -> str:
    return str(row.seen.session.pid) if row.seen.session else ""


def pid_value(row: Row) -> float | None:
    return row.seen.session.pid if row.seen.session else None


def kills_value(row: Row) -> float:
    return sum(member.seen.kills for member in row.members) if row.members else row.seen.kills


def count_text(count: float) -> str:
    """A count; 0 is blank, so that the others stand out."""
    return f"{count:.0f}" if count else ""


def bytes_value(row: Row) -> float | None:
    """Bytes through the connection; for folded rows each connection counts once. None: unknown."""
    if not row.members:
        return row.seen.bytes_total
    found = {member.seen.session or member.key: member.seen.bytes_total for member in row.members}
    known_ones = [count for count in found.values() if count is not None]
    return sum(known_ones) if known_ones else None


def bytes_text(count: float | None) -> str:
    """A size in at most four cells and a letter, in powers of 1000."""
    if count is None:
        return ""
    for unit in ("", "k", "M", "G", "T"):
        if count < 999.5:
            return f"{count:.1f}{unit}" if unit and count < 9.95 else f"{count:.0f}{unit}"
        count /= 1000
    return f"{count:.0f}P"


def age_s(at: float | None, moment: Moment) -> float | None:
    return None if at is None else moment.now - at


def percentage(share: float | None) -> float | None:
    return None if share is None else 100 * share


def named(row: Row) -> str:
    if row.members:
        return f"{safe(row.seen.node)} ({len(row.members)} forwards)"
    if row.applicant is not None:
        return safe(row.seen.node)
    if row.seen.port == NO_PORT:
        return f"{safe(row.seen.node)}'s file"
    return f"{safe(row.seen.node)} port {row.seen.port}"


def published(row: Row) -> tuple[str, ...]:
    """The ports and names under which the internet reaches the forward."""
    if row.forward is None:
        return ()
    own = (str(row.forward.port),) if row.forward.public else ()
    names = (name for each in row.forward.published for name in (str(each.port), each.sni))
    return tuple(dict.fromkeys((*own, *filter(None, names))))
