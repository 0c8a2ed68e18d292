"""What an observation means: a silence with what the kernel knows of it, and what is a strike.

(Statuses are tested with the judge.)
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import ProbeReply, Silent
from checker.tunnels.flow import SENDS, Silence
from checker.tunnels.observation import Observation, is_strike, with_silence
from checker.tunnels.port_owner import Owner
from tests.checker.tunnels.judged import BAD, GOOD, HALF, seen

DEADLINE_S = 5.0


@pytest.mark.parametrize(
    ("silence", "expected"),
    [
        pytest.param(
            Silence(heard_ago_s=20.0, since_s=13.0, probe_s=5.0), {}, id="nothing was sent"
        ),
        pytest.param(
            Silence(heard_ago_s=1.0, since_s=5.0, probe_s=5.0),
            {"life": SENDS, "came_late": True},
            id="a late answer",
        ),
        pytest.param(
            Silence(heard_ago_s=6.0, since_s=13.0, probe_s=8.0),
            {"life": SENDS, "quiet": True, "came_late": True},
            id="silent again for a whole deadline",
        ),
        pytest.param(
            Silence(heard_ago_s=6.0, since_s=13.0, probe_s=5.0),
            {"silent_s": 5.0, "began_anew": True},
            id="nothing during this probe",
        ),
    ],
)
def test_what_the_kernel_heard_makes_a_silence_a_sign_of_life_or_starts_it_over(
    silence: Silence, expected: dict[str, object]
) -> None:
    before = seen(Silent())

    assert with_silence(before, silence, DEADLINE_S) == replace(before, **expected)  # type: ignore[arg-type]


def test_a_sign_of_life_needs_no_kernel() -> None:
    lives = seen(Silent(), life="its beats arrive")

    assert with_silence(lives, Silence(heard_ago_s=1.0, since_s=5.0, probe_s=5.0), 5.0) == lives


@pytest.mark.parametrize(
    ("observation", "strike"),
    [
        pytest.param(seen(Silent()), True, id="silent"),
        pytest.param(seen(Silent(), life="its beats arrive"), False, id="silent, but it lives"),
        pytest.param(seen(Silent(), owner=Owner.FOREIGN), False, id="another's port"),
        pytest.param(seen(Silent(), owner=Owner.NOBODY), False, id="nobody's port"),
        pytest.param(seen(GOOD), False, id="up"),
        pytest.param(seen(BAD), False, id="wrong"),
        pytest.param(seen(HALF), False, id="slow"),
        pytest.param(replace(seen(BAD), shared=True), True, id="wrong, by the shared key"),
        pytest.param(replace(seen(HALF), shared=True), True, id="slow, by the shared key"),
        pytest.param(
            replace(seen(GOOD), shared=True, other_key="another"), False, id="another host key"
        ),
    ],
)
def test_which_observations_are_strikes(observation: Observation, strike: bool) -> None:
    assert is_strike(observation) is strike


@pytest.mark.parametrize("reply", [GOOD, BAD, Silent()])
def test_an_answer_of_another_s_port_is_never_a_strike(reply: ProbeReply) -> None:
    foreign = replace(seen(reply, owner=Owner.FOREIGN), shared=True)

    assert not is_strike(foreign)
