"""The figures of a fleet: what counts as met."""

from __future__ import annotations

import pytest

from bench.fleet.bus import Spent, load_between
from bench.fleet.figures import (
    Held,
    Load,
    acts_figure,
    cold_figure,
    edit_figures,
    held_figure,
    load_figure,
    p95,
    references,
    seen_figure,
)
from bench.fleet.plan import FULL_PLAN, QUICK_PLAN


@pytest.mark.parametrize(
    ("values", "found"),
    [
        pytest.param([1.5], 1.5, id="one"),
        pytest.param([float(one) for one in range(1, 101)], 95.0, id="a hundred"),
        pytest.param([1.0] * 19 + [9.0], 1.0, id="one of twenty is left out"),
        pytest.param([1.0] * 18 + [8.0, 9.0], 8.0, id="two of twenty are not"),
    ],
)
def test_the_95th_percentile_is_the_nearest_rank(values: list[float], found: float) -> None:
    assert p95(values[::-1]) == found


def test_a_change_is_seen_in_time_if_its_95th_percentile_is() -> None:
    assert seen_figure([1.0] * 19 + [9.0]).met
    assert not seen_figure([1.0, 2.1]).met


def test_an_act_is_in_time_if_its_95th_percentile_is() -> None:
    assert acts_figure([0.3] * 19 + [9.0]).met
    assert not acts_figure([0.1, 0.31]).met


def test_a_mirror_is_filled_in_time_up_to_five_seconds() -> None:
    assert (cold_figure(9, 5.0).met, cold_figure(9, 5.1).met) == (True, False)


@pytest.mark.parametrize(
    ("registered", "added_s", "obeyed_s", "met"),
    [
        pytest.param(30_000, 1.0, 2.0, [True, True], id="just"),
        pytest.param(30_000, 1.1, 2.0, [False, True], id="the command is late"),
        pytest.param(30_000, 1.0, 2.1, [True, False], id="the others are late"),
        pytest.param(60, 9.0, 9.0, [None, None], id="too few nodes to judge"),
    ],
)
def test_an_edit_is_in_time_if_its_95th_percentiles_are(
    registered: int, added_s: float, obeyed_s: float, met: list[bool | None]
) -> None:
    found = edit_figures(registered, 9.0, 3.0, [added_s] * 19 + [99.0], [obeyed_s] * 19 + [99.0])

    assert [one.met for one in found] == met


def load(*, agent: float = 1.0, memory: float = 50.0, kb_s: float = 3.0) -> Load:
    return Load(agent_share=agent, bus_share=1.0, memory_mb=memory, kb_s=kb_s)


@pytest.mark.parametrize(
    ("one", "met"),
    [
        pytest.param(load(agent=2.0), True, id="just"),
        pytest.param(load(agent=2.1), False, id="processor, of both together"),
        pytest.param(load(memory=151.0), False, id="memory"),
        pytest.param(load(kb_s=20.1), False, id="traffic"),
    ],
)
def test_the_load_is_that_of_the_busiest_gateway(one: Load, *, met: bool) -> None:
    assert load_figure({"gw1": load(), "gw2": one}, 30_000, 5, 60.0).met is met


def test_the_load_is_what_was_used_in_between() -> None:
    before = Spent(agent_s=10.0, bus_s=4.0, moved=1000)
    after = Spent(agent_s=11.0, bus_s=4.5, moved=101_000)

    found = load_between(before, after, 50.0, 50.0)

    assert (found.agent_share, found.bus_share, found.kb_s) == (2.0, 1.0, 2.0)


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        pytest.param({20001: 7, 20002: 8}, 0, id="none"),
        pytest.param({20001: 7, 20002: 9}, 1, id="another process"),
        pytest.param({20001: 7}, 1, id="no process"),
    ],
)
def test_a_tunnel_is_lost_if_its_process_is_another_one(after: dict[int, int], lost: int) -> None:
    held = Held(before={20001: 7, 20002: 8}, after=after, faults=["nats hung"])

    figure = held_figure(held)

    assert (figure.measured, figure.met) == (str(lost), lost == 0)


def test_what_others_measure_is_named_and_not_judged() -> None:
    found = list(references())

    assert all("./run bench --only" in one.measured and one.met is None for one in found)
    assert {one.measured.split()[-1] for one in found} == {"scale", "failover", "herd"}


def test_a_quick_run_does_less_of_everything() -> None:
    assert QUICK_PLAN.rows < FULL_PLAN.rows
    assert QUICK_PLAN.fault_s < FULL_PLAN.fault_s
