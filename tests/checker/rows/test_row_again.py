"""A row after another probe."""

from __future__ import annotations

from dataclasses import fields, replace
from unittest.mock import sentinel

from checker.model import NodeName, Port, Tunnel
from checker.rows.row import Row

SEEN = Tunnel(node=NodeName("attic"), port=Port(20010), probed_at=1.0)


def test_all_but_the_probe_is_as_before() -> None:
    row = replace(
        Row(forward=None, seen=SEEN),
        **{each.name: getattr(sentinel, each.name) for each in fields(Row) if each.name != "seen"},
    )

    again = row.seen_as(replace(SEEN, probed_at=2.0))

    assert again == replace(row, seen=replace(SEEN, probed_at=2.0))
