"""Signs of life: only what came through this very connection, and only since the silence began."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.holdings import Held
from checker.judge import Owner
from checker.model import Answer, Port, ProcessId
from checker.signs import Signs
from tests.strategies import FORWARD, PORT, SESSION

SIBLING = Port(PORT + 1)


@pytest.mark.parametrize(
    ("beaten_at", "answered", "life"),
    [
        pytest.param(None, {}, "", id="nothing"),
        pytest.param(99.0, {}, "", id="a beat before"),
        pytest.param(101.0, {}, "its beats arrive", id="a beat since"),
        pytest.param(None, {SIBLING: (SESSION, 101.0)}, f"port {SIBLING} of the same connection answers", id="a sibling since"),
        pytest.param(None, {SIBLING: (SESSION, 99.0)}, "", id="a sibling before"),
        pytest.param(None, {SIBLING: (ProcessId(pid=7, start_ticks=8), 101.0)}, "", id="another connection"),
        pytest.param(None, {PORT: (SESSION, 101.0)}, "", id="the port itself"),
    ],
)
def test_only_what_came_through_this_connection_since_the_first_strike_is_a_sign_of_life(
    tmp_path: Path, beaten_at: float | None, answered: dict[Port, tuple[ProcessId, float]], life: str
) -> None:
    signs = Signs(tmp_path)
    signs.answered = answered

    assert signs.of_life(FORWARD, SESSION, beaten_at, since=100.0) == life


def test_an_answer_is_remembered_for_the_connection_that_it_came_through(tmp_path: Path) -> None:
    signs = Signs(tmp_path)
    answer = Answer(expected=False, text=b"x")

    signs.remember_answer(FORWARD, answer, Held(owner=Owner.OURS, session=SESSION), 100.0)
    signs.remember_answer(FORWARD, answer, Held(owner=Owner.OURS), 100.0)

    assert signs.answered == {PORT: (SESSION, 100.0)}
