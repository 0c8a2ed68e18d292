"""The texts of the detail sheet: the fields of a row. Pure."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Sequence

from checker.model import STATUS_MEANING, Event, EventKind, Mute, Usage, is_future, printable
from checker.model.last_seen import LastSeen
from checker.output import clock
from checker.rows.cells import (
    answer_text,
    bytes_text,
    named,
    safe,
    status_text,
    stranger,
)
from checker.rows.hours import overall
from checker.rows.row import HOURS, Moment, Row, Share, age_text
from reversi_tui.rows.uptime import percent

BARRED_MEANING = {
    "disabled": "its keys are rejected until you enable it; it keeps its ports",
    "expired": "its keys are rejected, as they have expired",
}
NOT_LISTENING = "its node may not listen"
UNREGISTERED_MEANING = (
    "not registered: it came by the shared key, and chose its own name and expected response"
)
NOT_KNOWN = "unknown"
LABEL = 10
"""Cells of a field's name and the blank after it."""
EVERY_HOURS = 6
"""Hours between the labels below the strip."""


def title(row: Row) -> str:
    return f"{safe(row.seen.node)}: {len(row.members)} forwards" if row.members else named(row)


def instant(at: float | None, now: float) -> str:
    """A time on the gateway's clock, and how long ago it was."""
    if at is None:
        return NOT_KNOWN
    age = (
        "in the future: the clock was set back"
        if is_future(at, now)
        else f"{age_text(now - at)} ago"
    )
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))}  ({age})"


def meaning(row: Row, moment: Moment) -> str:
    """What the status means."""
    if row.members:
        return f"the worst of {answer_text(row, moment)}"
    if row.is_shut:
        return BARRED_MEANING.get(row.barred, NOT_LISTENING)
    if moment.is_stale(row):
        return f"it was {row.seen.status} when it was last probed, and nothing is known since"
    return STATUS_MEANING[row.seen.status]


def decided(row: Row) -> list[tuple[str, str]]:
    """What the registry says about the forward."""
    forward = row.forward
    if forward is None:
        return [("target", NOT_KNOWN), ("expect", NOT_KNOWN)]
    return [
        *(("published", f"on port {publication}") for publication in forward.published),
        (
            "target",
            "only the device knows" if row.unregistered else safe(str(forward.target), 256),
        ),
        ("expect", safe(str(forward.expect), 256)),
    ]


def member_text(row: Row, moment: Moment) -> str:
    """The line of one forward in a folded row."""
    target = safe(str(row.forward.target)) if row.forward else NOT_KNOWN
    return (
        f"{row.seen.port}  {status_text(row, moment):<12}  {target} "
        f" {safe(row.seen.detail, 60)}".rstrip()
    )


def last_fields(last: LastSeen, now: float) -> list[tuple[str, str]]:
    """What was last seen of a forward that is down."""
    if not last.was_up:
        shown = [("last up", "never: its device has not connected yet")]
    else:
        peer = f"{safe(last.peer, 128)}, connected {instant(last.connected_at, now)}"
        shown = [
            ("last up", f"until {instant(last.up_until, now)}" if last.up_until else NOT_KNOWN),
            ("last peer", peer if last.peer else NOT_KNOWN),
            ("last run", safe(last.client, 128) or NOT_KNOWN),
        ]
    if last.refused:
        text = f"{instant(last.refused.at, now)}: {safe(last.refused.text, 256)}"
        shown.append(("refused", text))
    return shown


def held_text(row: Row) -> str:
    """Who holds the port."""
    if row.seen.session:
        return f"{row.seen.session.pid} (start {row.seen.session.start_ticks})"
    found = stranger(row)
    return f"none: the port is held by {found}" if found else "no known process holds the port"


def mute_text(mute: Mute) -> str:
    """Until when no alerts are sent, by whom, and why."""
    named = f" as {safe(str(mute.selector), 120)}" if mute.selector.node is None else ""
    return f"until {clock(mute.until)}, by {safe(mute.by)}{named}: {safe(mute.why, 200)}"


def cloned(events: Sequence[Event], now: float) -> str:
    """The last event about a key on two devices; empty if there is none."""
    last = next((event for event in reversed(events) if event.kind is EventKind.CLONE), None)
    return f"{instant(last.at, now)}: {safe(last.text, 256)}" if last else ""


def event_text(event: Event) -> str:
    """One line of the gateway's log."""
    port = f" {event.port}" if event.port else ""
    when = time.strftime("%m-%d %H:%M:%S", time.localtime(event.at))
    return f"{when} {event.kind}{port} by {printable(event.actor)}: {safe(event.text, 256)}"


def hour_labels(now: float) -> str:
    """Labels below the strip: every sixth hour, on the gateway's clock."""
    at = range(HOURS - 1, 0, -EVERY_HOURS)
    return "".join(
        f"{time.localtime(now - ago * 3600).tm_hour:02d}h".ljust(EVERY_HOURS) for ago in at
    ).rstrip()


def hours_text(hours: Sequence[Share]) -> str:
    share = overall(hours)
    return (
        f"no daemon watched in the last {HOURS} hours"
        if share is None
        else f"up {percent(share)} of the watched time"
    )


def hanging(text: str, width: int, indent: int = LABEL) -> str:
    """The text wrapped to the width, with a hanging indent."""
    room = max(10, width - indent)
    lines = [
        part
        for line in text.split("\n")
        for part in textwrap.wrap(line, room, break_on_hyphens=False) or [""]
    ]
    return f"\n{' ' * indent}".join(lines)


def usage_text(usage: Usage) -> str:
    """What the row's sshd process uses."""
    used = f"{usage.cpu_s:.1f} s of CPU, {bytes_text(usage.memory)} of memory"
    if usage.descriptors is None:
        return used
    return f"{used}, {usage.descriptors} descriptors and connections open"
