"""The lists that make sorts and filters fast say the same as the rows themselves."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from checker.model import Status
from checker.rows.claims import lowered
from checker.rows.row import Key, Moment, Row
from reversi_tui.rows.columns import BY_ID
from reversi_tui.rows.report import Report
from reversi_tui.settings.preferences import Preferences
from reversi_tui.view import FOLD, View
from tests.reversi_tui.test_view import HEALTH, row

MOMENT = Moment(now=1000.0, every_s=30.0)
FILTERS = ("", "a", "b", "ba !down", "latency:>50", "is:up|is:hung", "/^ba/ up", "!hung n")
SORTS = ("node", "status", "latency", "answer", "peer", "target")


def some_row(choice: random.Random) -> Row:
    return row(
        f"{choice.choice(('attic', 'barn', 'yard'))}-{choice.randrange(4)}",
        choice.randrange(1, 4),
        choice.choice((Status.UP, Status.HUNG, Status.DOWN)),
        choice.choice((None, 10.0, 60.0, 90.0)),
    )


def steps(view: View, choice: random.Random) -> Iterator[None]:
    """Take reports in, and look at the rows in other ways."""
    for _ in range(60):
        match choice.randrange(6):
            case 0 | 1:
                rows = {each.key: each for each in (some_row(choice) for _ in range(5))}
                keys = frozenset((*view.rows, *rows)) - {choice.choice([*view.rows, None])}
                changed = tuple(each for key, each in rows.items() if key in keys)
                view.apply(Report(changed=changed, keys=keys, health=HEALTH))
            case 2:
                view.set_filter(choice.choice(FILTERS))
            case 3:
                view.set_sort(choice.choice(SORTS), backwards=choice.random() < 0.5)
            case 4:
                view.set_faults_only(choice.random() < 0.3)
            case _:
                view.set_grouped(choice.random() < 0.5)
        yield


def rank(view: View, key: Key) -> object:
    """What decides about the place of a row of the order."""
    found = view.row(key)
    assert found is not None
    return BY_ID[view.sort_by].value(found, MOMENT)


@pytest.mark.parametrize("seed", range(10))
def test_the_view_agrees_with_a_look_at_each_row(seed: int) -> None:
    view = View(Preferences(sort_by="node"), lambda: MOMENT)

    for _ in steps(view, random.Random(seed)):
        assert view.by_key == sorted(view.rows)
        assert view.listed == [view.rows[key] for key in view.by_key]
        assert view.shown == {key for key, each in view.rows.items() if view.is_shown(each, MOMENT)}
        assert all(
            text is None or text == lowered(each, MOMENT)
            for text, each in zip(view.texts, view.listed, strict=True)
        )
        assert dict(view.places) == {key: place for place, key in enumerate(view.order)}
        assert {key[0] for key in view.order} == {key[0] for key in view.shown}
        known = [value for key in view.order if (value := rank(view, key)) is not None]
        assert known == sorted(known, reverse=view.backwards)  # type: ignore[type-var]
        assert all(rank(view, key) is None for key in view.order[len(known) :])


def test_a_key_that_is_not_shown_has_no_place() -> None:
    view = View(Preferences(sort_by="node"), lambda: MOMENT)
    rows = (row("a", 1), row("b", 2))
    view.apply(Report(changed=rows, keys=frozenset(each.key for each in rows), health=HEALTH))

    view.set_filter("node:a")

    assert view.places.get(rows[0].key) == 0
    assert rows[1].key not in view.places
    assert (rows[0].seen.node, FOLD) not in view.places
    assert len(view.places) == 1
