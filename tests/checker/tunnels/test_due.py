"""When a forward is probed again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from checker.model import Policy, Status, parse_expect
from checker.tunnels.due import due_s, interval_s, next_probe_s, rest_s
from checker.tunnels.judge import Action, CannotKill, Kill, LookAgain, Nothing, Recheck
from tests.checker.tunnels.gateways import QUICK, held
from tests.strategies import SESSION

POLICY = Policy()


@pytest.mark.parametrize(
    ("action", "after_s"),
    [
        pytest.param(Nothing(), POLICY.probe_every_s, id="nothing"),
        pytest.param(Recheck(1.0), POLICY.probe_every_s, id="recheck"),
        pytest.param(Kill(session=SESSION, why="hung"), POLICY.probe_every_s, id="kill"),
        pytest.param(LookAgain(2.0), 2.0, id="look again"),
        pytest.param(CannotKill(), POLICY.unkillable_every_s, id="cannot kill"),
    ],
)
def test_each_action_says_when_the_forward_is_probed_again(action: Action, after_s: float) -> None:
    assert next_probe_s(action, POLICY, POLICY.probe_every_s) == after_s


@pytest.mark.parametrize(
    ("action", "deadline_s", "found"),
    [
        pytest.param(Nothing(), 5.0, None, id="as usual"),
        pytest.param(Recheck(3.0), 5.0, None, id="a strike soon"),
        pytest.param(Recheck(60.0), 5.0, 65.0, id="a strike after a long gap"),
        pytest.param(LookAgain(60.0), 5.0, 65.0, id="another look after a long gap"),
        pytest.param(CannotKill(), 5.0, 155.0, id="a port that cannot be freed"),
        pytest.param(Nothing(), 25.0, 45.0, id="a probe that takes longer than the interval"),
    ],
)
def test_a_forward_that_is_probed_more_seldom_than_all_others_says_so(
    action: Action, deadline_s: float, found: float | None
) -> None:
    assert due_s(action, deadline_s, POLICY, POLICY.probe_every_s) == found


async def test_the_row_of_a_port_that_is_probed_seldom_says_so(tmp_path: Path) -> None:
    with held(tmp_path, policy=replace(QUICK, strike_gap_s=60.0)) as one:
        forward = replace(one.node.forwards[0], expect=parse_expect("banner:SSH-2.0"))
        judgement = await one.gateway.watcher.probe_once(forward)

    assert judgement.tunnel.status is Status.HUNG
    assert judgement.tunnel.due_s == 60.0 + QUICK.deadline_s


@pytest.mark.parametrize(
    ("own_s", "beats", "every_s"),
    [
        pytest.param(None, False, 20.0, id="no beats"),
        pytest.param(None, True, 60.0, id="beats"),
        pytest.param(300.0, True, 300.0, id="beats, and its node has a number of its own"),
        pytest.param(300.0, False, 20.0, id="no beats, whatever its node says"),
    ],
)
def test_a_tunnel_that_beats_is_probed_less_often(
    own_s: float | None, beats: bool, every_s: float
) -> None:
    assert interval_s(POLICY, own_s, beats=beats) == every_s


def test_the_row_of_a_tunnel_that_beats_is_due_by_its_own_schedule() -> None:
    assert due_s(Nothing(), 5.0, POLICY, 60.0) == 65.0


@pytest.mark.parametrize(
    ("resting", "every_s"),
    [
        pytest.param(0, 20.0, id="none"),
        pytest.param(2500, 20.0, id="as many as fit into the sweep's interval"),
        pytest.param(2501, 40.0, id="one more"),
        pytest.param(30_000, 240.0, id="a large gateway"),
    ],
)
def test_the_more_forwards_nobody_listens_for_the_less_often_each_is_judged(
    resting: int, every_s: float
) -> None:
    assert rest_s(POLICY, resting) == every_s


def test_a_slow_sweep_is_not_slowed_down() -> None:
    assert rest_s(replace(POLICY, probe_every_s=3600.0), 30_000) == 3600.0


def test_a_few_that_come_and_go_change_nothing() -> None:
    assert rest_s(POLICY, 12_490, 120.0) == 120.0
    assert rest_s(POLICY, 12_510, 100.0) == 120.0
    assert rest_s(POLICY, 10_000, 120.0) == 100.0
