"""Pinned host keys as a known_hosts file: sorted, each once, under the names that ssh looks for."""

from __future__ import annotations

from dataclasses import replace

from checker.model import NodeName, Port, Target
from checker.registry.known_hosts import known_hosts_lines
from tests.strategies import FORWARD, public_key

KEY = public_key(7)


def test_each_pinned_key_stands_once_under_the_alias_of_its_target() -> None:
    office = replace(FORWARD, host_key=KEY)
    again = replace(office, port=Port(20099))
    nas = replace(office, target=Target(host="nas", port=Port(22)), host_key=public_key(8))
    attic = replace(office, node=NodeName("attic"))

    lines = known_hosts_lines([office, nas, again, FORWARD, attic])

    assert lines == (
        f"reversi:attic {KEY}",
        f"reversi:office {KEY}",
        f"reversi:office:nas:22 {public_key(8)}",
    )
    assert known_hosts_lines([attic, again, nas, office]) == lines
    assert known_hosts_lines([FORWARD]) == ()
