from __future__ import annotations

from dataclasses import replace

from checker.model import Status
from reversi_tui.rows import Health, Report, Row
from reversi_tui.view import View
from tests.tui.states import forward, tunnel

HEALTH = Health()


def row(node: str, port: int, status: Status = Status.UP, latency_ms: float | None = 1.0) -> Row:
    return Row(forward=forward(node, port), seen=replace(tunnel(node, port, status), latency_ms=latency_ms))


ROWS = (row("b", 2, latency_ms=None), row("a", 3, Status.HUNG, latency_ms=30.0), row("a", 1, latency_ms=4.0))


def whole(rows: tuple[Row, ...]) -> Report:
    return Report(changed=rows, keys=frozenset(r.key for r in rows), health=HEALTH)


def viewed(**options: str) -> View:
    view = View(**options)  # type: ignore[arg-type]
    view.apply(whole(ROWS))
    return view


def test_rows_stand_by_node_and_port() -> None:
    assert viewed().order == [("a", 1), ("a", 3), ("b", 2)]


def test_what_is_not_known_sorts_last_either_way() -> None:
    view = viewed(sort_by="latency")
    assert view.order == [("a", 1), ("a", 3), ("b", 2)]

    view.set_sort("latency", backwards=True)

    assert view.order == [("a", 3), ("a", 1), ("b", 2)]


def test_ties_stay_in_order_of_node_and_port_backwards_too() -> None:
    view = viewed()

    view.set_sort("status", backwards=True)

    assert view.order == [("a", 1), ("b", 2), ("a", 3)]


def test_a_change_that_moves_nothing_leaves_the_order_alone() -> None:
    view = viewed()

    assert not view.apply(Report(changed=(row("b", 2, Status.DOWN),), health=HEALTH))
    assert view.rows["b", 2].seen.status is Status.DOWN  # type: ignore[index]


def test_a_change_of_the_sorted_value_moves_the_row() -> None:
    view = viewed(sort_by="status")

    assert view.apply(Report(changed=(row("b", 2, Status.HUNG), row("a", 3)), health=HEALTH))
    assert view.order[0] == ("b", 2)


def test_a_row_enters_and_leaves_the_filter_as_it_changes() -> None:
    view = viewed(filter_text="status:hung")
    assert view.order == [("a", 3)]

    assert view.apply(Report(changed=(row("b", 2, Status.HUNG), row("a", 3)), health=HEALTH))
    assert view.order == [("b", 2)]


def test_rows_that_are_gone_go_and_new_ones_come() -> None:
    view = viewed()

    view.apply(whole((row("a", 1), row("c", 9))))

    assert view.order == [("a", 1), ("c", 9)]
    assert view.places == {("a", 1): 0, ("c", 9): 1}


def test_counts_are_of_all_rows_worst_first() -> None:
    assert list(viewed(filter_text="nothing-like-it").counts().items()) == [(Status.HUNG, 1), (Status.UP, 2)]
