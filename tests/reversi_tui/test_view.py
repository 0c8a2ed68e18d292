"""The rows shown: order, filter, folds, marks and counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from checker.model import NodeName, Port, Status
from checker.rows.row import Moment, Row
from reversi_tui.rows.columns import BY_ID
from reversi_tui.rows.report import Health, Report
from reversi_tui.settings.preferences import Preferences
from reversi_tui.view import FOLD, LONG_AGO, View, nearest
from tests.reversi_tui.console.states import NOW, forward, tunnel

HEALTH = Health()


def row(node: str, port: int, status: Status = Status.UP, latency_ms: float | None = 1.0) -> Row:
    return Row(
        forward=forward(node, port), seen=replace(tunnel(node, port, status), latency_ms=latency_ms)
    )


ROWS = (
    row("b", 2, latency_ms=None),
    row("a", 3, Status.HUNG, latency_ms=30.0),
    row("a", 1, latency_ms=4.0),
)


def whole(rows: tuple[Row, ...]) -> Report:
    return Report(changed=rows, keys=frozenset(r.key for r in rows), health=HEALTH)


def viewed(**options: Any) -> View:
    view = View(Preferences(**{"sort_by": "node", **options}))
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
    assert list(viewed(filter_text="nothing-like-it").count().statuses().items()) == [
        (Status.HUNG, 1),
        (Status.UP, 2),
    ]


def test_who_is_out_on_purpose_is_counted_apart_and_not_a_fault() -> None:
    shut = replace(row("a", 3, Status.UNKNOWN), barred="disabled")
    view = viewed(faults_only=True)

    view.apply(Report(changed=(shut, row("b", 2, Status.DOWN)), health=HEALTH))

    assert view.count().statuses() == {Status.DOWN: 1, Status.UP: 1}
    assert view.count().shut() == {"disabled": 1}
    assert ("a", 3) not in view.order
    assert ("b", 2) in view.order


def test_a_node_with_several_forwards_folds_into_one_row_that_tells_the_worst() -> None:
    view = viewed(grouped=True)

    assert view.order == [("a", FOLD), ("b", 2)]
    folded = view.row(("a", FOLD))  # type: ignore[arg-type]
    assert folded
    assert folded.seen.status is Status.HUNG
    assert [member.key for member in folded.members] == [("a", 1), ("a", 3)]


def test_an_unfolded_node_has_its_forwards_below_it() -> None:
    view = viewed(grouped=True, sort_by="status")

    view.set_unfolded(NodeName("a"), True)

    assert view.order == [("a", FOLD), ("a", 1), ("a", 3), ("b", 2)]


def test_a_folded_row_changes_with_its_forwards_and_goes_with_them() -> None:
    view = viewed(grouped=True, sort_by="status")
    assert view.order == [("a", FOLD), ("b", 2)]

    assert view.apply(Report(changed=(row("a", 3), row("b", 2, Status.DOWN)), health=HEALTH))
    assert view.order == [("b", 2), ("a", FOLD)]
    view.apply(whole((row("a", 1), row("b", 2))))

    assert view.order == [("a", 1), ("b", 2)]
    assert view.row(("a", FOLD)) is None  # type: ignore[arg-type]


def test_a_folded_row_stands_for_the_forwards_that_the_filter_shows() -> None:
    view = viewed(grouped=True)

    view.set_filter("status:hung")

    assert view.order == [("a", 3)]


def test_folds_survive_another_sort() -> None:
    view = viewed(grouped=True)

    view.set_sort("latency", backwards=True)

    assert set(view.order) == {("a", FOLD), ("b", 2)}


def test_faults_only_shows_what_is_not_up_or_cannot_be_believed() -> None:
    late = [False]
    view = View(
        Preferences(faults_only=True), lambda: Moment(now=NOW + 900 * late[0], every_s=20.0)
    )
    view.apply(whole(ROWS))
    assert view.order == [("a", 3)]

    late[0] = True
    came = view.let_time_pass()
    view.arrange()

    assert came
    assert view.order == [("a", 1), ("a", 3), ("b", 2)]
    assert not view.let_time_pass()


def test_marks_are_of_forwards_that_there_are() -> None:
    view = viewed()
    view.mark([("a", 1), ("b", 2), ("zoo", 9)], marked=True)  # type: ignore[list-item]
    assert [row.key for row in view.marked()] == [("a", 1), ("b", 2)]

    view.apply(whole((row("a", 1),)))

    assert [row.key for row in view.marked()] == [("a", 1)]


def test_marks_outlive_a_filter_that_hides_them() -> None:
    view = viewed()
    view.mark([("b", 2)], marked=True)  # type: ignore[list-item]

    view.set_filter("status:hung")

    assert [row.key for row in view.marked()] == [("b", 2)]


def test_a_folded_row_is_marked_once_all_of_it_is() -> None:
    view = viewed(grouped=True)
    folded = view.folds[NodeName("a")]
    view.mark([("a", 1)], marked=True)  # type: ignore[list-item]
    assert not view.is_marked(folded)

    view.mark([("a", 3)], marked=True)  # type: ignore[list-item]

    assert view.is_marked(folded)


def test_a_name_is_found_by_its_beginning_before_its_middle() -> None:
    view = View(Preferences())
    view.apply(whole((row("attic", 1), row("mat", 2), row("tin", 3))))

    assert view.find("t") == 2
    assert view.find("at") == 0
    assert view.find("MA") == 1
    assert view.find("zz") is None


def test_the_next_match_comes_after_the_last_one_from_the_other_end() -> None:
    view = viewed()  # a, a, b

    assert [view.find_on("A", place, 1) for place in (0, 1, 2)] == [1, 0, 0]
    assert [view.find_on("a", place, -1) for place in (0, 1, 2)] == [1, 0, 1]
    assert [view.find_on("", 2, 1), view.find_on("b", 2, 1), view.find_on("zz", 0, 1)] == [
        0,
        2,
        None,
    ]
    assert View(Preferences()).find_on("a", 0, 1) is None


@pytest.mark.parametrize(
    ("place", "remaining", "found"),
    [
        pytest.param(1, {"b", "d"}, "b", id="itself"),
        pytest.param(1, {"a", "c"}, "c", id="the lower of two"),
        pytest.param(3, {"a"}, "a", id="far above"),
        pytest.param(0, {"d"}, "d", id="far below"),
        pytest.param(2, set(), None, id="none"),
    ],
)
def test_the_nearest_row_that_remains_is_found(
    place: int, remaining: set[str], found: str | None
) -> None:
    order = [(NodeName(name), Port(1)) for name in "abcd"]

    key = nearest(order, place, {(NodeName(name), Port(1)) for name in remaining})

    assert key == (found and (NodeName(found), Port(1)))


class Clock:
    """A moment that the test moves."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.late_s = late_s

    def __call__(self) -> Moment:
        return Moment(now=NOW + self.late_s, every_s=20.0)


