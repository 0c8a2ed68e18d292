"""Completing the columns and values of a filter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checker.model import Event, EventKind, NodeName, Status
from checker.rows.filter import parse_filter
from checker.rows.parse import terms_in
from checker.rows.row import Known, Row
from reversi_tui.rows.completion import Cycle, completed, step
from reversi_tui.rows.typed_word import word_at
from reversi_tui.rows.vocabulary import EventVocabulary, Vocabulary
from tests.checker.rows.samples import MOMENT
from tests.reversi_tui.console.states import NOW, forward, tunnel


def row(node: str, port: int, status: Status, *tags: str, client: str = "") -> Row:
    return Row(
        forward=forward(node, port),
        seen=replace(tunnel(node, port, status), probed_at=MOMENT.now),
        known=Known(client=client),
        tags=tags,
    )


ROWS = (
    row("basel-1", 20001, Status.UP, "site-a", client="ssh/OpenSSH 9.2"),
    row("basel-2", 20002, Status.HUNG, "site-b", client="bundle-1.0/dropbear"),
    row("Chur", 20003, Status.DOWN, client='a"quote'),
)
EVENTS = (
    Event(at=NOW, kind=EventKind.KILL, text="x", node=NodeName("gone"), actor="ada"),
    Event(at=NOW, kind=EventKind.STATUS, text="y", actor="daemon"),
)


def vocabulary() -> Vocabulary:
    return Vocabulary(lambda: ROWS, lambda: MOMENT)


def of_events() -> EventVocabulary:
    return EventVocabulary(lambda: ROWS, lambda: MOMENT, lambda: [(event, "") for event in EVENTS])


def after(text: str, tabs: int, words: Vocabulary) -> list[str]:
    """The text after each tab; None: tab had nothing to add."""
    found, cursor, cycle = list[str](), len(text), None
    for _ in range(tabs):
        now = step(text, cycle, 1) if cycle else completed(text, cursor, words)
        if now is None:
            return [*found, "nothing"]
        text, cursor, cycle = now.text, now.cursor, now.cycle
        found.append(text)
    return found


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        pytest.param("sta", ["status:"], id="a column"),
        pytest.param("barn STA", ["barn status:"], id="after another term, in capitals"),
        pytest.param("!sta", ["!status:"], id="inverted"),
        pytest.param("status:h", ["status:hung", "nothing"], id="a value"),
        pytest.param("st:h", ["st:hung"], id="a shortened column"),
        pytest.param("status:!h", ["status:!hung"], id="an inverted value"),
        pytest.param("node:=c", ["node:=Chur"], id="a whole value"),
        pytest.param("status:up|h", ["status:up|hung"], id="an alternative has the column"),
        pytest.param("s", ["status:", "since:", "status:"], id="several columns"),
        pytest.param(
            "status:", ["status:down", "status:hung", "status:up", "status:down"], id="all values"
        ),
        pytest.param("tag:", ["tag:site-", "tag:site-a", "tag:site-b"], id="what all begin with"),
        pytest.param("node:2", ["node:basel-2"], id="none begins so: a part"),
        pytest.param("is:mu", ["is:muted"], id="a state"),
        pytest.param(
            "latency:>2", ["latency:>20", "latency:>20ms", "latency:>200ms"], id="a number"
        ),
        pytest.param("latency:<1", ["latency:<1s"], id="another comparison"),
        pytest.param(
            "client:opens", ['client:"ssh/OpenSSH 9.2"', "nothing"], id="a blank: in quotes"
        ),
        pytest.param('client:"s', ['client:"ssh/OpenSSH 9.2"'], id="quotes begun"),
        pytest.param("peer:203", ["peer:203.0.113.7"], id="an address without its port"),
        pytest.param("ba", ["banner:"], id="a column before a node"),
        pytest.param("bas", ["basel-", "basel-1", "basel-2"], id="a node"),
        pytest.param("client:a", ["client:bundle-1.0/dropbear"], id="none with a quote"),
        pytest.param("node:zz", ["nothing"], id="no such value"),
        pytest.param("nothing:x", ["nothing"], id="no such column"),
        pytest.param("node:/b", ["nothing"], id="a regular expression"),
        pytest.param("node:b*", ["nothing"], id="a wildcard"),
        pytest.param("note:", ["nothing"], id="no values"),
        pytest.param("kind:", ["nothing"], id="only of events"),
    ],
)
def test_tab_completes(typed: str, found: list[str]) -> None:
    shown = after(typed, len(found), vocabulary())

    assert shown == found


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        pytest.param("ki", ["kind:", "kills:"], id="their columns first"),
        pytest.param("kind:ki", ["kind:kill", "kind:kill", "kind:kill-failed"], id="kinds"),
        pytest.param("actor:", ["actor:ada", "actor:daemon"], id="actors in memory"),
        pytest.param("at:y", ["at:yesterday"], id="a day"),
        pytest.param("at:<", ["at:<1h", "at:<1d"], id="an age"),
        pytest.param("node:g", ["node:gone"], id="a node without a row"),
        pytest.param("status:h", ["status:hung"], id="a column of the rows"),
        pytest.param("text:x", ["nothing"], id="free text"),
    ],
)
def test_the_event_log_has_columns_of_its_own(typed: str, found: list[str]) -> None:
    assert after(typed, len(found), of_events()) == found


def test_what_follows_the_cursor_stays() -> None:
    found = completed("sta barn", 3, vocabulary())

    assert found is not None
    assert (found.text, found.cursor) == ("status: barn", 7)


def test_the_choices_turn_both_ways() -> None:
    cycle = Cycle(begin=4, choices=("a", "b", "c"), at=-1, tail=" x")

    assert step("old zz x", cycle, 1).text == "old a x"
    assert step("old zz x", cycle, -1).text == "old c x"
    assert step("old zz x", cycle.turned(1), -1).text == "old c x"


def test_values_are_gathered_once_until_the_bar_is_opened_again() -> None:
    asked = list[int]()

    def rows() -> tuple[Row, ...]:
        asked.append(1)
        return ROWS

    words = Vocabulary(rows, lambda: MOMENT)
    for _ in range(3):
        assert words.values("status") == ("down", "hung", "up")
    assert asked == [1]
    assert words.known("status") == ("down", "hung", "up")

    words.renew()
    assert words.known("status") == ()
    assert words.values("status")
    assert asked == [1, 1]


@given(st.text(alphabet='ab:!|"*/ <>=\\', max_size=24))
@example("")
@example('a:"b | c')
@example("/a|b/|c")
def test_the_word_at_the_end_is_the_last_part_of_the_filter(text: str) -> None:
    parts = [part for term in terms_in(text) for part in term]

    word = word_at(text, len(text))

    assert text[word.begin :] == word.part.text
    if word.part.text:
        assert word.part == parts[-1]


@pytest.mark.parametrize("field", ["node", "status", "client", "peer", "target", "tags", "expect"])
def test_a_completed_value_finds_its_rows(field: str) -> None:
    words = vocabulary()
    name = "tag" if field == "tags" else field

    for value in words.values(field):
        typed = f"{name}:{value[: len(value) - 1]}" if " " not in value else f'{name}:"{value[:-1]}'
        now = completed(typed, len(typed), words)
        found = now.text if now and not now.cycle else f'{name}:"{value}"'
        assert any(parse_filter(found).shows(each, MOMENT) for each in ROWS), found
