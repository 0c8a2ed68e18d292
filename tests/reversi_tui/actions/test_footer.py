"""The footer: the keys that make sense now, and help always last at the right."""

from __future__ import annotations

import itertools

import pytest

from reversi_tui.actions.footer import About, Situation, help_hint, hints, line
from reversi_tui.actions.table import ACTIONS, with_keys
from reversi_tui.widgets.bar import Bar, FilterBar

NOTHING_OFF = frozenset[str]()
USUAL = Situation(about=About.FORWARD)


def shown(situation: Situation, width: int = 80, off: frozenset[str] = NOTHING_OFF) -> str:
    last = help_hint(ACTIONS, typing=bool(situation.typing))
    return line(hints(ACTIONS, off, situation), last, width).plain


@pytest.mark.parametrize(
    ("situation", "begin"),
    [
        pytest.param(USUAL, "enter detail  s shell  p probe", id="forward"),
        pytest.param(Situation(about=About.FOLDED), "→ unfold  enter detail", id="folded"),
        pytest.param(Situation(about=About.DISABLED), "enter detail  e enable", id="disabled"),
        pytest.param(Situation(about=About.APPLICANT), "enter detail  + accept", id="applicant"),
        pytest.param(Situation(), "n new  v events", id="no row"),
        pytest.param(
            Situation(about=About.FORWARD, marks=3),
            "esc unmark  r reset  k kill  p probe",
            id="marks",
        ),
        pytest.param(Situation(is_narrowed=True), "esc all rows", id="filtered"),
        pytest.param(Situation(marks=1, is_acting=True), "esc stop  r reset", id="acting"),
        pytest.param(Situation(is_paused=True), "z go on", id="paused"),
        pytest.param(Situation(about=About.FORWARD, follows=True), "F follow", id="after a kill"),
        pytest.param(
            Situation(typing=FilterBar.hints), "enter keep  esc clear  tab complete", id="filter"
        ),
        pytest.param(Situation(typing=Bar.hints), "enter stay there  esc go back", id="jump"),
    ],
)
def test_the_keys_follow_what_the_operator_looks_at(situation: Situation, begin: str) -> None:
    assert shown(situation).startswith(begin)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_help_is_always_last_at_the_right_and_nothing_is_cut(width: int) -> None:
    for about, marks, typing in itertools.product(About, (0, 7), ((), FilterBar.hints)):
        found = shown(Situation(about=about, marks=marks, typing=typing), width)

        assert len(found) == width
        assert found.endswith("  f1 help" if typing else "  ? help")


def test_a_key_that_would_do_nothing_on_the_row_is_left_out() -> None:
    assert "e enable" not in shown(USUAL, 400)
    assert "d disable" in shown(USUAL, 400)
    disabled = shown(Situation(about=About.DISABLED), 400)
    assert "d disable" not in disabled
    assert "k kill" not in disabled
    assert "s shell" not in shown(Situation(about=About.APPLICANT), 400)
    assert "k kill" not in shown(Situation(), 400)


def test_a_read_only_console_offers_no_acts() -> None:
    off = frozenset(action.id for action in ACTIONS if action.changes)

    found = shown(Situation(about=About.FORWARD), 400, off)

    assert "kill" not in found
    assert "shell" not in found
    assert found.startswith("enter detail  y reach  / filter")


def test_the_operators_own_keys_are_shown() -> None:
    actions = with_keys(ACTIONS, {"app.help": "f2", "act.kill": "f9"})

    assert ("f9", "kill") in hints(actions, NOTHING_OFF, USUAL)
    assert help_hint(actions, typing=True) == ("f2", "help")
    assert help_hint(with_keys(ACTIONS, {"app.help": "h"}), typing=True) is None
    assert line((), None, 80).plain == ""