def test_stale_rows_are_counted_apart_as_time_passes() -> None:
    clock = Clock()
    view = View(Preferences(), clock)
    view.apply(whole(ROWS))
    assert (view.count().stale, view.count().statuses()) == (0, {Status.HUNG: 1, Status.UP: 2})

    clock.late_s = 900.0
    assert (view.count().stale, view.count().statuses()) == (3, {})

    fresh = replace(ROWS[0], seen=replace(ROWS[0].seen, probed_at=NOW + 890))
    view.apply(Report(changed=(fresh,), health=HEALTH))
    assert (view.count().stale, view.count().statuses()) == (2, {Status.UP: 1})


@pytest.mark.parametrize("filter_text", ["", "latency:>20"])
@pytest.mark.parametrize("column", BY_ID)
def test_rows_that_were_probed_again_are_where_any_changed_row_would_be(
    column: str, filter_text: str
) -> None:
    options = Preferences(sort_by=column, filter_text=filter_text)
    probed, changed = View(options, Clock()), View(options, Clock())
    again = tuple(
        replace(
            each,
            seen=replace(each.seen, latency_ms=40.0 - 10 * at, probed_at=NOW + at, bytes_total=at),
        )
        for at, each in enumerate(ROWS)
    )
    for view in (probed, changed):
        view.apply(whole(ROWS))

    probed.apply(Report(changed=again, probed=frozenset(row.key for row in again), health=HEALTH))
    changed.apply(Report(changed=again, health=HEALTH))

    assert probed.order == changed.order
    assert (probed.rows, probed.listed, probed.values) == (
        changed.rows,
        changed.listed,
        changed.values,
    )


def test_a_probe_ends_that_a_row_is_stale_and_it_may_be_stale_again() -> None:
    clock = Clock()
    view = View(Preferences(sort_by="node"), clock)
    view.apply(whole(ROWS))
    clock.late_s = 900.0
    assert view.count().stale == 3

    keys = frozenset(row.key for row in ROWS)
    for at in (895.0, 899.0):
        fresh = tuple(replace(each, seen=replace(each.seen, probed_at=NOW + at)) for each in ROWS)
        view.apply(Report(changed=fresh, probed=keys, health=HEALTH))
        assert view.count().stale == 0

    clock.late_s = 958.0
    assert view.count().stale == 0
    clock.late_s = 960.0
    assert view.count().stale == 3


def test_a_clock_that_was_set_back_counts_all_rows_again() -> None:
    clock = Clock(900.0)
    view = View(Preferences(), clock)
    view.apply(whole(ROWS))
    assert view.count().stale == 3

    clock.late_s = 0.0
    assert view.count().stale == 0

    clock.late_s = -3600.0
    assert view.count().stale == 3
    clock.late_s = 1.0
    assert view.count().stale == 0


def test_rows_that_are_gone_are_counted_no_longer() -> None:
    view = View(Preferences(), Clock())
    view.apply(whole(ROWS))

    view.apply(whole(ROWS[1:]))

    assert sum(view.count().statuses().values()) == 2


def test_stale_rows_sort_before_all_others() -> None:
    view = View(Preferences(sort_by="status"), Clock(100.0))
    fresh = (replace(each, seen=replace(each.seen, probed_at=NOW + 95)) for each in ROWS[1:])

    view.apply(whole((ROWS[0], *fresh)))

    assert view.order == [("b", 2), ("a", 3), ("a", 1)]


def test_the_worst_come_first_and_nodes_out_on_purpose_last() -> None:
    disabled = replace(ROWS[1], barred="disabled", seen=replace(ROWS[1].seen, status=Status.DOWN))
    view = View(Preferences(), lambda: LONG_AGO)

    view.apply(whole((ROWS[0], disabled, ROWS[2])))

    assert view.order[-1] == disabled.key
    assert [view.rows[key].seen.status for key in view.order[:-1]] == sorted(
        (ROWS[0].seen.status, ROWS[2].seen.status), key=list(Status).index
    )


def test_a_folded_row_is_stale_if_one_of_its_rows_is() -> None:
    view = View(Preferences(grouped=True), Clock(100.0))
    fresh = replace(ROWS[1], seen=replace(ROWS[1].seen, probed_at=NOW + 95))

    view.apply(whole((fresh, ROWS[2])))

    assert view.folds[NodeName("a")].seen.probed_at == ROWS[2].seen.probed_at
