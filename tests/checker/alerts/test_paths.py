"""A node that keeps two tunnels, and loses one or both of them."""

from __future__ import annotations

import pytest

from checker.alerts.outages import Ended, Outage
from checker.alerts.picture import ONE_PATH
from checker.alerts.telling import News
from checker.alerts.words import Kind
from checker.model import NodeName
from tests.checker.alerts.fleets import Admin, down, fine, half, unclear
from tests.checker.alerts.test_words import NOW, ended, outage, said


def lost(name: str) -> Outage:
    return Outage(id=1, place=(NodeName(name), ONE_PATH), why="path 2 is down", began=NOW - 250)


def whole(name: str) -> Ended:
    return Ended(
        id=1, place=(NodeName(name), ONE_PATH), why="x", began=NOW - 7380, ended=NOW, how="up"
    )


def test_one_lost_path_is_told_once_and_so_is_its_end() -> None:
    admin = Admin()

    admin.watches(fine("a"), half("a"), for_s=170)
    assert admin.messages == []
    admin.watches(fine("a"), half("a"), for_s=600)
    admin.watches(fine("a"), for_s=600)

    assert admin.titles == [
        "a has lost one of its two paths",
        "a is no longer without one of two paths",
    ]
    assert admin.bodies[0] == "a has had only one of its two paths for 3 min: path 2 is down"
    assert [one.kind for one in admin.messages] == [Kind.WARNING, Kind.SUCCESS]


def test_a_node_that_then_loses_the_other_path_is_down_and_that_is_told_too() -> None:
    admin = Admin()

    admin.watches(fine("a"), half("a"), for_s=600)
    admin.watches(down("a"), for_s=600)
    assert admin.titles == ["a has lost one of its two paths", "a is down"]
    admin.watches(fine("a"), half("a"), for_s=600)
    assert admin.titles[2:] == ["a is up again"]
    admin.watches(fine("a"), for_s=600)

    assert admin.titles[3:] == ["a is no longer without one of two paths"]


def test_a_lost_path_makes_no_forward_ripe_and_no_crowd() -> None:
    admin = Admin()
    names = ("a", "b", "c")

    admin.watches(*map(fine, names), for_s=30)
    admin.watches(*map(fine, names), *map(half, names), for_s=200)
    assert admin.titles == ["3 nodes have lost one of their two paths"]
    assert "gateway's own network" not in admin.bodies[0]
    admin.watches(down("a"), fine("b"), fine("c"), *map(half, names), for_s=160)

    assert len(admin.titles) == 1, "the forward must fail for three minutes itself"


def test_a_path_of_which_nothing_certain_is_known_stays_as_it_is() -> None:
    admin = Admin()

    admin.watches(fine("a"), half("a"), for_s=200)
    admin.watches(unclear("a"), for_s=600)
    assert len(admin.titles) == 1
    admin.watches(for_s=30)

    assert admin.titles[1:] == ["a was removed after 13 min of outage"]


def test_a_muted_path_is_told_when_the_mute_ends() -> None:
    admin = Admin()

    admin.watches(fine("a", is_muted=True), half("a", is_muted=True), for_s=600)
    assert admin.titles == []
    admin.watches(fine("a"), half("a"), for_s=10)

    assert admin.titles == ["a has lost one of its two paths"]


@pytest.mark.parametrize(
    ("news", "title", "lines"),
    [
        pytest.param(
            News(down=(outage("b"), lost("a"), lost("b"))),
            "b is down",
            ["b has been down", "a has had only one", "b has had only one"],
            id="a node that is down comes first",
        ),
        pytest.param(
            News(ended=(ended("b"), whole("a"))),
            "b is up again",
            ["b is up again", "a is no longer without"],
            id="so does one that is up again",
        ),
        pytest.param(
            News(ended=(whole("a"), whole("b"))),
            "2 nodes are no longer without one of two paths",
            ["a is", "b is"],
            id="several are counted",
        ),
        pytest.param(
            News(still=(lost("a"),)),
            "a is still without one of two paths",
            ["a has had only one"],
            id="a reminder",
        ),
        pytest.param(
            News(missed=(whole("a"),)), "outages that ended", ["a had only one"], id="too short"
        ),
    ],
)
def test_what_a_message_says_of_paths(news: News, title: str, lines: list[str]) -> None:
    found = said(news)

    assert found.title == f"gw1: {title}"
    told = found.body.splitlines()
    assert len(told) == len(lines)
    assert all(line.startswith(begin) for line, begin in zip(told, lines, strict=True))


def test_of_many_lost_paths_there_are_the_count_and_the_first_names() -> None:
    found = said(News(down=tuple(lost(f"n{number}") for number in range(7))), storm=2)

    assert found.body == "7 nodes are without one of two paths: n0, n1 and 5 more"


def test_the_document_names_no_port() -> None:
    (one,) = said(News(down=(lost("a"),))).document["down"]

    assert (one["node"], one["port"], one["status"]) == ("a", None, "path 2 is down")
