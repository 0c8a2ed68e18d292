"""The benchmark of scale: what it says about logins beside an idle daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.scale.held import Watched
from bench.scale.held_figures import added_by_tunnels
from bench.scale.logins import LoginCost, Logins, cost_from, is_steady, login_figure
from bench.scale.plan import FULL_PLAN
from bench.scale.registered import FIRST_PORT, toml_of
from checker.config.settings import load_config
from checker.registry.nodes import Registry, free_ports


def logins(registered: int, cost: LoginCost) -> Logins:
    return Logins(registered=registered, by_fingerprint=cost, by_file=cost, idle=(0.1, 0.1, 0.1))


@pytest.mark.parametrize(
    ("shares", "is_so"),
    [
        pytest.param([], False, id="not read yet"),
        pytest.param([0.1, 0.1], False, id="read too seldom"),
        pytest.param([0.1, 0.11, 0.1], True, id="alike"),
        pytest.param([0.42, 0.3, 0.2], False, id="still falling"),
        pytest.param([0.42, 0.14, 0.15, 0.14], True, id="fell before"),
        pytest.param([0.0, 0.0, 0.0], True, id="none at all"),
    ],
)
def test_a_daemon_is_steady_once_its_last_readings_are_alike(
    shares: list[float], is_so: bool
) -> None:
    assert is_steady(shares) is is_so


def test_a_login_costs_what_comes_on_top_of_the_idle_daemon() -> None:
    cost = cost_from((0.060, 0.2), 0.10, 0.20)

    assert cost.own_ms == pytest.approx(30.0)
    assert cost.is_sure


@pytest.mark.parametrize(
    ("spent_s", "measured", "met"),
    [
        pytest.param(0.060, "40 ms; 1.0 x as much as with 1", True, id="met"),
        pytest.param(0.090, "70 ms; 1.8 x as much as with 1", False, id="missed"),
        pytest.param(0.010, "less than the idle daemon varies by", None, id="not sure"),
    ],
)
def test_a_cost_that_is_not_sure_is_not_judged(
    spent_s: float, measured: str, met: bool | None
) -> None:
    least = logins(1, cost_from((0.060, 0.2), 0.10, 0.10))
    one = logins(30_000, cost_from((spent_s, 0.2), 0.10, 0.10))

    figure = login_figure(one, least, is_last=True)

    assert (figure.measured, figure.met) == (measured, met)
    assert figure.target == "<= 45 ms"


def test_a_node_that_is_added_takes_no_port_of_a_node_that_is_written_later(
    tmp_path: Path,
) -> None:
    path = tmp_path / "reversi.toml"
    path.write_text(toml_of(FULL_PLAN), encoding="ascii")

    free = free_ports(Registry(), (), load_config(path).policy.ports)

    adds = 2 * FULL_PLAN.adds
    written = range(FIRST_PORT, FIRST_PORT + FULL_PLAN.registered[-1])
    assert set(written).isdisjoint(free[:adds])
    assert set(written) <= set(free)


def test_the_cost_of_tunnels_is_shown_with_the_speed_of_the_machine() -> None:
    none, some = (
        Watched(held=held, share=share, reader_share=share / 5, rss_mb=1.0)
        for held, share in ((0, 5.0), (2000, 9.5))
    )

    figure = added_by_tunnels(30_000, [none, some])

    assert (figure.measured, figure.met) == ("2,000: 4.5 % of a core", False)
    assert figure.beside.endswith("33 banners a second meanwhile: 0: 1.0 %, 2,000: 1.9 %")
