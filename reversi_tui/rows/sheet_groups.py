"""The fields of a row's sheet, in groups: now, tunnel, settings, failures. Pure."""

from __future__ import annotations

from checker.model import printable
from checker.rows.cells import bytes_text, bytes_value, kills_value, reason, safe
from checker.rows.rate import rate_text, rates_of
from checker.rows.row import Moment, Row
from checker.rows.trend import trend_text
from reversi_tui.rows.detail_text import (
    BARRED_MEANING,
    NOT_KNOWN,
    NOT_LISTENING,
    UNREGISTERED_MEANING,
    cloned,
    decided,
    held_text,
    instant,
    last_fields,
    member_text,
    mute_text,
    usage_text,
)
from reversi_tui.rows.dossier import Dossier

Fields = list[tuple[str, str]]
"""Names and texts."""
NOTHING_READ = Dossier()
TREND = 36
"""The last latencies that are drawn, a cell each."""
RATES = 28
"""The same of bytes per second, which their number follows."""


def groups(row: Row, moment: Moment, dossier: Dossier | None) -> list[tuple[str, Fields]]:
    """All fields without the status; without a dossier, the rest is still being read."""
    read = dossier or NOTHING_READ
    return [
        ("now", now_fields(row, moment)),
        ("tunnel", tunnel_fields(row, moment, read)),
        ("settings", settings_fields(row, read)),
        ("failures", failure_fields(row, moment, read)),
    ]


def now_fields(row: Row, moment: Moment) -> Fields:
    """What was seen last, and what keeps the row from being judged as others are."""
    seen, now = row.seen, moment.now
    is_found = seen.detail and not row.members and not row.why_barred
    return [
        *(
            [(row.barred, BARRED_MEANING.get(row.barred, NOT_LISTENING))]
            if row.barred and not row.is_shut
            else []
        ),
        *([("because", safe(row.why_barred, 256))] if row.why_barred else []),
        *([("registry", UNREGISTERED_MEANING)] if row.unregistered else []),
        *([("muted", mute_text(row.mute))] if row.mute else []),
        *([("found", safe(reason(row), 256))] if is_found else []),
        *(
            [("forwards", "\n".join(member_text(member, moment) for member in row.members))]
            if row.members
            else []
        ),
        ("since", instant(seen.since, now)),
        ("probed", instant(seen.probed_at, now) + (", STALE" if moment.is_stale(row) else "")),
        ("asked", f"{instant(seen.checked_at, now)}, by the node"),
        ("latency", NOT_KNOWN if seen.latency_ms is None else f"{seen.latency_ms:.1f} ms"),
        *([("trend", trend_text(row.known.trend[-TREND:]))] if row.known.trend else []),
    ]


def tunnel_fields(row: Row, moment: Moment, read: Dossier) -> Fields:
    """The connection, its process at the gateway, and the program at its other end."""
    through, usage = bytes_value(row), read.usage
    return [
        *([("gateway", gateway_text(row))] if row.where else []),
        ("sshd", held_text(row)),
        *(
            [("connected", instant(usage.began_at, moment.now))]
            if usage and usage.began_at is not None
            else []
        ),
        *([("uses", usage_text(usage))] if usage else []),
        ("peer", safe(row.seen.peer, 128) or NOT_KNOWN),
        (
            "bytes",
            NOT_KNOWN if through is None else f"{bytes_text(through)} through this connection",
        ),
        *([("rate", rate)] if (rate := rate_text(rates_of(row)[-RATES:])) else []),
        ("client", safe(row.known.client, 128) or NOT_KNOWN),
        ("instance", safe(row.known.instance, 128) or NOT_KNOWN),
    ]


def gateway_text(row: Row) -> str:
    """Which gateway of the fleet the row is from, and who else holds the forward."""
    where = row.where
    if where is None:
        return NOT_KNOWN
    also = f", also held by {', '.join(where.also)}" if where.also else ""
    lost = ", which is unreachable: nothing is known since" if where.is_cut_off else ""
    return f"{where.gateway}{lost}{also}"


def settings_fields(row: Row, read: Dossier) -> Fields:
    """What the admin decided, and the way in."""
    public = ", on all addresses of the gateway" if row.forward and row.forward.public else ""
    return [
        ("node", safe(row.seen.node)),
        *([("device", f"calls itself {safe(row.calls_itself)}")] if row.calls_itself else []),
        *([] if row.members else [("port", f"{row.seen.port}{public}")]),
        *([] if row.members else decided(row)),
        *([("tags", safe(" ".join(row.tags), 600))] if row.tags else []),
        *([("note", safe(row.note, 200))] if row.note else []),
        *([("ssh", printable(read.ssh, 400))] if read.ssh else []),
    ]


def failure_fields(row: Row, moment: Moment, read: Dossier) -> Fields:
    """What went wrong, and what is known from before."""
    seen = row.seen
    clones = cloned(read.events, moment.now)
    return [
        ("failures", f"{seen.failures} in a row, {seen.strikes} towards a kill"),
        ("kills", f"{kills_value(row):.0f}"),
        ("flaps", f"{row.known.flaps} lately"),
        ("verdict", f"{seen.verdict} s"),
        *(last_fields(read.last, moment.now) if read.last else ()),
        *([("clones", clones)] if clones else []),
    ]
