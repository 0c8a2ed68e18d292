"""What moves on a connection: which silent probes are excused, and which silence counts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from checker.model import Flow
from checker.tunnels.flow import Silence, behind, heard, strayed


def flow(
    acked: int = 0, queued: int = 0, received: int = 0, *, delivered: int = 0, strays: int = 0
) -> Flow:
    return Flow(
        acked=acked,
        received=received,
        heard_ago_s=9.0,
        queued=queued,
        delivered=delivered,
        strays=strays,
    )


@pytest.mark.parametrize(
    ("earlier", "later", "excused"),
    [
        pytest.param(flow(), flow(), "", id="nothing moves"),
        pytest.param(
            flow(1000, 480_000),
            flow(60_000, 480_000),
            "the probe waits behind 480 kB on their way to the device",
            id="a queue that the device takes",
        ),
        pytest.param(
            flow(1000, 480_000),
            flow(1000, 480_000),
            "",
            id="a queue that nobody takes: frozen, or a black hole",
        ),
        pytest.param(
            flow(1000, 100), flow(1100, 0), "", id="a frozen device's kernel takes the probe itself"
        ),
        pytest.param(
            flow(1000, 300), flow(1900, 800), "", id="a frozen device's kernel takes many visitors"
        ),
        pytest.param(
            flow(0, 10_000),
            flow(9_000_000, 50_000),
            "",
            id="so much went by that the probe was delivered",
        ),
        pytest.param(
            flow(received=0),
            flow(received=90_000),
            "the answer waits behind what the device sends, 90 kB so far",
            id="an upload",
        ),
        pytest.param(flow(received=0), flow(received=80), "", id="a keepalive"),
        pytest.param(
            flow(received=0),
            flow(received=9_000_000),
            "",
            id="so much came that the answer was in it",
        ),
        pytest.param(
            flow(1000, 480_000, delivered=20),
            flow(1000, 480_000, delivered=60),
            "the probe waits behind 480 kB on their way to the device",
            id="a download that waits for a lost segment",
        ),
        pytest.param(
            flow(),
            flow(strays=40),
            "the answer waits behind data that the device sends again, as the link lost some",
            id="an upload that waits for a lost segment",
        ),
        pytest.param(flow(), flow(strays=3), "", id="a beat or two out of order"),
    ],
)
def test_a_probe_that_waits_behind_bytes_that_move_is_excused(
    earlier: Flow, later: Flow, excused: str
) -> None:
    assert behind(earlier, later) == excused


def test_an_upload_does_not_hide_a_silent_target_for_ever() -> None:
    assert behind(flow(), flow(received=90_000), kept_s=301) == ""
    assert behind(flow(), flow(strays=40), kept_s=301) == ""
    assert behind(flow(1000, 480_000), flow(60_000, 480_000), kept_s=3000)


def test_a_download_hides_a_frozen_device_for_ten_minutes_at_most() -> None:
    """At 64 kbit/s its kernel takes 80 kB in ten seconds, until its buffer of 6 MB is full."""
    frozen = [
        replace(flow(80_000 * second // 10, 480_000), heard_ago_s=second)
        for second in range(0, 6_000_000 // 8000, 10)
    ]

    excused = [later.heard_ago_s for earlier, later in pairwise(frozen) if behind(earlier, later)]

    assert excused == [*range(10, 600, 10)]


def test_a_download_excuses_an_answering_device_until_it_ends() -> None:
    """It is heard each time that a lost segment arrives at last."""
    lives = [
        replace(flow(80_000 * second // 10, 480_000), heard_ago_s=second % 250)
        for second in range(0, 36_000, 10)
    ]

    assert all(
        behind(earlier, later, kept_s=later.acked / 8000) for earlier, later in pairwise(lives)
    )


def test_data_out_of_order_counts_as_heard() -> None:
    before = {"lossy": flow(strays=1), "idle": flow(strays=1)}
    after = {"lossy": flow(strays=9), "idle": flow(strays=1), "new": flow(strays=5)}

    strays = strayed(before, after)
    found = heard(after, dict.fromkeys(strays, 100.0), 102.0)

    assert strays == {"lossy"}
    assert {peer: seen.heard_ago_s for peer, seen in found.items()} == {
        "lossy": 2.0,
        "idle": 9.0,
        "new": 9.0,
    }


@pytest.mark.parametrize(
    ("heard_ago_s", "since_s", "broken", "anew", "slow"),
    [
        pytest.param(14.0, 13.0, False, False, False, id="nothing since the first strike"),
        pytest.param(
            4.9,
            5.0,
            True,
            False,
            False,
            id="the channel was confirmed at once: the target is silent",
        ),
        pytest.param(1.0, 5.0, True, False, True, id="confirmed late"),
        pytest.param(
            4.5, 13.0, True, False, True, id="the answer to the probe before came during this one"
        ),
        pytest.param(
            6.0, 13.0, True, True, True, id="came between the probes, and nothing during this one"
        ),
    ],
)
def test_what_breaks_a_silence(
    heard_ago_s: float, since_s: float, broken: bool, anew: bool, slow: bool
) -> None:
    silence = Silence(heard_ago_s=heard_ago_s, since_s=since_s, probe_s=5.0)

    assert (silence.broken, silence.began_anew(5.0), silence.is_slow(5.0)) == (broken, anew, slow)
