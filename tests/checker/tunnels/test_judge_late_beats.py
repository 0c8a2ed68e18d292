"""What an overdue beat changes in the judgement of a silent probe."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import Flow, Silent, Status
from checker.tunnels.judge import Action, Kill, Recheck
from checker.tunnels.observation import Observation
from tests.checker.tunnels.judged import judged, seen, tunnel
from tests.strategies import SESSION

LATE_BEAT = replace(
    seen(Silent()),
    hurried=True,
    silent_s=8.0,
    silence_s=8.0,
    flow=Flow(acked=0, received=0, heard_ago_s=21.0),
)


@pytest.mark.parametrize(
    ("observation", "action"),
    [
        pytest.param(
            LATE_BEAT,
            Kill(SESSION, "hung: nothing came in 8 s, 2 probes in a row, and its beat is overdue"),
            id="eight seconds",
        ),
        pytest.param(
            replace(LATE_BEAT, silent_s=7.9, silence_s=1.0), Recheck(3.0), id="less than eight"
        ),
        pytest.param(replace(LATE_BEAT, flow=None), Recheck(3.0), id="the kernel does not tell"),
        pytest.param(replace(LATE_BEAT, silence_s=16.0), Recheck(3.0), id="a worse round trip"),
        pytest.param(
            replace(LATE_BEAT, silent_s=5.0, pause_s=0.5), Recheck(0.5), id="the next probe is due"
        ),
    ],
)
def test_an_overdue_beat_shortens_the_silence_but_not_below_eight_seconds(
    observation: Observation, action: Action
) -> None:
    assert judged(observation, tunnel(strikes=1)).action == action


def test_a_target_that_got_less_time_than_it_may_take_is_probed_again_before_it_is_hung() -> None:
    before = tunnel()

    judgement = judged(replace(LATE_BEAT, life="its beats arrive"), before)

    assert judgement.tunnel.status is Status.UP
    assert judgement.tunnel.strikes == 0
    assert judgement.action == Recheck(3.0)
