"""What a message says; telling is tested in test_outages and test_turns."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from checker.alerts.outages import Ended, Outage
from checker.alerts.picture import BROKEN_FILE, GATEWAY, STALE
from checker.alerts.telling import News
from checker.alerts.words import Kind, Message, Scene, message, span
from checker.model import NodeName, Port, Status

NOW = 1_800_000_000.0


def outage(name: str, port: int = 20010, why: str = "down", ago_s: float = 250) -> Outage:
    return Outage(id=1, place=(NodeName(name), Port(port)), why=why, began=NOW - ago_s)


def ended(name: str, port: int = 20010, how: str = "up") -> Ended:
    return Ended(
        id=1, place=(NodeName(name), Port(port)), why="down", began=NOW - 7380, ended=NOW, how=how
    )


def said(news: News, forwards: int = 1, storm: int = 20) -> Message:
    scene = Scene(
        gateway="gw1",
        now=NOW,
        storm=storm,
        forwards={NodeName("office"): forwards, NodeName("shop"): 1},
    )
    return message(news, scene)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (50, "50 s"),
        (250, "4 min"),
        (3600, "1 h"),
        (7380, "2 h 3 min"),
        (86400, "1 d"),
        (3 * 86400 + 4 * 3600, "3 d 4 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_one_node_that_is_down_is_the_title() -> None:
    found = said(News(down=(outage("office"),)))

    assert found.title == "gw1: office is down"
    assert found.body == "office has been down for 4 min: nobody listens"
    assert found.kind is Kind.FAILURE


def test_one_node_that_is_up_again_is_the_title() -> None:
    found = said(News(ended=(ended("office"),)))

    assert found.title == "gw1: office is up again"
    assert found.body == "office is up again after 2 h 3 min"
    assert found.kind is Kind.SUCCESS


def test_several_are_counted_and_each_has_a_line() -> None:
    found = said(News(down=(outage("office"), outage("shop")), ended=(ended("barn"),)))

    assert found.title == "gw1: 2 nodes are down, 1 up again"
    assert len(found.body.splitlines()) == 3


def test_only_some_ports_of_a_node_are_named() -> None:
    both = News(down=(outage("office", 20010), outage("office", 20011)))

    assert said(both, forwards=2).body.startswith("office has been down")
    assert said(both, forwards=3).body.startswith("office, ports 20010, 20011, has been down")


@pytest.mark.parametrize("why", [*Status, STALE])
def test_each_fault_has_its_words(why: str) -> None:
    if why in (Status.UP, Status.UNKNOWN):
        return
    found = said(News(down=(outage("office", why=str(why)),)))

    assert "is not up" not in found.title
    assert ": " in found.body


def test_a_relapse_says_so() -> None:
    again = replace(outage("office"), relapse=2)

    assert "for 4 min, outage 3 in a row: nobody" in said(News(down=(again,))).body


def test_a_reminder_lists_what_is_still_down() -> None:
    found = said(News(still=(outage("office", ago_s=200_000),)))

    assert found.title == "gw1: office is still down"
    assert found.body == "office has been down for 2 d 7 h: nobody listens"
    assert found.kind is Kind.WARNING


def test_of_more_than_a_storm_there_are_the_count_and_the_first_names() -> None:
    many = tuple(outage(f"n{number:02}") for number in range(30))

    found = said(News(down=many), storm=5)

    assert found.title == "gw1: 30 nodes are down"
    assert found.body == "30 nodes are down: n00, n01, n02, n03, n04 and 25 more"


def test_words_that_are_not_ours_are_escaped_and_cut() -> None:
    mean = replace(outage(""), place=GATEWAY, why="\x1b[31m\n" + "x" * 500)

    found = said(News(down=(mean,)))

    assert found.title == "gw1: the gateway does not test its tunnels"
    assert r"\x1b[31m\x0a" in found.body
    assert len(found.body) < 500
    assert found.body.isprintable()


def test_the_document_names_what_it_is_about() -> None:
    broken = outage("office", BROKEN_FILE, why="broken")
    gateway = replace(outage("", why="the daemon does not sweep"), place=GATEWAY)

    found = said(News(down=(gateway, broken), ended=(ended("shop", how="removed"),)))

    assert json.loads(json.dumps(found.document)) == {
        "schema": 1,
        "gateway": "gw1",
        "at": NOW,
        "kind": "failure",
        "down": [
            {
                "node": None,
                "port": None,
                "status": "the daemon does not sweep",
                "since": NOW - 250,
            },
            {"node": "office", "port": None, "status": "broken", "since": NOW - 250},
        ],
        "ended": [
            {"node": "shop", "port": 20010, "since": NOW - 7380, "until": NOW, "how": "removed"}
        ],
        "still": [],
    }


def test_the_end_of_a_disabled_node_is_not_called_a_recovery() -> None:
    found = said(News(ended=(ended("office", how="disabled"),)))

    assert found.title == "gw1: office was disabled after 2 h 3 min of outage"
    assert found.kind is Kind.INFO
