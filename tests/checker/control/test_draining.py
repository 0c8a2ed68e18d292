"""What an operator reads before, during and after a drain."""

from __future__ import annotations

import pytest

from checker.control.draining import here_lines, plan_lines, progress_line, question
from checker.model import NodeName
from checker.model.drain import DrainProgress, Leaver


def leaver(name: str, *, moves: bool = False, beats: bool = False, carried: int = 0) -> Leaver:
    return Leaver(node=NodeName(name), pid=5, moves=moves, beats=beats, carried=carried)


FLEET = (
    leaver("attic", moves=True, beats=True),
    leaver("barn", beats=True, carried=2),
    leaver("cellar", carried=1),
)


def test_the_plan_says_how_each_connection_ends_and_what_it_carries() -> None:
    assert plan_lines(FLEET) == [
        "tell attic to use another gateway",
        (
            "tell barn to wait for up to 15 s, and end its connection; 2 connections through it are"
            " open"
        ),
        (
            "end the connection of cellar, which asks for no verdict; 1 connection through it is"
            " open"
        ),
    ]


@pytest.mark.parametrize(
    ("leavers", "asked"),
    [
        (FLEET[:1], "drain this gateway"),
        (
            FLEET[:2],
            "drain this gateway, though 1 of 2 carries traffic now (2 open connections)",
        ),
        (FLEET, "drain this gateway, though 2 of 3 carry traffic now (3 open connections)"),
    ],
)
def test_the_question_says_how_much_traffic_ends(leavers: tuple[Leaver, ...], asked: str) -> None:
    assert question(leavers) == asked


def test_the_progress_counts_each_way_and_names_who_stayed() -> None:
    names = tuple(NodeName(f"n{number}") for number in range(10))
    progress = DrainProgress(
        drain=None, moved=1200, waiting=3, ended=1, failed=2, leavers=FLEET, here=names
    )

    assert progress_line(progress) == (
        "1,200 moved, 3 told to wait, 1 ended, 2 could not be ended, 3 left"
    )
    assert list(here_lines(progress)) == [
        (
            "10 devices are still here, as no other gateway took them: n0, n1, n2, n3, n4, n5, n6,"
            " n7 and 2 more"
        )
    ]
    assert list(here_lines(DrainProgress(drain=None, here=names[:1]))) == [
        "1 device is still here, as no other gateway took it: n0"
    ]
    assert list(here_lines(DrainProgress(drain=None))) == []
