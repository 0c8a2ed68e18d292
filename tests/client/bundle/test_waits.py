"""Bundles wait as the Python client does after the same failures."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from client.bundle.compose import shipped
from client.config import Address
from client.pace import Pace
from client.route import Route
from client.words import Failure
from tests.programs import require

SHELLS = (["dash"], ["busybox", "ash"], ["bash", "--posix"], ["mksh"])
SCRIPT = f"""{shipped("signs")}
{shipped("route")}
draw() {{ drawn=$1; }}
pause() {{ paused=$1; }}
now() {{ now_s=0; }}
log_error() {{ :; }}
set_pace() {{ :; }}
GATEWAYS=one:22 RETRY=15 AUTH_WAIT=300 SETUP=3 BEAT=10
gateway=$GATEWAYS barred='' trusting='' busy=0 eager='' bound=1 pace=1 up_at=0 begun_s=0
for outcome; do
    case $outcome in
    accepted) speed_up && continue ;;
    slow) slow_down && outcome=failed ;;
    esac
    barred=
    go_on
    back_off
    entry_of "$barred" "$gateway"
    [ "$entry" -le "$paused" ] || paused=$entry
    printf '%s\n' "$paused"
done
"""
"""Prints the longest wait after each outcome, given as arguments; after a login, nothing."""
FAILURES = {
    "failed": Failure.UNREACHABLE,
    "refused": Failure.REFUSED,
    "silent": Failure.SILENT,
    "busy": Failure.BUSY,
    "slow": Failure.SLOW,
    "denied": Failure.DENIED,
    "impostor": Failure.IMPOSTOR,
}
OUTCOMES = (*FAILURES, "accepted")
WARM = ("failed",) * 8
"""Enough failures for the last bound: a bundle begins with 1 s, the Python client with 0.5."""


def of_a_bundle(shell: Sequence[str], outcomes: Sequence[str]) -> list[float]:
    argv = [*shell, "-c", SCRIPT, "sh", *outcomes]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def of_the_client(outcomes: Sequence[str]) -> list[float]:
    route = Route((Address(host="one", port=22),), (Pace(10.0, 8.0),), lambda _, high: high)
    waits = []
    for outcome in outcomes:
        if outcome == "accepted":
            route.logged_in(1.0)
        else:
            waits.append(route.fail(FAILURES[outcome], 0.0))
    return waits


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_both_leave_a_busy_gateway_alone_for_equally_long(shell: list[str]) -> None:
    require(shell[0])
    outcomes = (*WARM, *["busy"] * 60, "slow", *["busy"] * 4)

    found = of_a_bundle(shell, outcomes)[len(WARM) :]

    assert found == of_the_client(outcomes)[len(WARM) :]
    assert found[:5] == [12, 12, 12, 13, 14]
    assert found[59:] == [60, 15, 12, 12, 12, 13]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_both_soon_try_a_key_again_that_was_accepted_before(shell: list[str]) -> None:
    require(shell[0])
    three = ["denied"] * 3
    outcomes = ["denied", "accepted", *three, "denied", "accepted", "denied", "failed", *three]

    found = of_a_bundle(shell, (*WARM, *outcomes))[len(WARM) :]

    assert found == of_the_client((*WARM, *outcomes))[len(WARM) :]
    assert found == pytest.approx([330, 15, 60, 330, 330, 15, 15, 60, 330, 330])


@given(outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=80))
@hypothesis_settings(max_examples=30)
def test_both_wait_equally_long_after_any_failures(outcomes: list[str]) -> None:
    require("dash")
    all_ = (*WARM, *outcomes)

    assert of_a_bundle(["dash"], all_)[len(WARM) :] == pytest.approx(
        of_the_client(all_)[len(WARM) :]
    )
