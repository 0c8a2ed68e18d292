"""A pulse as it travels. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from checker.fleet.values import instant_of, instant_or_none, number_of, table_of, text_of, whole_of
from checker.model import InvalidValue, Status
from checker.model.pulse import Pulse

PULSE_EVERY_S = 2.0
UNREACHABLE_AFTER_S = 30.0
"""What a gateway said counts no more when its last pulse is older."""
STATES = ("active", "draining")
KNOWN_STATUSES = frozenset(Status)


def pulse_body(pulse: Pulse) -> bytes:
    """Render a pulse."""
    return json.dumps(asdict(pulse), separators=(",", ":")).encode()


def parse_pulse(body: bytes) -> Pulse:
    """Parse a pulse; keys of a later version do not matter. Raises InvalidValue."""
    table = table_of(body)
    return Pulse(
        epoch=text_of(table.get("epoch"), 64),
        beat=whole_of(table.get("beat")),
        number=whole_of(table.get("number")),
        at=instant_of(table.get("at")),
        version=text_of(table.get("version"), 64),
        state=state_of(table.get("state")),
        revision=whole_of(table.get("revision", 0)),
        swept_at=instant_or_none(table.get("swept_at")),
        every_s=number_of(table.get("every_s", 0.0)),
        last_event=whole_of(table.get("last_event", 0)),
        load=number_of(table.get("load", 0.0)),
        free_mb=whole_of(table.get("free_mb", 0)),
        counts=counts_of(table.get("counts", {})),
    )


def state_of(value: Any) -> str:
    """Return the state; a later version's counts as active. Raises InvalidValue."""
    word = text_of(value, 32)
    return word if word in STATES else STATES[0]


def counts_of(value: Any) -> dict[str, int]:
    """Raises InvalidValue."""
    if not isinstance(value, dict):
        raise InvalidValue(f"{value!r:.40} is not a table")
    return {key: whole_of(count) for key, count in value.items() if key in KNOWN_STATUSES}
