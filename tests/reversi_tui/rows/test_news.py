"""News: faults that came, from where, and what other people did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Event, EventKind, NodeName, Port, Status, Tunnel
from checker.rows.row import Moment, Row
from reversi_tui.rows.news import Losses, common_place, deeds

NOW = 1_000_000.0
MOMENT = Moment(now=NOW, every_s=20.0)
BARN = (NodeName("barn"), Port(24003))


def row(node: str, port: int, status: Status = Status.DOWN, *, peer: str = "") -> Row:
    seen = Tunnel(
        node=NodeName(node), port=Port(port), status=status, peer=peer or None, probed_at=NOW
    )
    return Row(forward=None, seen=seen)


@pytest.mark.parametrize(
    ("peers", "place"),
    [
        ([], ""),
        ([""], ""),
        (["203.0.113.7:40022"], "203.0.113.7"),
        (["203.0.113.7:40022", "203.0.113.7:1"], "203.0.113.7"),
        (["203.0.113.7:40022", "203.0.113.200:1"], "203.0.113.0/24"),
        (["203.0.113.7:40022", "198.51.100.1:1"], ""),
        (["203.0.113.7:40022", ""], ""),
        (["[2001:db8:1:2::1]:22", "[2001:db8:1:3::1]:22"], "2001:db8:1::/48"),
        (["[2001:db8::1]:22", "203.0.113.7:22"], ""),
        (["no\x1baddress:22"], ""),
    ],
)
def test_peers_of_one_network_have_it_in_common(peers: list[str], place: str) -> None:
    assert common_place(peers) == place


def test_faults_that_come_together_are_one_piece_of_news() -> None:
    losses = Losses()
    up = [row(f"n{at}", at, Status.UP, peer=f"203.0.113.{at}:40022") for at in range(1, 6)]
    losses.follow(up, None)

    first = losses.add([row("n1", 1)], MOMENT)
    both = losses.add([row("n2", 2)], replace(MOMENT, now=NOW + 5))
    four = losses.add([row("n3", 3), row("n4", 4, Status.HUNG)], replace(MOMENT, now=NOW + 9))
    last = row("n5", 5)
    last = replace(last, seen=replace(last.seen, probed_at=NOW + 99))
    later = losses.add([last], replace(MOMENT, now=NOW + 99))

    assert first is None, "the row and the counts show one alone"
    assert both
    assert both.text == "+2 down, all from 203.0.113.0/24"
    assert four
    assert four.text == "+3 down, +1 hung, all from 203.0.113.0/24"
    assert [port for _, port in four.keys] == [1, 2, 3, 4]
    assert later is None
    assert list(losses.rows) == [("n5", 5)]


def test_faults_from_several_places_are_named_if_they_are_few() -> None:
    found = Losses().add([row("a", 1), row("b", 2)], MOMENT)
    many = Losses().add([row("a", at) for at in range(1, 5)], MOMENT)

    assert found
    assert many
    assert found.text == "+2 down: a port 1, b port 2"
    assert many.text == "+4 down"


def test_a_row_that_is_only_stale_is_not_news() -> None:
    old = row("a", 1)

    assert Losses().add([old], replace(MOMENT, now=NOW + 9999)) is None


def test_peers_of_rows_that_are_gone_are_forgotten() -> None:
    losses = Losses()
    losses.follow([row("a", 1, Status.UP, peer="203.0.113.7:1")], None)
    losses.follow([], frozenset())

    assert not losses.peers


def event(kind: EventKind, actor: str, *, text: str = "", port: int | None = 24003) -> Event:
    place = None if port is None else Port(port)
    return Event(at=NOW, kind=kind, text=text, node=BARN[0], port=place, actor=actor)


KILL = event(EventKind.KILL, "op2", text="killed sshd 3001")


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([], None),
        ([KILL], "op2 killed barn 24003"),
        ([KILL, KILL, KILL], "op2 killed barn 24003 and 2 more"),
        ([KILL, event(EventKind.RESET, "op3")], "op3 reset barn 24003"),
        (
            [event(EventKind.REGISTRY, "op2", text="disabled: stolen", port=None)],
            "op2 changed barn: disabled: stolen",
        ),
        (
            [event(EventKind.REGISTRY, "op\x1b2", text="note: a\x1b[2Jb", port=None)],
            "op\\x1b2 changed barn: note: a\\x1b[2Jb",
        ),
        ([event(EventKind.KILL, "daemon")], None),
        ([event(EventKind.KILL, "")], None),
        ([event(EventKind.KILL, "me")], None),
        ([event(EventKind.STATUS, "op2")], None),
        ([replace(KILL, node=None)], None),
    ],
)
def test_only_what_other_people_do_to_nodes_is_news(events: list[Event], text: str | None) -> None:
    found = deeds(events, "me")

    assert (found and found.text) == text
    if found and found.text.startswith("op2 killed"):
        assert found.keys == (BARN,)
