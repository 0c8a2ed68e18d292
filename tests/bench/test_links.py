"""The benchmark of links: its verdicts from what it saw."""

from __future__ import annotations

import pytest

from bench.links.hangs import Hang, since
from bench.links.network import Shape
from bench.links.transfer import Transfer
from bench.links.watch import Seen


def transfer(last_s: float) -> Transfer:
    return Transfer(size=10, up=True, last_s=last_s)


@pytest.mark.parametrize(
    ("moment_s", "moved", "seconds"),
    [
        pytest.param(130.0, None, 30.0, id="without a transfer, from the hang on"),
        pytest.param(130.0, transfer(90.0), 30.0, id="the last byte came before the hang"),
        pytest.param(130.0, transfer(110.0), 20.0, id="bytes moved on after the hang"),
        pytest.param(130.0, transfer(140.0), 30.0, id="a byte after that moment does not count"),
    ],
)
def test_a_hang_is_timed_from_the_last_byte(
    moment_s: float, moved: Transfer | None, seconds: float
) -> None:
    assert since(moment_s, 100.0, moved) == seconds


def test_a_hang_that_nobody_noticed_shows_how_long_we_waited() -> None:
    assert Hang(limit_s=75).words(client=True) == "port free > 75 s, client > 75 s"
    assert (
        Hang(limit_s=75, free_s=21.4, noticed_s=3).words(client=True)
        == "port free 21 s, client 3 s"
    )
    assert (
        Hang(limit_s=75, free_s=70, moved_on_s=40).words(client=False)
        == "port free 70 s (bytes moved for 40 s)"
    )
    assert (
        Hang(limit_s=75, free_s=1, noticed_s=70, client_moved_on_s=40).words(client=True)
        == "port free 1 s, client 70 s (bytes moved for 40 s)"
    )
    assert Hang(limit_s=75, lost_before=True).words(client=True) == "tunnel lost before"


def test_bytes_still_in_a_cut_link_do_not_count_against_the_client() -> None:
    assert Hang(limit_s=75, noticed_s=70, client_moved_on_s=40).is_noticed_within(60)
    assert not Hang(limit_s=75, noticed_s=70).is_noticed_within(60)
    assert not Hang(limit_s=75).is_noticed_within(60)


def test_bytes_that_a_stopped_devices_kernel_moves_do_not_count_against_the_gateway() -> None:
    assert Hang(limit_s=75, free_s=70, moved_on_s=40).is_freed_within(60)
    assert not Hang(limit_s=75, free_s=70, moved_on_s=5).is_freed_within(60)
    assert not Hang(limit_s=75).is_freed_within(60)
    assert not Hang(limit_s=75, lost_before=True).is_freed_within(60)


@pytest.mark.parametrize(
    ("seen", "causes"),
    [
        pytest.param(Seen(went_s=[50.0], killed_s=[49.0]), ("daemon",), id="the daemon killed it"),
        pytest.param(
            Seen(went_s=[50.0], log_lines=[(30.0, "the connection hangs: no answer to a beat")]),
            ("client",),
            id="the client gave up",
        ),
        pytest.param(
            Seen(went_s=[50.0], log_lines=[(49.0, "up, at gateway")]), ("?",), id="nobody says why"
        ),
        pytest.param(Seen(went_s=[5.0], killed_s=[5.0]), (), id="before that time"),
    ],
)
def test_a_lost_tunnel_is_attributed_to_who_ended_it(seen: Seen, causes: tuple[str, ...]) -> None:
    assert seen.losses(10.0, 60.0) == causes


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (Shape(kbit=64, queue_kb=32), "64 kbit/s, queue 32 kB"),
        (Shape(kbit=10_000, queue_kb=1000), "10 Mbit/s, queue 1 MB"),
    ],
)
def test_a_link_is_named_by_its_rate_and_queue(shape: Shape, words: str) -> None:
    assert str(shape) == words
