"""What a word of a filter is searched in is made again if, and only if, it may have changed."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from checker.model import ProcessId, Status, Tunnel
from checker.rows.claims import LOWERED, fill, forget, is_worded_alike, lowered
from checker.rows.row import Known, Moment, Row
from tests.reversi_tui.console.states import forward

MOMENT = Moment(now=1000.0, every_s=30.0)
OTHERS: dict[str, Any] = {
    "status": Status.HUNG,
    "detail": "no answer",
    "latency_ms": 321.0,
    "session": ProcessId(pid=9731, start_ticks=1),
    "peer": "203.0.113.7:40022",
    "since": 900.0,
    "probed_at": 999.0,
    "checked_at": 999.0,
    "failures": 3,
    "kills": 17,
    "strikes": 1,
    "verdict": 60,
    "bytes_total": 12345,
    "answer": "SSH-2.0-other",
    "revision": 12,
    "due_s": 300.0,
    "held_until": 800.0,
}
"""Another value for each field of a tunnel that does not identify it."""
BESIDE: dict[str, Any] = {
    "forward": replace(forward("barn", 24003), public=True),
    "known": Known(client="bundle/9", flaps=3, instance="other"),
    "barred": "disabled",
    "why_barred": "stolen",
    "unregistered": True,
    "calls_itself": "cam",
    "tags": ("site-a",),
    "note": "on the mast",
}


def row() -> Row:
    return Row(
        forward=forward("barn", 24003),
        seen=Tunnel(node=forward("barn", 24003).node, port=forward("barn", 24003).port),
    )


def test_each_field_of_a_tunnel_is_tried() -> None:
    assert OTHERS.keys() == {each.name for each in fields(Tunnel)} - {"node", "port"}


@pytest.mark.parametrize(
    "other",
    [
        *(
            pytest.param(replace(row(), seen=replace(row().seen, **{name: value})), id=name)
            for name, value in OTHERS.items()
        ),
        *(pytest.param(replace(row(), **{name: value}), id=name) for name, value in BESIDE.items()),
        pytest.param(
            replace(row(), barred="expired", why_barred="left", seen=replace(row().seen)), id="shut"
        ),
    ],
)
def test_a_row_that_changed_is_searched_in_what_it_says_now(other: Row) -> None:
    before = row()
    forget([before.key])
    lowered(before, MOMENT)

    found = lowered(other, MOMENT)

    forget([before.key])
    assert found == lowered(other, MOMENT)
    forget([before.key])


def test_another_probe_that_found_nothing_new_keeps_the_text() -> None:
    before = row()
    probed = replace(before, seen=replace(before.seen, probed_at=1.0, checked_at=1.0, revision=4))

    assert is_worded_alike(before, probed)


def test_only_missing_texts_are_made() -> None:
    texts: list[str | None] = ["kept", None]

    fill(texts, [row(), row()], MOMENT)

    assert texts == ["kept", lowered(row(), MOMENT)]
    assert LOWERED.pop(row().key)
