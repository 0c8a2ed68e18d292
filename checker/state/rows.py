"""Rows of the state file: values to rows, and rows to values."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from checker.model import (
    Applicant,
    Event,
    EventKind,
    Flaps,
    Hour,
    NodeName,
    Port,
    ProcessId,
    Registration,
    ShownKey,
    Tunnel,
    Unregistered,
    Watched,
    parse_expect,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """When the daemon swept last, and how it swept."""

    pid: int
    swept_at: float
    every_s: float
    logins_waiting: int | None = None
    """Connections to the machine's sshd that have not logged in yet; None: unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one transaction writes."""

    tunnels: Sequence[Tunnel] = ()
    forgotten: Sequence[tuple[NodeName, Port]] = ()
    flaps: Sequence[tuple[NodeName, Flaps]] = ()
    registrations: Sequence[Registration] = ()
    ended: Sequence[Registration] = ()
    events: Sequence[Event] = ()
    uptime: Sequence[tuple[NodeName, Port, Watched]] = ()
    hours: Sequence[Hour] = ()
    unregistered: Sequence[Unregistered] = ()
    gone: Sequence[Unregistered] = ()
    """Unregistered devices that are forgotten."""
    sweep: Sweep | None = None
    shown: Sequence[ShownKey] = ()
    applicants: Sequence[Applicant] = ()
    dropped: Sequence[str] = ()
    """Fingerprints of applicants that are forgotten."""
    renamed: Sequence[tuple[NodeName, NodeName]] = ()
    """Nodes' old and new names; written before everything else in the batch."""

    def __bool__(self) -> bool:
        return any(getattr(self, kind.name) for kind in fields(self))


def process_from(row: sqlite3.Row) -> ProcessId | None:
    return None if row["pid"] is None else ProcessId(pid=row["pid"], start_ticks=row["start_ticks"])


def tunnel_row(tunnel: Tunnel, revision: int) -> dict[str, Any]:
    """The columns of a tunnel's row."""
    return {
        "node": tunnel.node,
        "port": tunnel.port,
        "status": tunnel.status.value,
        "detail": tunnel.detail,
        "latency_ms": tunnel.latency_ms,
        **session_columns(tunnel.session),
        "peer": tunnel.peer,
        "since": tunnel.since,
        "probed_at": tunnel.probed_at,
        "checked_at": tunnel.checked_at,
        "failures": tunnel.failures,
        "kills": tunnel.kills,
        "strikes": tunnel.strikes,
        "verdict": tunnel.verdict,
        "revision": revision,
        "bytes_total": tunnel.bytes_total,
        "answer": tunnel.answer,
    }


def session_columns(session: ProcessId | None) -> dict[str, int | None]:
    return {
        "pid": session.pid if session else None,
        "start_ticks": session.start_ticks if session else None,
    }


def registration_row(registration: Registration) -> dict[str, Any]:
    from checker.wire import client_word  # who reads only tunnels does not need it

    return {
        "node": registration.node,
        "instance": registration.instance,
        **session_columns(registration.session),
        "peer": registration.peer,
        "registered_at": registration.registered_at,
        "inodes": " ".join(map(str, sorted(registration.inodes))),
        # as the client sent it: an older release, after a rollback, needs no column for the rest
        "client": client_word(
            registration.client, moves=registration.moves, home=registration.home
        ),
    }


def registration_from(row: sqlite3.Row) -> Registration:
    from checker.wire import split_client  # as above

    word = row["client"] if "client" in row.keys() else ""  # noqa: SIM118 - as above
    client, moves, home = split_client(word)
    return Registration(
        node=NodeName(row["node"]),
        instance=row["instance"],
        session=ProcessId(pid=row["pid"], start_ticks=row["start_ticks"]),
        peer=row["peer"],
        registered_at=row["registered_at"],
        inodes=frozenset(map(int, row["inodes"].split())),
        client=client,
        moves=moves,
        home=home,
    )


def sweep_from(row: sqlite3.Row) -> Sweep:
    """The inverse of sweep_row; an older product's row has fewer columns."""
    fields = {key: row[key] for key in row.keys() if key not in ("id", "revision")}  # noqa: SIM118 - as above
    return Sweep(**fields)


def sweep_row(sweep: Sweep, revision: int) -> dict[str, Any]:
    """The columns of the one row of `sweep`."""
    return {
        "pid": sweep.pid,
        "swept_at": sweep.swept_at,
        "every_s": sweep.every_s,
        "logins_waiting": sweep.logins_waiting,
        "revision": revision,
    }


def unregistered_row(one: Unregistered) -> dict[str, Any]:
    return {
        "port": one.port,
        "node": one.node,
        "expect": str(one.expect),
        "first_at": one.first_at,
        "last_at": one.last_at,
    }


def unregistered_from(row: sqlite3.Row) -> Unregistered:
    """The inverse of unregistered_row, joined with what the device calls itself."""
    said = {"expect": parse_expect(row["expect"]), "calls_itself": row["calls_itself"] or ""}
    return Unregistered(**{**dict(row), **said})


def shown_row(shown: ShownKey) -> dict[str, Any]:
    """The columns of a row of `shown_key`."""
    return {
        "node": shown.node,
        "port": shown.port,
        "key": shown.key,
        "pinned": shown.pinned,
        **session_columns(shown.session),
        "at": shown.at,
        "logged": shown.logged,
    }


def shown_from(row: sqlite3.Row) -> ShownKey:
    """The inverse of shown_row."""
    fields: dict[str, Any] = dict(row)
    session = ProcessId(pid=fields.pop("pid"), start_ticks=fields.pop("start_ticks"))
    return ShownKey(**fields, session=session)


ACTS = frozenset(
    {
        EventKind.SHELL,
        EventKind.COMMAND,
        EventKind.HOSTKEY,
        EventKind.MUTE,
        EventKind.UNMUTE,
        EventKind.ACT,
        EventKind.MOVE,
    }
)
"""Kinds that 0.1.0 does not know. They are stored and sent as `registry`, with their own name in
`act`, which 0.1.0 ignores: after a rollback it reads and writes the same state file.
"""


def stored_kind(kind: EventKind) -> str:
    """The kind as the state file has it."""
    return EventKind.REGISTRY.value if kind in ACTS else kind.value


def event_row(event: Event) -> dict[str, Any]:
    """The event as the state file, the spool and the daemon's socket have it."""
    return {
        "at": event.at,
        "kind": stored_kind(event.kind),
        "act": event.kind.value if event.kind in ACTS else None,
        "node": event.node,
        "port": event.port,
        "actor": event.actor,
        "text": event.text,
    }


def kind_from(kind: str, act: str | None) -> EventKind:
    """The inverse of what event_row does to a kind; an `act` of a later product does not count.
    Raises ValueError for an unknown kind.
    """
    return EventKind(act) if act in ACTS else EventKind(kind)


def event_from(row: sqlite3.Row) -> Event:
    return Event(
        id=row["id"],
        at=row["at"],
        # only a writer of this product adds the column
        kind=kind_from(row["kind"], row["act"] if "act" in row.keys() else None),  # noqa: SIM118 - a Row has no other way
        node=row["node"],
        port=row["port"],
        actor=row["actor"],
        text=row["text"],
    )
