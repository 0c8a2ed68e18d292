"""What the palette offers: actions, views and nodes, by section in two columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from checker.model import NodeName, printable
from reversi_tui.actions.action import Action
from reversi_tui.actions.key_names import key_name
from reversi_tui.actions.table import SECTIONS
from reversi_tui.rows.cutting import in_cell

NODES = "Nodes"
MOST_NODES = 40
TWO_FROM = 70
"""Cells from which there are two columns."""
KEY, TITLE, GAP = 7, 17, 2
"""Cells of a key, of a title before its tip, and between columns."""
LEAST_TIP = 16
HIDDEN = "app.palette"


@dataclass(frozen=True, slots=True)
class Offer:
    """Something to choose: an action by its id, or a node by its name."""

    id: str
    section: str
    title: str
    tip: str
    key: str = ""
    is_node: bool = False

    def rank(self, words: Sequence[str]) -> int | None:
        """How well it fits, 0 best; None: not at all."""
        title, rest = self.title.casefold(), f"{self.tip} {self.section}".casefold()
        if not all(word in title or word in rest or word == self.key.casefold() for word in words):
            return None
        if not words or title.startswith(words[0]):
            return 0
        return 1 if any(word in title for word in words) else 2


Shelf = tuple[str, tuple[Offer, ...]]
"""A section's title, and what is in it."""


def of_actions(actions: Iterable[Action], off: frozenset[str]) -> tuple[Offer, ...]:
    """The actions that are not `off`, by section."""
    parts = list(SECTIONS)
    found = [
        (parts.index(part), action)
        for action in actions
        if action.id not in off and action.id != HIDDEN
        for part in [action.id.partition(".")[0]]
    ]
    return tuple(
        Offer(
            id=action.id,
            section=SECTIONS[parts[place]],
            title=printable(action.title, 64),
            tip=printable(action.tip, 400),
            key=key_name(action.keys[0]) if action.keys else "",
        )
        for place, action in sorted(found, key=lambda one: one[0])
    )


def of_nodes(names: Iterable[NodeName], text: str) -> tuple[Offer, ...]:
    """The first nodes whose name has the text in it; none for an empty text."""
    wanted = text.strip().casefold()
    if not wanted:
        return ()
    found = sorted(name for name in names if wanted in name.casefold())
    best = sorted(found, key=lambda name: not name.casefold().startswith(wanted))[:MOST_NODES]
    return tuple(
        Offer(name, NODES, printable(name, 64), "Go to its row", is_node=True) for name in best
    )


def fitting(offers: Iterable[Offer], text: str) -> tuple[Offer, ...]:
    """Those that have all the words, in their order."""
    words = text.casefold().split()
    return tuple(offer for offer in offers if offer.rank(words) is not None)


def best(offers: Sequence[Offer], text: str) -> Offer | None:
    """The one to begin at."""
    words = text.casefold().split()
    return min(offers, key=lambda offer: offer.rank(words) or 0, default=None)


def shelves(offers: Iterable[Offer]) -> tuple[Shelf, ...]:
    """The offers by section."""
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        found.setdefault(offer.section, []).append(offer)
    return tuple((title, tuple(each)) for title, each in found.items())


def columns(found: Sequence[Shelf], width: int) -> tuple[tuple[Shelf, ...], ...]:
    """The sections in one column, or in two: each goes into the shorter one."""
    if width < TWO_FROM or len(found) < 2:
        return (tuple(found),)
    made: tuple[list[Shelf], list[Shelf]] = [], []
    for shelf in found:
        min(made, key=lambda column: sum(len(each) + 2 for _, each in column)).append(shelf)
    return tuple(made[0]), tuple(made[1])


Place = tuple[int, int]
"""A column, and a line in it."""


@dataclass(frozen=True, slots=True)
class Board:
    """The offers as they are shown."""

    columns: tuple[tuple[str | Offer | None, ...], ...]
    """The lines of each column: titles, offers, and None for a blank line."""

    @property
    def places(self) -> dict[Place, Offer]:
        """The offers by place, column after column."""
        return {
            (column, line): each
            for column, lines in enumerate(self.columns)
            for line, each in enumerate(lines)
            if isinstance(each, Offer)
        }

    @property
    def height(self) -> int:
        return max((len(lines) for lines in self.columns), default=0)

    def moved(self, offer: Offer | None, step: int) -> Offer | None:
        """The offer so many further; from the end of a column into the next one, and round."""
        offers = list(self.places.values())
        if offer is None or offer not in offers:
            return offers[0] if offers else None
        return offers[(offers.index(offer) + step) % len(offers)]

    def beside(self, offer: Offer | None) -> Offer | None:
        """The offer in the other column, nearest to the same line."""
        places = self.places
        at = next((place for place, each in places.items() if each == offer), None)
        others = [place for place in places if at is not None and place[0] != at[0]]
        if at is None or not others:
            return offer
        return places[min(others, key=lambda place: abs(place[1] - at[1]))]

    def line_of(self, offer: Offer | None) -> int:
        return next((place[1] for place, each in self.places.items() if each == offer), 0)


def laid_out(offers: Iterable[Offer], width: int) -> Board:
    """Place the offers in a list of that width."""
    return Board(
        tuple(
            tuple(
                line
                for number, (title, each) in enumerate(column)
                for line in (*([None] if number else []), title, *each)
            )
            for column in columns(shelves(offers), width)
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferStyles:
    """How the list is drawn."""

    heading: str
    chosen: str
    quiet: str


def text_of(layout: Board, chosen: Offer | None, width: int, styles: OfferStyles) -> Text:
    """All lines of the list."""
    count = len(layout.columns)
    room = (width - GAP * (count - 1)) // max(1, count)
    text = Text()
    for at in range(layout.height):
        for column, lines in enumerate(layout.columns):
            if column:
                text.append(" " * GAP)
            each = lines[at] if at < len(lines) else None
            text.append_text(
                cell(each, room, styles, is_chosen=each is not None and each == chosen)
            )
        text.append("\n")
    text.right_crop(1)
    return text


def cell(each: str | Offer | None, room: int, styles: OfferStyles, *, is_chosen: bool) -> Text:
    if isinstance(each, str):
        return Text(in_cell(each, room), style=styles.heading)
    if each is None:
        return Text(" " * room)
    text = Text(f" {in_cell(each.key, KEY - 1)}", style="bold")
    rest = room - KEY
    if each.tip and not each.is_node and rest - TITLE >= LEAST_TIP:
        text.append(f"{in_cell(each.title, TITLE - 1)} ", style="not bold")
        text.append(in_cell(each.tip, rest - TITLE), style=f"not bold {styles.quiet}")
    else:
        text.append(in_cell(each.title, rest), style="not bold")
    return Text(text.plain, style=styles.chosen) if is_chosen else text
