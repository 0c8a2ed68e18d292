"""What the palette offers, and where it stands."""

from __future__ import annotations

import pytest

from checker.model import NodeName
from reversi_tui.actions.offers import (
    MOST_NODES,
    NODES,
    Offer,
    OfferStyles,
    best,
    fitting,
    laid_out,
    of_actions,
    of_nodes,
    text_of,
)
from reversi_tui.actions.table import ACTIONS, SECTIONS
from reversi_tui.actions.view_actions import of_view
from reversi_tui.settings.views import SHIPPED

OFFERS = of_actions((*ACTIONS, *map(of_view, SHIPPED)), frozenset())
PLAIN = OfferStyles(heading="bold", chosen="reverse", quiet="dim")
NAMES = [NodeName(f"basel-door-{number:02d}") for number in range(60)]


def names(offers: tuple[Offer, ...]) -> list[str]:
    return [offer.id for offer in offers]


def test_every_action_and_view_is_offered_in_its_section() -> None:
    views = {f"views.{view.name}" for view in SHIPPED}

    assert set(names(OFFERS)) == {each.id for each in ACTIONS} - {"app.palette"} | views
    sections = list(dict.fromkeys(offer.section for offer in OFFERS))
    assert sections == [title for title in SECTIONS.values() if title != "Your commands"]
    assert {offer.section for offer in OFFERS if offer.id in views} == {"Views"}


def test_what_is_off_is_not_offered() -> None:
    off = frozenset(each.id for each in ACTIONS if each.changes)

    assert not off & set(names(of_actions(ACTIONS, off)))


@pytest.mark.parametrize(
    ("text", "first"),
    [
        pytest.param("kill", "act.kill", id="title"),
        pytest.param("sshd process", "act.kill", id="words of the tip"),
        pytest.param("flapping", "views.flapping", id="view"),
        pytest.param("reject", "act.reject", id="without a key"),
        pytest.param("#", "view.counts", id="key"),
        pytest.param("", "act.kill", id="nothing yet"),
    ],
)
def test_the_cursor_begins_at_what_fits_best(text: str, first: str) -> None:
    found = best(fitting(OFFERS, text), text)

    assert found is not None
    assert found.id == first


def test_nodes_are_found_by_a_part_of_their_name_the_beginning_first() -> None:
    found = of_nodes([*NAMES, NodeName("door-9")], "door-")

    assert found[0] == Offer("door-9", NODES, "door-9", "Go to its row", is_node=True)
    assert len(found) == MOST_NODES
    assert of_nodes(NAMES, " ") == ()
    assert of_nodes(NAMES, "zoo") == ()
    assert best((), "zoo") is None


@pytest.mark.parametrize(("width", "count"), [(56, 1), (76, 2), (116, 2)])
def test_from_70_cells_on_there_are_two_columns_of_about_the_same_height(
    width: int, count: int
) -> None:
    board = laid_out(OFFERS, width)
    lines = text_of(board, OFFERS[0], width, PLAIN).plain.split("\n")

    assert len(board.columns) == count
    assert board.height < len(OFFERS) / count * 1.5
    assert all(len(line) <= width for line in lines)
    assert " k" in lines[1]
    assert ("Fold" in "".join(lines)) is True
    assert sorted(names(tuple(board.places.values()))) == sorted(names(OFFERS))


def test_the_cursor_goes_round_and_into_the_other_column() -> None:
    board = laid_out(OFFERS, 80)
    first, *_, last = board.places.values()

    assert board.moved(first, -1) == last
    assert board.moved(last, 1) == first
    assert board.moved(None, 1) == first
    there = board.beside(first)
    assert there is not None
    assert there.section != first.section
    assert board.line_of(there) == board.line_of(first)
    assert board.beside(there) == first
    assert laid_out(OFFERS, 50).beside(first) == first
    assert laid_out((), 80).moved(None, 1) is None


def test_no_markup_and_no_control_character_of_an_own_command_gets_through() -> None:
    own = ACTIONS[0].__class__(id="command.x", key="f5", title="[b]x", tip="printf \x1b[2J")

    text = text_of(laid_out(of_actions([own], frozenset()), 90), None, 90, PLAIN)

    assert "[b]x" in text.plain
    assert "\x1b" not in text.plain


def test_a_long_title_does_not_touch_its_tip() -> None:
    view = next(offer for offer in OFFERS if offer.id == "views.out on purpose")

    text = text_of(laid_out([view], 90), None, 90, PLAIN)

    assert f"… {view.tip}" in text.plain
