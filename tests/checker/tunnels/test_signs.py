"""Signs of life: only what came through this very connection, and only since the silence began."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from checker.model import Answer, Flow, Port, ProcessId
from checker.tunnels.holders import Held
from checker.tunnels.port_owner import Owner
from checker.tunnels.signs import Signs
from tests.strategies import FORWARD, PORT, SESSION

SIBLING = Port(PORT + 1)


@pytest.mark.parametrize(
    ("beaten_at", "answered", "life"),
    [
        pytest.param(None, {}, "", id="nothing"),
        pytest.param(99.0, {}, "", id="a beat before"),
        pytest.param(101.0, {}, "its beats arrive", id="a beat since"),
        pytest.param(1e11, {}, "", id="a beat from before the clock was set back"),
        pytest.param(
            None,
            {SIBLING: (SESSION, 101.0)},
            f"port {SIBLING} of the same connection answers",
            id="a sibling since",
        ),
        pytest.param(None, {SIBLING: (SESSION, 99.0)}, "", id="a sibling before"),
        pytest.param(
            None, {SIBLING: (ProcessId(pid=7, start_ticks=8), 101.0)}, "", id="another connection"
        ),
        pytest.param(None, {PORT: (SESSION, 101.0)}, "", id="the port itself"),
    ],
)
def test_only_what_came_through_this_connection_since_the_first_strike_is_a_sign_of_life(
    tmp_path: Path,
    beaten_at: float | None,
    answered: dict[Port, tuple[ProcessId, float]],
    life: str,
) -> None:
    signs = Signs(tmp_path)
    signs.answered = answered

    assert signs.of_life(FORWARD, SESSION, beaten_at, since=100.0) == life


async def test_concurrent_calls_share_a_reading_that_is_newer_than_each(
    tmp_path: Path,
) -> None:
    signs = Signs(tmp_path)
    asked_at = time.monotonic()

    found = [await signs.fresh_flows(newer_than=asked_at) for _ in range(3)]
    later = await signs.fresh_flows(newer_than=time.monotonic())

    assert found[0] is found[1] is found[2]
    assert later is not found[0]
    assert signs.flows_read_at > asked_at


def test_data_out_of_order_is_remembered_until_its_connection_ends(tmp_path: Path) -> None:
    signs = Signs(tmp_path)

    for now, strays in ((100.0, 1), (120.0, 50), (125.0, 50)):
        signs.take_flows({"peer": Flow(acked=0, received=0, heard_ago_s=90.0, strays=strays)}, now)
    ago_s = signs.flows["peer"].heard_ago_s
    signs.take_flows({}, 130.0)

    assert ago_s == 5.0
    assert signs.strayed_at == {}


def test_an_answer_is_remembered_for_its_connection(tmp_path: Path) -> None:
    signs = Signs(tmp_path)
    answer = Answer(expected=False, text=b"x")

    signs.remember_answer(FORWARD, answer, Held(owner=Owner.OURS, session=SESSION), 100.0)
    signs.remember_answer(FORWARD, answer, Held(owner=Owner.OURS), 100.0)

    assert signs.answered == {PORT: (SESSION, 100.0)}
