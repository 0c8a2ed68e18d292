"""Everything known of one forward, with the last events of its node."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.text import Text

from checker.model import STATUS_MEANING, Event, printable
from reversi_tui.columns import SYMBOLS
from reversi_tui.rows import Moment, Row, age_text
from reversi_tui.screens.sheet import Sheet
from reversi_tui.widgets.status import STYLES

EVENTS = 20


def instant(at: float | None, now: float) -> str:
    """A time of the gateway's clock, and how long ago."""
    if at is None:
        return "not known"
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))}  ({age_text(now - at)} ago)"


def fields(row: Row, moment: Moment) -> list[tuple[str, str]]:
    """Names and texts, in the order of the sheet; the status is not among them."""
    seen, forward, now = row.seen, row.forward, moment.now
    return [
        ("answer", printable(seen.detail, 256) or "none"),
        ("node", seen.node),
        ("port", f"{seen.port}{', on all addresses of the gateway' if forward and forward.public else ''}"),
        *(("published", f"on port {publication}") for publication in (forward.published if forward else ())),
        ("target", printable(str(forward.target), 256) if forward else "not known yet"),
        ("expect", printable(str(forward.expect), 256) if forward else "not known yet"),
        ("latency", "not known" if seen.latency_ms is None else f"{seen.latency_ms:.1f} ms"),
        ("sshd", f"{seen.session.pid} (start {seen.session.start_ticks})" if seen.session else "no process is known to hold the port"),
        ("peer", printable(seen.peer, 128) if seen.peer else "not known"),
        ("since", instant(seen.since, now)),
        ("probed", instant(seen.probed_at, now) + (", STALE" if moment.is_stale(row) else "")),
        ("node asked", instant(seen.checked_at, now)),
        ("failures", f"{seen.failures} in a row, {seen.strikes} towards a kill"),
        ("kills", str(seen.kills)),
        ("verdict", f"{seen.verdict} s"),
    ]


def described(row: Row, moment: Moment, events: Sequence[Event] | str) -> Text:
    """The sheet's text; `events` is a sentence where they can not be read."""
    status = row.seen.status
    text = Text().append(f"{'status':<12}", style="bold").append(f"{SYMBOLS[status]} {status}", style=STYLES[status])
    text.append(f": {STATUS_MEANING[status]}\n")
    for name, value in fields(row, moment):
        text.append(f"{name:<12}", style="bold").append(f"{value}\n")
    text.append("\nlast events, newest first\n", style="bold")
    if isinstance(events, str):
        return text.append(printable(events, 400))
    for event in reversed(events):
        port = f" {event.port}" if event.port else ""
        when = time.strftime("%m-%d %H:%M:%S", time.localtime(event.at))
        text.append(f"{when} {event.kind}{port} by {printable(event.actor)}: ").append(f"{printable(event.text, 256)}\n")
    return text if events else text.append("none")


class Detail(Sheet):
    """One forward, kept fresh by the main screen."""

    def __init__(self, row: Row) -> None:
        super().__init__(f"{row.seen.node} port {row.seen.port}")
        self.key = row.key
        self.row = row
        self.events: tuple[Event, ...] | str = "reading..."

    def renew(self, row: Row | None, moment: Moment, events: tuple[Event, ...] | str | None = None) -> None:
        """Show what is known now; a row that went away is shown as it was."""
        self.row = row or self.row
        self.events = self.events if events is None else events
        self.show(described(self.row, moment, self.events))
