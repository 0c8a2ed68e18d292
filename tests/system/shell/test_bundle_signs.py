"""A bundle's signs of life, beat by beat, under every shell. No network."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import astuple, dataclass

import pytest

from client.bundle.compose import shipped
from tests.bundles import SHELLS
from tests.programs import require

pytestmark = pytest.mark.shell
EACH = pytest.mark.parametrize("shell", SHELLS)
BEAT, QUIET, MISSES = 10, 40, 3
BEATS = 60
"""The beats of ten minutes."""
HARNESS = f"""
BEAT={BEAT} QUIET={QUIET} MISSES={MISSES} patience={MISSES} silent=0 bulky=yes
queue=0 resent=0 window=10 fresh='' taken=5000 enough=1000 few=20 fd=3
read_socket() {{
    read -r queue resent window fresh taken next || exit 0
    [ "$fresh" != - ] || fresh=
}}
count_strays() {{ strays=$next; }}
forget_strays
while :; do
    printf 'beat\\n'
    ! is_silent || break
done
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the kernel reports at one beat."""

    queue: int
    """Bytes that the gateway has not acknowledged."""
    resent: int = 0
    window: int = 10
    fresh: str = "-"
    """Whether the retransmission timer was restarted in the last five seconds: `yes` or `-`."""
    taken: int = 5000
    """Bytes that the client has read."""
    strays: int = 0
    """Segments that came out of order, on any connection of the device."""


def dead_after_s(shell: str, beats: Iterable[Seen]) -> int | None:
    """Return the seconds after which the connection counts as dead; None: it does not."""
    require(SHELLS[shell][0])
    lines = [" ".join(map(str, astuple(seen))) + "\n" for seen in beats]
    said = subprocess.run(
        [*SHELLS[shell], "-c", f"set -u\n{shipped('signs')}\n{HARNESS}"],
        input="".join(lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    count = said.stdout.count("beat")
    return None if count > len(lines) else count * BEAT


@EACH
def test_a_download_that_waits_for_a_lost_segment_lives(shell: str) -> None:
    """The segment comes after four minutes; the acknowledgements change every half minute."""
    hole = [Seen(queue=900 - 36 * (n // 4) + 12 * (n % 4), strays=50 * n) for n in range(24)]
    over = [Seen(queue=300, taken=900_000, strays=1200)]

    assert dead_after_s(shell, [*hole, *over]) is None


@EACH
def test_a_link_that_dies_during_a_download_is_noticed(shell: str) -> None:
    assert dead_after_s(shell, [Seen(queue=300 + 36 * n) for n in range(BEATS)]) == QUIET


@EACH
def test_a_link_that_dies_while_a_segment_is_missing_is_noticed(shell: str) -> None:
    hole = [Seen(queue=900 - 36 * n, strays=50 * n) for n in range(10)]
    dead = [Seen(queue=600 + 36 * n, strays=450) for n in range(BEATS)]

    assert dead_after_s(shell, [*hole, *dead]) == 100 + QUIET


@EACH
def test_losses_of_another_connection_do_not_hide_a_dead_link_for_long(shell: str) -> None:
    dead = [Seen(queue=300 + 36 * n, strays=500 * n) for n in range(BEATS)]

    assert dead_after_s(shell, dead) == 90 + QUIET


@EACH
def test_losses_of_another_connection_do_not_hide_a_frozen_gateway_for_ever(shell: str) -> None:
    """The frozen gateway's kernel acknowledges each beat."""
    frozen = [Seen(queue=0, strays=500 * n) for n in range(BEATS)]

    assert dead_after_s(shell, frozen) == 10 + 300 + QUIET


@EACH
def test_losses_count_only_during_a_download(shell: str) -> None:
    full = [Seen(queue=900_000, strays=500 * n) for n in range(BEATS)]

    assert dead_after_s(shell, full) == QUIET


@EACH
def test_an_upload_that_waits_for_a_lost_segment_lives(shell: str) -> None:
    """Nothing of the queue is acknowledged, but each acknowledgement restarts the timer."""
    hole = [Seen(queue=900_000 + 36 * n, fresh="yes") for n in range(BEATS)]

    assert dead_after_s(shell, hole) is None


@EACH
def test_an_upload_that_waits_after_a_timeout_lives(shell: str) -> None:
    hole = [Seen(queue=900_000, resent=1, window=1, fresh="yes") for _ in range(BEATS)]

    assert dead_after_s(shell, hole) is None


@EACH
@pytest.mark.parametrize("timer_s", [120, 15, 1])
def test_a_link_that_dies_during_an_upload_is_noticed(shell: str, timer_s: int) -> None:
    """The kernel retransmits after the timer, then after twice as long; nobody answers."""
    dead, resent, began_s, lasts_s = [], 0, 0, timer_s
    for now_s in range(BEAT, BEAT * BEATS, BEAT):
        while now_s >= began_s + lasts_s:
            resent, began_s, lasts_s = resent + 1, began_s + lasts_s, min(2 * lasts_s, 120)
        dead.append(
            Seen(queue=900_000, resent=resent, fresh="yes" if now_s - began_s <= 5 else "-")
        )

    assert dead_after_s(shell, dead) == QUIET


@EACH
def test_a_tail_loss_probe_is_not_a_sign_of_life(shell: str) -> None:
    """The probe restarts the timer once, although nobody answered."""
    dead = [Seen(queue=900_000, fresh="yes" if n == 2 else "-") for n in range(BEATS)]

    assert dead_after_s(shell, dead) == QUIET


@EACH
def test_a_gateway_that_freezes_during_an_upload_is_noticed(shell: str) -> None:
    """Its kernel accepts what fits; then it only reports a full window, and another timer runs."""
    takes = [Seen(queue=900_000 - 80_000 * n, fresh="yes") for n in range(5)]
    full = [Seen(queue=580_000) for _ in range(BEATS)]

    assert dead_after_s(shell, [*takes, *full]) == 50 + QUIET
