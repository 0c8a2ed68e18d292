"""What a filter says about events of the log."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from checker.model import Event, EventKind, NodeName, Port
from checker.rows.event_filter import Around, RowsOf, event_mistake, narrows, needs_rows, shows
from checker.rows.filter import parse_filter
from checker.rows.mistakes import mistake
from checker.rows.row import Moment
from tests.checker.rows.samples import OTHER, ROW

NOON = time.mktime((2026, 11, 26, 12, 0, 0, 0, 0, -1))
DAY = 86400.0
ATTIC, BARN = ROW.seen.node, OTHER.seen.node


def event(number: int, ago: float, kind: EventKind, text: str, **more: object) -> Event:
    return replace(Event(id=number, at=NOON - ago, kind=kind, text=text), **more)  # type: ignore[arg-type]


EVENTS = (
    event(1, 3 * DAY, EventKind.STATUS, "up -> hung", node=ATTIC, port=Port(20010)),
    event(2, DAY, EventKind.KILL, "Killed sshd 7", node=ATTIC, port=Port(20010), actor="ada"),
    event(3, DAY, EventKind.HOLD, "registered", node=BARN, actor="node barn"),
    event(4, 7200, EventKind.KILL_FAILED, "no right", node=BARN, port=Port(9), actor="bob"),
    event(5, 60, EventKind.SHELL, "ssh barn 100%", node=NodeName("barn-2"), actor="ada"),
    event(6, 5, EventKind.GATEWAY, "started"),
)
AROUND = Around(rows=RowsOf((ROW, OTHER)), moment=Moment(now=NOON, every_s=20.0))
FILTERS = [
    ("", [1, 2, 3, 4, 5, 6]),
    ("kind:kill", [2, 4]),
    ("kind:=kill", [2]),
    ("kind:shell|kill actor:ada", [2, 5]),
    ("actor:ada at:yesterday", [2]),
    ("actor:ada at:today", [5]),
    ("at:2026-11-23", [1]),
    ("at:2026-11-2", [1, 2, 3, 4, 5, 6]),
    ("at:<3h", [4, 5, 6]),
    ("at:>=1d", [1, 2, 3]),
    ("!at:>1h", [5, 6]),
    ("at:<", [1, 2, 3, 4, 5, 6]),
    ("node:barn", [3, 4, 5]),
    ("node:=barn", [3, 4]),
    ("!node:=barn", [1, 2, 5, 6]),
    ("port:20010", [1, 2]),
    ("port:<100", [4]),
    ("KILLED", [2]),
    ("barn !kind:hold", [4, 5]),
    ("100%", [5]),
    ("r_g", []),
    ('text:"up -> hung"|started', [1, 6]),
    ("/^up.*hung$/", [1]),
    ("actor:/^(ada|bob)$/", [2, 4, 5]),
    ("actor:b*", [4]),
    ('!actor:=daemon|"node "', [2, 4, 5]),
    ("tag:site-a", [1, 2]),
    ("tag:site-a|kind:gateway", [1, 2, 6]),
    ("is:stale kind:status", [1]),
    ("!target:127 kind:kill", [2]),
    ("unknown:word", []),
]


def found(text: str) -> list[int]:
    wanted = parse_filter(text)
    return [event.id for event in EVENTS if shows(wanted, event, AROUND)]


@pytest.mark.parametrize(("text", "numbers"), FILTERS)
def test_all_terms_must_hold_of_an_event_or_of_its_rows(text: str, numbers: list[int]) -> None:
    assert found(text) == numbers


@pytest.mark.parametrize(
    ("text", "asked"), [("kind:kill x at:<1d port:7", False), ("tag:x", True), ("a|is:up", True)]
)
def test_rows_are_asked_only_if_the_filter_names_what_they_have(text: str, asked: bool) -> None:
    assert needs_rows(parse_filter(text)) is asked


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("", "x", True),
        ("kil", "kill", True),
        ("kil", "skil", True),
        ("kill", "kil", False),
        ("kind:k actor:a", "kind:k actor:ad", True),
        ("kind:k actor:a", "kind:ki actor:a", False),
        ("kill", "kill barn", True),
        ("!kil", "!kill", False),
        ("node:=bar", "node:=barn", False),
        ("at:2", "at:20", False),
        ("tag:a", "tag:a x", False),
        ("k|l", "k|li", False),
        ("/k/", "/k/ x", True),
    ],
)
def test_a_filter_narrows_another_if_it_only_adds(before: str, after: str, expected: bool) -> None:
    assert narrows(parse_filter(before), parse_filter(after)) is expected
    assert not expected or set(found(after)) <= set(found(before))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kind:kil", ""),
        ("kind:clam", "there is no kind of event 'clam'; did you mean 'claim'?"),
        ("!kind:kill|statsu", "did you mean 'status'?"),
        ("actor:ada at:<1d is:up", ""),
        ("is:uq", "there is no is:uq"),
        ("/(/", "is not valid"),
    ],
)
def test_a_mistake_is_named(text: str, sentence: str) -> None:
    said = event_mistake(text, (ROW, OTHER), AROUND.moment)

    assert sentence in said
    assert bool(said) == bool(sentence)


def test_a_filter_over_rows_says_where_a_name_of_events_belongs() -> None:
    said = mistake("kind:kill", (ROW,), AROUND.moment)

    assert said.startswith("kind: is about events: it filters the event log")


def test_an_equals_sign_asks_for_a_whole_value_of_rows_too() -> None:
    shown = [row for row in (ROW, OTHER) if parse_filter("node:=BARN").shows(row, AROUND.moment)]

    assert shown == [OTHER]
    assert not parse_filter("node:=bar").shows(OTHER, AROUND.moment)
