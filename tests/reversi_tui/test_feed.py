"""Reports: taken in at once, or held back and merged while the console is paused."""

from __future__ import annotations

from dataclasses import replace

from checker.model import Status
from checker.rows.row import Row
from reversi_tui.feed import Feed, merged
from reversi_tui.rows.report import Health, Report
from reversi_tui.settings.preferences import Preferences
from reversi_tui.view import View
from tests.reversi_tui.console.states import tunnel


def row(port: int, status: Status = Status.UP) -> Row:
    return Row(forward=None, seen=tunnel("attic", port, status))


def report(*rows: Row, among: tuple[Row, ...] | None = None) -> Report:
    """A report of these rows; `among` are all that there are."""
    keys = None if among is None else frozenset(one.key for one in among)
    return Report(changed=rows, keys=keys, health=Health())


A, B = row(1), row(2)
A_HUNG = row(1, Status.HUNG)


def feed() -> Feed:
    made = Feed(View(Preferences()))
    made.take(report(A, B, among=(A, B)))
    return made


def test_a_report_changes_the_rows_at_once() -> None:
    made = feed()

    made.take(report(A_HUNG))

    assert made.view.row(A.key) == A_HUNG
    assert made.newest(A.key) == A_HUNG


def test_a_report_during_a_pause_waits_and_its_health_does_not() -> None:
    made, health = feed(), Health(trouble="gone")
    made.pause(5.0)

    moved = made.take(replace(report(A_HUNG), health=health))

    assert not moved
    assert made.view.row(A.key) == A
    assert made.newest(A.key) == A_HUNG, "what is asked after a kill is the newest"
    assert made.health == health


def test_after_a_pause_all_that_waited_comes_as_one_report() -> None:
    made = feed()
    made.pause(5.0)
    made.take(report(A_HUNG))
    made.take(report(row(2, Status.DOWN), among=(B,)))

    assert made.newest(A.key) is None
    assert made.resume() == report(row(2, Status.DOWN), among=(B,))
    assert (made.is_paused, made.resume()) == (False, None)


def test_of_two_reports_the_later_row_counts_and_the_rows_that_went_stay_away() -> None:
    assert merged(report(A, B), report(A_HUNG)) == report(A_HUNG, B)
    assert merged(report(A, B, among=(A, B)), report(among=(B,))) == report(B, among=(B,))
    assert merged(report(among=(A,)), report(A)) == report(A, among=(A,))
