"""What a judgement makes of the row, the strikes and the losses that were there before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import (
    Answer,
    Flaps,
    NoListener,
    Port,
    ProbeReply,
    Silent,
    Status,
    StayedOpen,
    Tunnel,
)
from checker.model.tunnel import lost_at
from checker.tunnels.judge import (
    Kill,
    LookAgain,
    Nothing,
    Recheck,
    judge,
)
from checker.tunnels.losses import lost
from checker.tunnels.port_owner import Owner
from tests.checker.tunnels.judged import BAD, GOOD, OTHER, POLICY, judged, seen, tunnel
from tests.checker.tunnels.test_judge import SILENT
from tests.strategies import (
    NOW,
    OFFICE,
    PORT,
    SESSION,
)


def test_an_answer_between_two_silences_clears_the_strike() -> None:
    once = judged(seen(Silent())).tunnel

    answered = judged(seen(GOOD), once).tunnel
    again = judged(seen(Silent()), answered)

    assert (once.strikes, answered.strikes, again.tunnel.strikes) == (1, 0, 1)
    assert isinstance(again.action, Recheck)


def test_another_connection_is_not_killed_for_the_silence_of_the_one_before() -> None:
    struck = judged(seen(Silent(), session=OTHER), tunnel(session=OTHER)).tunnel

    judgement = judged(seen(Silent(), session=SESSION), struck)

    assert judgement.tunnel.strikes == 1
    assert isinstance(judgement.action, Recheck)


def test_the_row_of_an_up_tunnel() -> None:
    after = judged(
        replace(seen(GOOD), beaten_at=NOW - 3),
        replace(tunnel(Status.HUNG), failures=4, checked_at=NOW - 9),
    ).tunnel

    assert (after.since, after.probed_at, after.checked_at, after.failures, after.latency_ms) == (
        NOW,
        NOW,
        NOW - 3,
        0,
        12.5,
    )


def test_a_row_whose_probe_waits_behind_bulk_stays_as_it_is_and_is_not_stale() -> None:
    before = replace(tunnel(Status.UP, strikes=1), latency_ms=40.0, verdict=0)

    after = judged(replace(seen(Silent()), behind="the probe waits behind 9 kB"), before).tunnel

    assert after == replace(before, detail="the probe waits behind 9 kB", probed_at=NOW, strikes=0)


def test_a_device_that_fell_silent_again_during_a_probe_is_probed_soon() -> None:
    lives = seen(Silent(), life="its device still sends")

    assert judged(lives, tunnel(Status.HUNG)).action == Nothing()
    assert judged(replace(lives, quiet=True), tunnel(Status.HUNG)).action == LookAgain(3.0)


def test_a_status_that_stays_keeps_since() -> None:
    assert judged(seen(GOOD), tunnel(Status.UP)).tunnel.since == NOW - 100


def test_the_peer_is_kept_only_for_the_same_connection() -> None:
    assert judged(seen(GOOD)).tunnel.peer == "192.0.2.1 5"
    assert judged(seen(GOOD, session=OTHER)).tunnel.peer is None


def test_one_lost_connection_counts_once_over_all_its_forwards() -> None:
    history = Flaps()

    for port in (20010, 20011, 20012):
        before = replace(tunnel(), port=Port(port))
        history = judge(seen(NoListener(), Owner.NOBODY, None), before, history, POLICY, NOW).flaps

    assert history == Flaps(count=1, last_at=NOW, session=SESSION)


def test_a_kill_counts_the_connection_that_is_killed() -> None:
    judgement = judged(
        seen(Silent(), session=SESSION), tunnel(Status.HUNG, strikes=1, session=None)
    )

    assert judgement.action == Kill(SESSION, SILENT)
    assert judgement.flaps.session == SESSION
    assert lost(judgement.flaps, SESSION, POLICY, NOW + 1) == judgement.flaps


def test_a_tunnel_that_was_not_there_is_not_lost() -> None:
    assert judged(seen(NoListener(), Owner.NOBODY, None), tunnel(Status.DOWN)).flaps == Flaps()


def test_a_row_knows_since_when_nobody_holds_the_port() -> None:
    nobody = seen(NoListener(), Owner.NOBODY, None)
    foreign = seen(GOOD, Owner.FOREIGN, None)
    lost_just_now = judged(nobody, tunnel(Status.UP)).tunnel
    never = judged(nobody, Tunnel(node=OFFICE, port=PORT)).tunnel

    assert (lost_at(lost_just_now), lost_at(never)) == (NOW, 0.0)
    for before, at in (
        (lost_just_now, NOW),
        (never, 0.0),
        (tunnel(Status.DOWN, session=None), NOW - 100),
    ):
        other = judged(foreign, before, now=NOW + 50).tunnel
        again = judged(nobody, other, now=NOW + 60).tunnel
        assert again.since == NOW + 60
        assert lost_at(again) == at
        assert judged(seen(GOOD), again).tunnel.held_until is None


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        pytest.param(GOOD, "SSH-2.0-dropbear\\x0d\\x0a", id="up"),
        pytest.param(BAD, "220 mail\\x0d\\x0a", id="wrong"),
        pytest.param(Answer(expected=False, text=b"a" * 300), "a" * 256, id="long"),
        pytest.param(Answer(expected=False, text=b"\x1b" * 256), "\\x1b" * 64, id="escaped"),
        pytest.param(Silent(), "", id="silent"),
        pytest.param(StayedOpen(), "", id="open"),
    ],
)
def test_the_first_answer_is_kept_in_a_form_that_can_be_shown(
    reply: ProbeReply, answer: str
) -> None:
    found = judged(seen(reply), replace(tunnel(), answer="of the probe before"))

    assert found.tunnel.answer == answer


def test_the_bytes_of_a_connection_do_not_count_for_the_next_one() -> None:
    before = replace(tunnel(), session=SESSION, bytes_total=1000)

    assert judged(seen(GOOD), before).tunnel.bytes_total == 1000
    assert judged(seen(GOOD, session=OTHER), before).tunnel.bytes_total is None


def test_a_port_that_only_stays_open_has_no_latency() -> None:
    assert (
        judge(
            seen(StayedOpen()), Tunnel(node=OFFICE, port=PORT), Flaps(), POLICY, NOW
        ).tunnel.latency_ms
        is None
    )
