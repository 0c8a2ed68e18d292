"""Mirrors of other gateways' state files: what the agent of a fleet heard from each of them.

A mirror has the schema of `state.db`, and three tables more. It is disposable: the agent fills a
missing one within seconds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from checker.config.layout import Layout
from checker.model.gateway_id import ID_PATTERN, GatewayId
from checker.model.pulse import HeardPulse, Pulse
from checker.state.store import StateFile
from checker.state.tables import has_table

SUFFIX = ".db"
ADD_PULSE = """
CREATE TABLE IF NOT EXISTS pulse (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    heard_at      REAL    NOT NULL,                                 -- Unix seconds, by our clock
    epoch         TEXT    NOT NULL,
    beat          INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    at            REAL    NOT NULL,                                 -- by its clock, as below
    version       TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    revision      INTEGER NOT NULL,
    swept_at      REAL,
    every_s       REAL    NOT NULL,
    last_event    INTEGER NOT NULL,
    load          REAL    NOT NULL,
    free_mb       INTEGER NOT NULL,
    counts        TEXT    NOT NULL                                  -- JSON: status to number
) STRICT
"""
ADD_POSITION = """
CREATE TABLE IF NOT EXISTS position (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    epoch         TEXT    NOT NULL,
    number        INTEGER NOT NULL
) STRICT
"""
"""Up to which change of which epoch the rows are known."""
PUT_PULSE = """
INSERT OR REPLACE INTO pulse VALUES (
    1, :heard_at, :epoch, :beat, :number, :at, :version, :state, :revision, :swept_at, :every_s,
    :last_event, :load, :free_mb, :counts
)
"""
PUT_POSITION = "INSERT OR REPLACE INTO position VALUES (1, :epoch, :number)"
GET_PULSE = "SELECT * FROM pulse"
GET_POSITION = "SELECT epoch, number FROM position"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Up to which change of another gateway its mirror goes."""

    epoch: str = ""
    """Empty: nothing was mirrored yet."""
    number: int = 0


def mirrors_folder(layout: Layout) -> Path:
    """Return the directory of the mirrors: beside the inbox, or a directory of the home."""
    return layout.mirrors


def mirror_path(layout: Layout, id_: GatewayId) -> Path:
    """Return the mirror of another gateway. `open_reader` opens it, as it does a state file."""
    return mirrors_folder(layout) / f"{id_}{SUFFIX}"


def mirrored(layout: Layout) -> Iterator[GatewayId]:
    """Yield the gateways of which there is a mirror, by name."""
    for path in sorted(mirrors_folder(layout).glob(f"*{SUFFIX}")):
        if ID_PATTERN.match(path.stem):
            yield GatewayId(path.stem)


def read_pulse(mirror: StateFile) -> HeardPulse | None:
    """Return the last pulse; None if none came yet. Raises StateError."""
    with mirror.using() as db:
        if not has_table(db, "pulse"):
            return None
        row = db.execute(GET_PULSE).fetchone()
    return row and pulse_from(row)


def pulse_from(row: sqlite3.Row) -> HeardPulse:
    fields: dict[str, Any] = dict(row)
    del fields["id"]
    heard_at, counts = fields.pop("heard_at"), json.loads(fields.pop("counts"))
    return HeardPulse(pulse=Pulse(**fields, counts=counts), heard_at=heard_at)


def pulse_row(heard: HeardPulse) -> dict[str, Any]:
    """The inverse of pulse_from."""
    pulse = heard.pulse
    return {
        "heard_at": heard.heard_at,
        "epoch": pulse.epoch,
        "beat": pulse.beat,
        "number": pulse.number,
        "at": pulse.at,
        "version": pulse.version,
        "state": pulse.state,
        "revision": pulse.revision,
        "swept_at": pulse.swept_at,
        "every_s": pulse.every_s,
        "last_event": pulse.last_event,
        "load": pulse.load,
        "free_mb": pulse.free_mb,
        "counts": json.dumps(dict(pulse.counts)),
    }
