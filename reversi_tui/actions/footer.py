"""Which keys the footer shows, by what the operator can do now; help is always last. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from rich.text import Text

from checker.rows.row import Row
from reversi_tui.actions.action import Action
from reversi_tui.actions.applicants import NEED_A_NODE, OF_CURSOR
from reversi_tui.actions.key_names import key_name

HELP = "app.help"
GAP = 2
"""Blanks between two keys."""
Hint = tuple[str, str]
"""A key's name, and what it does in a word or two."""


class About(Enum):
    """What the row under the cursor is."""

    NOTHING = auto()
    """There is none."""
    FORWARD = auto()
    """Up or not: the keys stay where they are while the cursor moves, which also saves bytes."""
    FOLDED = auto()
    """A node's forwards in one row."""
    DISABLED = auto()
    APPLICANT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What the operator looks at."""

    about: About = About.NOTHING
    marks: int = 0
    is_narrowed: bool = False
    """A filter or the faults-only view hides rows."""
    is_paused: bool = False
    is_acting: bool = False
    """There is something that escape stops."""
    follows: bool = False
    """The targets of a kill or reset can be shown."""
    typing: tuple[Hint, ...] = ()
    """The keys of the input line that is open; empty: none is."""


OF_ROW: Mapping[About, tuple[str, ...]] = {
    About.NOTHING: ("act.add", "view.log_sheet", "view.uptime"),
    About.FORWARD: ("row.detail", "row.shell", "act.probe", "act.reset", "act.kill", "row.copy"),
    About.FOLDED: ("view.unfold", "row.detail", "act.reset", "act.kill", "act.probe", "row.shell"),
    About.DISABLED: ("row.detail", "act.enable", "row.events", "row.registry"),
    About.APPLICANT: ("row.detail", "act.accept", "act.reject"),
}
"""Ids of the actions that make sense on such a row, the most useful first."""
USELESS: Mapping[About, frozenset[str]] = {
    About.NOTHING: OF_CURSOR | NEED_A_NODE | {"row.detail", "act.mark"},
    About.FORWARD: frozenset({"act.enable"}),
    About.FOLDED: frozenset({"act.enable"}),
    About.DISABLED: frozenset({"act.disable", "act.kill", "act.reset"}),
    About.APPLICANT: NEED_A_NODE,
}
"""Ids of the actions that do nothing on such a row."""
OF_MARKS = (
    "act.reset",
    "act.kill",
    "act.probe",
    "act.disable",
    "act.enable",
    "act.mute",
    "act.tags",
    "row.command",
)
EVERYWHERE = ("find.filter", "view.faults", "app.palette", "view.log_sheet", "act.mark")
"""Ids of the actions that come after those for the row."""


def about(row: Row | None) -> About:
    """What the row is, as far as its keys go."""
    if row is None:
        return About.NOTHING
    if row.applicant is not None:
        return About.APPLICANT
    if row.barred == "disabled":
        return About.DISABLED
    if row.members:
        return About.FOLDED
    return About.FORWARD


def hints(actions: Sequence[Action], off: frozenset[str], situation: Situation) -> tuple[Hint, ...]:
    """The keys, the most useful first, without those of actions that are `off`."""
    if situation.typing:
        return situation.typing
    useless = frozenset[str]() if situation.marks else USELESS[situation.about]
    words = dict(special(situation))
    return tuple(
        (key_name(each.keys[0]), words.get(each.id, each.title.lower()))
        for each in in_order(actions, ids_for(situation))
        if each.keys and each.id not in off | useless
    )


def in_order(actions: Sequence[Action], first: Iterable[str]) -> tuple[Action, ...]:
    """The actions of these ids, then the others that are shown; without help."""
    by_id = {action.id: action for action in actions}
    ids = dict.fromkeys((*first, *(action.id for action in actions if action.shown)))
    return tuple(by_id[name] for name in ids if name in by_id and name != HELP)


def ids_for(situation: Situation) -> Iterable[str]:
    """Ids of the actions for the situation, the most useful first."""
    yield from (name for name, _ in special(situation))
    yield from OF_MARKS if situation.marks else OF_ROW[situation.about]
    yield from EVERYWHERE
    yield "app.quit"


def special(situation: Situation) -> Iterable[tuple[str, str]]:
    """What comes before all else, by the action's id: how to go back to the usual state."""
    if situation.is_acting:
        yield "app.clear", "stop"
    elif situation.marks:
        yield "app.clear", "unmark"
    elif situation.is_narrowed:
        yield "app.clear", "all rows"
    if situation.is_paused:
        yield "view.pause", "go on"
    if situation.follows:
        yield "view.follow", "follow"


def line(found: Iterable[Hint], last: Hint | None, width: int) -> Text:
    """As many keys as fit, from the left, and the last one at the right."""
    text, end = Text(), Text() if last is None else drawn(last)
    room = width - (end.cell_len + GAP if end else 0)
    for hint in found:
        piece = drawn(hint)
        if text.cell_len + piece.cell_len + (GAP if text else 0) > room:
            break
        if text:
            text.append(" " * GAP)
        text.append_text(piece)
    if end:
        text.append(" " * (width - text.cell_len - end.cell_len)).append_text(end)
    return text


def drawn(hint: Hint) -> Text:
    key, word = hint
    return Text.assemble((key, "bold"), f" {word}")


def help_hint(actions: Iterable[Action], *, typing: bool) -> Hint | None:
    """The key for help; while something is typed, one that is not a letter."""
    keys = next((action.keys for action in actions if action.id == HELP), ())
    fitting = [key for key in keys if not typing or not is_typed(key)]
    return (key_name(fitting[0]), "help") if fitting else None


def is_typed(key: str) -> bool:
    """Whether an input line takes the key as a letter."""
    return len(key_name(key)) == 1
