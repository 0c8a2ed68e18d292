"""The rows of several gateways as one: whose word counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import NodeName, Port, ProcessId, Status, Tunnel
from checker.rows.gateways import (
    GatewayView,
    ahead,
    by_our_clock,
    chosen,
    merge,
    merged,
    row_of,
    seen_among,
)
from checker.rows.row import Moment, Row, Whereabouts

NOW = 1_800_000_000.0
EVERY_S = 20.0
HERE = GatewayView(id="gw1", is_here=True, every_s=EVERY_S)
KEY = (NodeName("barn"), Port(20011))


def heard(id_: str, seconds_ago: float | None = 1.0) -> GatewayView:
    at = None if seconds_ago is None else NOW - seconds_ago
    return GatewayView(id=id_, every_s=EVERY_S, pulse_at=at)


def seen(status: Status, *, probed: float = 5.0, since: float = 3600.0) -> Tunnel:
    """What a gateway saw so many seconds ago."""
    listens = status in (Status.UP, Status.HUNG, Status.REFUSED, Status.WRONG)
    return Tunnel(
        node=KEY[0],
        port=KEY[1],
        status=status,
        session=ProcessId(pid=4000, start_ticks=7) if listens else None,
        probed_at=None if status is Status.UNKNOWN else NOW - probed,
        since=NOW - since,
    )


UP, DOWN, HUNG = seen(Status.UP), seen(Status.DOWN), seen(Status.HUNG)
NEVER = seen(Status.UNKNOWN)
NEW = replace(seen(Status.DOWN, since=2), held_until=0.0)
"""First probed just now, and nobody ever held it."""
GW2, GW3 = heard("gw2"), heard("gw3")
QUIET = heard("gw2", 12.0)
SILENT = heard("gw2", 41.0)
SELDOM = replace(GW2, every_s=40.0)
"""Its rows come more seldom than it probes."""
Said = list[tuple[GatewayView, Tunnel]]


@pytest.mark.parametrize(
    ("said", "gateway", "also"),
    [
        pytest.param([(HERE, UP)], "gw1", (), id="one gateway"),
        pytest.param([(HERE, DOWN), (GW2, UP)], "gw2", (), id="held before not"),
        pytest.param([(HERE, DOWN), (GW2, HUNG)], "gw2", (), id="hung, but held"),
        pytest.param([(HERE, HUNG), (GW2, UP)], "gw2", ("gw1",), id="up before hung"),
        pytest.param([(HERE, UP), (GW2, UP)], "gw1", ("gw2",), id="both up: this one"),
        pytest.param([(GW3, UP), (GW2, UP)], "gw2", ("gw3",), id="both up elsewhere: by name"),
        pytest.param([(QUIET, UP), (GW3, UP)], "gw3", ("gw2",), id="both up: the one just heard"),
        pytest.param([(QUIET, UP), (GW3, HUNG)], "gw2", ("gw3",), id="not heard, but up"),
        pytest.param(
            [(HERE, UP), (GW2, seen(Status.UP, probed=90))], "gw1", (), id="fresh before stale"
        ),
        pytest.param([(HERE, HUNG), (SILENT, UP)], "gw1", (), id="a silent one does not count"),
        pytest.param([(HERE, DOWN), (SILENT, UP)], "gw2", (), id="not here is not down"),
        pytest.param(
            [(HERE, seen(Status.DOWN, since=2)), (SILENT, seen(Status.UP, probed=45))],
            "gw1",
            (),
            id="it was here since",
        ),
        pytest.param(
            [(HERE, seen(Status.DOWN, since=45)), (SILENT, seen(Status.UP, probed=50))],
            "gw2",
            (),
            id="held until the last pulse, after it was here",
        ),
        pytest.param(
            [(HERE, seen(Status.DOWN, since=100)), (SILENT, seen(Status.UP, probed=120))],
            "gw1",
            (),
            id="the row was late at the last pulse, and it was here since",
        ),
        pytest.param(
            [(HERE, DOWN), (GW2, seen(Status.DOWN, since=60))], "gw2", (), id="lost there last"
        ),
        pytest.param([(HERE, NEW), (SILENT, UP)], "gw2", (), id="first probed here since"),
        pytest.param(
            [(HERE, NEW), (GW3, NEW), (SILENT, UP)], "gw2", (), id="first probed everywhere since"
        ),
        pytest.param(
            [(HERE, replace(NEW, held_until=NOW - 20)), (SILENT, seen(Status.UP, probed=45))],
            "gw1",
            (),
            id="it was here since, then another program had the port",
        ),
        pytest.param([(HERE, NEW), (GW2, DOWN)], "gw2", (), id="lost there, never here"),
        pytest.param(
            [(HERE, replace(NEW, since=NOW - 9)), (GW2, NEW)],
            "gw2",
            (),
            id="never anywhere: the newest row, so that all gateways agree",
        ),
        pytest.param(
            [(HERE, replace(UP, session=None)), (GW2, UP), (GW3, UP)],
            "gw2",
            ("gw3",),
            id="one that names the session",
        ),
        pytest.param(
            [(HERE, UP), (GW2, replace(UP, session=None))], "gw1", (), id="not one that does not"
        ),
        pytest.param([(HERE, NEVER), (GW2, DOWN)], "gw2", (), id="down before never probed"),
        pytest.param([(HERE, NEVER), (SILENT, UP)], "gw2", (), id="stale before never probed"),
        pytest.param([(HERE, NEVER), (GW2, NEVER)], "gw1", (), id="nobody knows"),
    ],
)
def test_whose_word_counts(said: Said, gateway: str, also: tuple[str, ...]) -> None:
    rows = [row_of(view, tunnel, NOW) for view, tunnel in said]

    _, where = merged(rows, NOW)

    assert (where.gateway, where.also) == (gateway, also)


@pytest.mark.parametrize(
    ("view", "is_cut_off", "sentence"),
    [
        pytest.param(HERE, False, "", id="this one needs no pulse"),
        pytest.param(heard("gw2", 30.0), False, "", id="just heard"),
        pytest.param(heard("gw2", -3.0), False, "", id="our clock was set back"),
        pytest.param(SILENT, True, "gw2 unreachable 41 s", id="silent"),
        pytest.param(heard("gw2", 7300.0), True, "gw2 unreachable 2h", id="for hours"),
        pytest.param(heard("gw2", None), True, "gw2 not heard yet", id="never"),
    ],
)
def test_a_gateway_without_a_pulse_is_unreachable(
    view: GatewayView, *, is_cut_off: bool, sentence: str
) -> None:
    assert (view.is_cut_off(NOW), view.sentence(NOW)) == (is_cut_off, sentence)


@pytest.mark.parametrize(
    ("view", "tunnel", "is_stale"),
    [
        pytest.param(GW2, UP, False, id="reachable"),
        pytest.param(SILENT, UP, True, id="silent, however new its row is"),
        pytest.param(SELDOM, seen(Status.UP, probed=100), False, id="comes late"),
        pytest.param(SELDOM, seen(Status.UP, probed=130), True, id="too late"),
    ],
)
def test_rows_of_a_silent_gateway_are_stale(
    view: GatewayView, tunnel: Tunnel, *, is_stale: bool
) -> None:
    (found, where) = merge([(view, {KEY: tunnel})], NOW)[KEY]
    row = Row(forward=None, seen=found, where=where)
    moment = Moment(now=NOW, every_s=EVERY_S)

    assert moment.is_stale(row) is is_stale
    assert where.is_elsewhere


@pytest.mark.parametrize(
    ("measured_s", "before_s", "found_s"),
    [
        pytest.param(0.3, 0.0, 0.0, id="one clock"),
        pytest.param(-1.9, 0.0, 0.0, id="hardly behind"),
        pytest.param(89.6, 0.0, 90.0, id="ahead"),
        pytest.param(-89.6, 0.0, -90.0, id="behind"),
        pytest.param(91.4, 90.0, 90.0, id="a slow pulse changes nothing"),
        pytest.param(93.4, 90.0, 93.0, id="it drifted"),
        pytest.param(0.1, 90.0, 0.0, id="it was set right"),
    ],
)
def test_how_far_a_clock_is_ahead(measured_s: float, before_s: float, found_s: float) -> None:
    assert ahead(measured_s, before_s) == found_s


def keeps(view: GatewayView, path: int) -> GatewayView:
    """The same gateway, and which path of the node its connection is."""
    return replace(view, paths={ProcessId(pid=4000, start_ticks=7): path})


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        pytest.param([(keeps(HERE, 1), UP), (keeps(GW2, 2), UP)], "", id="both paths are up"),
        pytest.param([(keeps(HERE, 1), UP), (GW2, DOWN)], "path 2 is down", id="nobody has path 2"),
        pytest.param([(HERE, DOWN), (keeps(GW2, 2), UP)], "path 1 is down", id="path 1 elsewhere"),
        pytest.param(
            [(keeps(HERE, 1), UP), (keeps(SILENT, 2), UP)], "path 2 is stale", id="unreachable"
        ),
        pytest.param([(keeps(HERE, 1), UP), (keeps(GW2, 2), HUNG)], "path 2 hangs", id="it hangs"),
        pytest.param([(HERE, DOWN), (keeps(SILENT, 2), UP)], "", id="the row itself is stale"),
        pytest.param([(HERE, DOWN), (GW2, DOWN)], "", id="both are lost: it is down"),
        pytest.param([(HERE, UP), (GW2, DOWN)], "", id="one tunnel is all that it keeps"),
    ],
)
def test_a_node_that_lost_one_of_two_tunnels_is_up_and_a_fault(said: Said, lacks: str) -> None:
    found, where = merged([row_of(view, tunnel, NOW) for view, tunnel in said], NOW)

    row = Row(forward=None, seen=found, where=where)
    assert where.lacks == lacks
    assert found.detail == (f"one of two paths is lost: {lacks}" if lacks else "")
    if lacks:
        assert found.status is Status.UP
        assert Moment(now=NOW, every_s=EVERY_S).is_fault(row)


def test_a_row_that_nobody_holds_is_nowhere_else() -> None:
    _, where = merge([(HERE, {}), (GW2, {KEY: DOWN})], NOW)[KEY]

    assert where == Whereabouts(gateway="gw2")


TUNNELS = st.builds(
    seen,
    st.sampled_from([status for status in Status if status is not Status.BROKEN]),
    probed=st.sampled_from([1.0, 30.0, 61.0, 300.0]),
    since=st.sampled_from([2.0, 40.0, 70.0, 3600.0]),
) | st.just(NEW)
VIEWS = st.sampled_from([HERE, GW2, GW3, heard("gw4", 31.0), heard("gw5", None)])
OFFSETS = st.integers(-90_000, 90_000).map(float)
SAYINGS = st.lists(
    st.tuples(VIEWS, TUNNELS), min_size=1, max_size=5, unique_by=lambda one: one[0].id
)


@settings(max_examples=50)
@given(said=SAYINGS, order=st.randoms())
def test_the_order_of_the_gateways_does_not_matter(said: Said, order: object) -> None:
    rows = [row_of(view, tunnel, NOW) for view, tunnel in said]
    other = list(rows)
    order.shuffle(other)  # type: ignore[attr-defined]

    assert merged(rows, NOW) == merged(other, NOW)


@settings(max_examples=50)
@given(said=SAYINGS, clocks=st.dictionaries(st.sampled_from(["gw2", "gw3", "gw4"]), OFFSETS))
def test_the_clocks_of_the_others_do_not_matter(said: Said, clocks: dict[str, float]) -> None:
    rows = [row_of(view, tunnel, NOW) for view, tunnel in said]

    others = [
        row_of(replace(view, ahead_s=by), by_our_clock(tunnel, -by), NOW)
        for view, tunnel in said
        for by in (clocks.get(view.id, 0.0),)
    ]

    assert merged(others, NOW) == merged(rows, NOW)


@settings(max_examples=50)
@given(said=SAYINGS)
def test_a_fresh_held_row_is_never_hidden_by_a_stale_one(said: Said) -> None:
    rows = [row_of(view, tunnel, NOW) for view, tunnel in said]
    held = [row for row in rows if row.is_fresh and row.is_held]

    found = chosen(rows)

    assert found in rows
    if held:
        assert found in held
        is_up = any(row.seen.status is Status.UP for row in held)
        assert (found.seen.status is Status.UP) is is_up
        assert {found.view.id, *merged(rows, NOW)[1].also} == {row.view.id for row in held}
    else:
        assert merged(rows, NOW)[1].also == ()


PATHS = st.builds(
    keeps, st.sampled_from([HERE, GW2, GW3, heard("gw4", 31.0)]), st.sampled_from([1, 2])
)


@settings(max_examples=200)
@given(
    said=st.lists(
        st.tuples(VIEWS | PATHS, TUNNELS), min_size=1, max_size=4, unique_by=lambda one: one[0].id
    )
)
def test_to_ask_only_who_holds_it_finds_the_same(said: Said) -> None:
    everybody = merged([row_of(view, tunnel, NOW) for view, tunnel in said], NOW)

    assert seen_among(said, NOW) == everybody
