"""Nodes that sshd refused: notes in their rows, and how many events there are."""

from __future__ import annotations

from checker.model import NodeName
from checker.tunnels.shut_out import (
    CONDITION,
    NOTE_S,
    STRANGERS_AN_HOUR,
    TELL_EVERY_S,
    ShutOuts,
)

OFFICE, BARN = NodeName("office"), NodeName("barn")


def test_the_note_lasts_until_the_node_logs_in_or_is_quiet() -> None:
    known = ShutOuts()
    known.shut(OFFICE, "a group is listed in DenyGroups", 100.0)

    assert known.note(OFFICE, 100.0) == f"{CONDITION}: a group is listed in DenyGroups"
    assert known.note(BARN, 100.0) == ""
    known.let_in(OFFICE)
    assert known.note(OFFICE, 100.0) == ""
    known.shut(OFFICE, "x", 100.0)
    assert known.note(OFFICE, 101.0 + NOTE_S) == ""


def test_one_event_an_hour_for_each_node_and_reason_counts_the_others() -> None:
    known = ShutOuts()

    assert known.due("office", "DenyGroups", 0.0) == 1
    assert known.due("office", "DenyGroups", 300.0) is None
    assert known.due("office", "PAM", 300.0) == 1
    assert known.due("barn", "DenyGroups", 300.0) == 1
    assert known.due("office", "DenyGroups", TELL_EVERY_S) == 2
    assert known.due("office", "DenyGroups", 2 * TELL_EVERY_S) == 1


def test_addresses_of_no_node_do_not_fill_the_log() -> None:
    known = ShutOuts()

    told = [
        known.due(f"198.51.100.{number}", "algorithms", float(number), is_stranger=True)
        for number in range(STRANGERS_AN_HOUR + 5)
    ]

    assert told == [1] * STRANGERS_AN_HOUR + [None] * 5
    assert known.due("office", "algorithms", 20.0) == 1
    assert (known.take_untold(), known.take_untold()) == (5, 0)
    assert known.due("203.0.113.9", "algorithms", TELL_EVERY_S + 20, is_stranger=True) == 1


def test_a_node_is_known_by_the_address_that_it_came_from_last() -> None:
    known = ShutOuts()
    known.seen(OFFICE, "192.0.2.7")
    known.load({OFFICE: "192.0.2.1", BARN: "192.0.2.7"})
    assert known.nodes_at == {"192.0.2.7": {OFFICE, BARN}}

    known.seen(OFFICE, "192.0.2.8")
    known.rename(OFFICE, NodeName("shop"))
    assert known.nodes_at == {"192.0.2.7": {BARN}, "192.0.2.8": {NodeName("shop")}}

    known.keep_only(frozenset({BARN}))
    assert known.nodes_at == {"192.0.2.7": {BARN}}
    assert known.address_of == {BARN: "192.0.2.7"}

    known.shut(BARN, "x", 0.0)
    known.remove([BARN, OFFICE])
    assert (known.nodes_at, known.address_of, known.note(BARN, 0.0)) == ({}, {}, "")


def test_what_is_too_old_is_dropped() -> None:
    known = ShutOuts()
    known.due("office", "PAM", 0.0)
    known.shut(OFFICE, "x", 0.0)

    known.forget(3 * TELL_EVERY_S)

    assert (known.told, known.notes) == ({}, {})
