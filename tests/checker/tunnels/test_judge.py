"""The judge: DESIGN.md's table of statuses, and what never happens whatever was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import (
    Answer,
    Closed,
    Flaps,
    Hour,
    Listener,
    NoListener,
    Policy,
    Port,
    ProbeFailed,
    ProcessId,
    Reply,
    Silent,
    Status,
    StayedOpen,
    Tunnel,
    Watched,
)
from checker.tunnels.judge import (
    Action,
    CannotKill,
    Judgement,
    Kill,
    LookAgain,
    Nothing,
    Observation,
    Owner,
    Recheck,
    by_hour,
    judge,
    lost,
    owner_of,
    reached,
    settled,
    status_of,
    wait_for,
    watched,
)
from tests.strategies import (
    FORWARD,
    NOW,
    OFFICE,
    PORT,
    SESSION,
    flaps,
    instants,
    maybe_sessions,
    tunnels,
)

POLICY = Policy()
OTHER = ProcessId(pid=5555, start_ticks=1)
GOOD, BAD = (
    Answer(expected=True, text=b"SSH-2.0-dropbear\r\n"),
    Answer(expected=False, text=b"220 mail\r\n"),
)
HALF = Answer(expected=False, text=b"SSH", begun=True)
replies = st.one_of(
    st.builds(NoListener),
    st.builds(Closed),
    st.builds(Silent),
    st.builds(Answer, expected=st.booleans(), text=st.binary(max_size=30)),
    st.builds(StayedOpen),
    st.builds(ProbeFailed, reason=st.text(max_size=20)),
)
observations = st.builds(
    Observation,
    reply=replies,
    owner=st.sampled_from(Owner),
    session=maybe_sessions,
    stranger=st.text(max_size=20),
    latency_ms=st.none() | st.floats(0, 1e5),
    late_s=st.floats(0, 30),
    life=st.just("") | st.just("its beats arrive"),
    expect=st.just(FORWARD.expect),
    deadline_s=st.floats(0.5, 60),
    beaten_at=st.none() | instants,
    behind=st.just("") | st.just("the probe waits"),
    silent_s=st.floats(0, 100),
    silence_s=st.floats(0, 100),
    began_anew=st.booleans(),
    quiet=st.booleans(),
)
policies = st.builds(
    Policy,
    strikes=st.integers(1, 10),
    longest_wait_s=st.integers(1, 300),
    starved_s=st.floats(0.1, 5),
    quiet_s=st.floats(1, 86400),
)


def seen(
    reply: Reply,
    owner: Owner = Owner.OURS,
    session: ProcessId | None = SESSION,
    *,
    late_s: float = 0.0,
    life: str = "",
) -> Observation:
    return Observation(
        reply=reply,
        owner=owner,
        session=session,
        stranger="a process of uid 0" if owner is Owner.FOREIGN else "",
        latency_ms=12.5,
        late_s=late_s,
        life=life,
        expect=FORWARD.expect,
        deadline_s=5.0,
    )


def tunnel(
    status: Status = Status.UP, *, strikes: int = 0, session: ProcessId | None = SESSION
) -> Tunnel:
    return Tunnel(
        node=OFFICE,
        port=PORT,
        status=status,
        session=session,
        since=NOW - 100,
        probed_at=NOW - 20,
        strikes=strikes,
        peer="192.0.2.1 5",
    )


def judged(
    observation: Observation,
    before: Tunnel | None = None,
    history: Flaps | None = None,
    now: float = NOW,
) -> Judgement:
    return judge(observation, before or tunnel(), history or Flaps(), POLICY, now)


@pytest.mark.parametrize(
    ("observation", "strikes", "status", "action", "verdict", "detail"),
    [
        pytest.param(seen(GOOD), 0, Status.UP, Nothing(), 0, "", id="up"),
        pytest.param(seen(StayedOpen()), 0, Status.UP, Nothing(), 0, "", id="up: stayed open"),
        pytest.param(
            seen(Silent()),
            0,
            Status.HUNG,
            Recheck(3.0),
            0,
            "nothing came in 5 s (strike 1 of 2)",
            id="hung: first strike",
        ),
        pytest.param(
            seen(Silent()),
            1,
            Status.HUNG,
            Kill(SESSION),
            1,
            "nothing came in 5 s (strike 2 of 2)",
            id="hung: killed",
        ),
        pytest.param(
            seen(Silent(), session=None),
            1,
            Status.HUNG,
            CannotKill(),
            60,
            "nothing came in 5 s (strike 2 of 2)",
            id="hung: unknown holder",
        ),
        pytest.param(
            seen(Silent(), life="its beats arrive"),
            1,
            Status.HUNG,
            Nothing(),
            0,
            "the target is silent, the tunnel lives: its beats arrive",
            id="hung target, living tunnel",
        ),
        pytest.param(
            replace(seen(Silent()), deadline_s=16.0, silent_s=23.9, silence_s=24.0),
            1,
            Status.HUNG,
            Recheck(3.0),
            0,
            "nothing came in 16 s (strike 2 of 2)",
            id="hung: not silent for long enough",
        ),
        pytest.param(
            replace(seen(Silent()), silent_s=5.0, began_anew=True),
            1,
            Status.HUNG,
            Recheck(3.0),
            0,
            "nothing came in 5 s (strike 1 of 2)",
            id="hung: the silence began anew",
        ),
        pytest.param(
            replace(seen(Silent(), life="its device still sends"), quiet=True),
            1,
            Status.HUNG,
            Recheck(3.0),
            0,
            "the target is silent, the tunnel lives: its device still sends",
            id="hung target, seen for the first time",
        ),
        pytest.param(
            replace(seen(Silent()), behind="the probe waits behind 9 kB"),
            1,
            Status.UP,
            LookAgain(3.0),
            0,
            "the probe waits behind 9 kB",
            id="behind bulk",
        ),
        pytest.param(
            replace(seen(Silent(), session=OTHER), behind="the probe waits behind 9 kB"),
            1,
            Status.HUNG,
            Nothing(),
            0,
            "the target is silent, the tunnel lives: the probe waits behind 9 kB",
            id="behind bulk of a new connection",
        ),
        pytest.param(
            seen(HALF),
            1,
            Status.HUNG,
            Nothing(),
            0,
            "slow: of banner:SSH-2.0 only 'SSH' came",
            id="slow",
        ),
        pytest.param(
            replace(seen(HALF), shared=True),
            1,
            Status.HUNG,
            Kill(SESSION),
            1,
            "slow: of banner:SSH-2.0 only 'SSH' came (strike 2 of 2: the shared key may be an"
            " impostor's)",
            id="slow, on a port of the shared key",
        ),
        pytest.param(
            seen(NoListener(), Owner.NOBODY, None),
            0,
            Status.DOWN,
            Nothing(),
            1,
            "nobody listens",
            id="down",
        ),
        pytest.param(
            seen(Silent(), Owner.NOBODY, None),
            1,
            Status.DOWN,
            Nothing(),
            1,
            "nobody listens",
            id="down: gone during the probe",
        ),
        pytest.param(
            seen(Closed(), Owner.NOBODY, None),
            1,
            Status.DOWN,
            Nothing(),
            1,
            "nobody listens",
            id="down: closed with the listener",
        ),
        pytest.param(
            seen(Closed()),
            1,
            Status.REFUSED,
            Nothing(),
            0,
            "the tunnel lives; the node's target closes at once",
            id="refused",
        ),
        pytest.param(
            seen(BAD),
            1,
            Status.WRONG,
            Nothing(),
            0,
            r"expected banner:SSH-2.0, got '220 mail\x0d\x0a'",
            id="wrong",
        ),
        pytest.param(
            seen(Silent(), Owner.FOREIGN),
            5,
            Status.FOREIGN,
            Nothing(),
            60,
            "the port is held by a process of uid 0",
            id="foreign",
        ),
        pytest.param(
            seen(GOOD, Owner.FOREIGN),
            0,
            Status.FOREIGN,
            Nothing(),
            60,
            "the port is held by a process of uid 0",
            id="foreign, answering",
        ),
    ],
)
def test_the_table_of_statuses(
    observation: Observation,
    strikes: int,
    status: Status,
    action: Action,
    verdict: int,
    detail: str,
) -> None:
    judgement = judged(observation, tunnel(strikes=strikes))

    assert judgement.tunnel.status is status
    assert judgement.action == action
    assert judgement.tunnel.verdict == verdict
    assert judgement.tunnel.detail == detail


def test_a_probe_that_the_gateway_could_not_make_changes_nothing_but_the_detail() -> None:
    before = tunnel(strikes=1)

    judgement = judged(seen(ProbeFailed("Too many open files")), before)

    assert judgement == Judgement(
        tunnel=replace(before, detail="could not be probed: Too many open files"),
        flaps=Flaps(),
        action=Nothing(),
    )


@given(observations, tunnels, flaps, policies, instants)
def test_whatever_was_seen_has_an_outcome_and_only_a_hung_tunnel_of_ours_is_killed(
    observation: Observation, before: Tunnel, history: Flaps, policy: Policy, now: float
) -> None:
    before = replace(before, verdict=min(before.verdict, policy.longest_wait_s))

    judgement = judge(observation, before, history, policy, now)

    assert 0 <= judgement.tunnel.verdict <= policy.longest_wait_s
    if isinstance(judgement.action, Kill):
        assert status_of(observation) is Status.HUNG
        assert judgement.tunnel.status is Status.HUNG
        assert observation.owner is Owner.OURS
        assert judgement.tunnel.strikes >= policy.strikes
        assert observation.late_s <= policy.starved_s
        assert not observation.life
        assert not observation.behind
        assert observation.silent_s >= observation.silence_s
        assert judgement.action.session == observation.session
        assert observation.session is not None


@given(observations, tunnels, flaps, policies, instants)
def test_a_foreign_listener_is_never_killed(
    observation: Observation, before: Tunnel, history: Flaps, policy: Policy, now: float
) -> None:
    foreign = replace(observation, owner=Owner.FOREIGN)

    judgement = judge(foreign, before, history, policy, now)

    assert not isinstance(judgement.action, Kill | CannotKill)


@given(observations, tunnels, flaps, policies, instants)
def test_a_silent_probe_of_a_starved_gateway_never_raises_strikes(
    observation: Observation, before: Tunnel, history: Flaps, policy: Policy, now: float
) -> None:
    starved = replace(observation, reply=Silent(), late_s=policy.starved_s + 0.01)

    judgement = judge(starved, before, history, policy, now)

    assert judgement.tunnel.strikes <= before.strikes
    assert not isinstance(judgement.action, Kill | CannotKill)


@given(observations, tunnels, flaps, policies, instants)
def test_strikes_and_failures_are_never_raised_by_more_than_one(
    observation: Observation, before: Tunnel, history: Flaps, policy: Policy, now: float
) -> None:
    after = judge(observation, before, history, policy, now).tunnel

    assert after.strikes <= before.strikes + 1
    assert after.failures <= before.failures + 1
    assert (after.failures == 0) or after.status is not Status.UP or before.status is Status.UP


def test_a_starved_probe_is_repeated_soon_and_says_why_it_does_not_count() -> None:
    judgement = judged(seen(Silent(), late_s=2.5), tunnel(strikes=1))

    assert judgement.action == Recheck(3.0)
    assert judgement.tunnel.detail == "the gateway was busy (2.5 s late): this probe does not count"


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


def test_what_is_written_down_of_an_up_tunnel() -> None:
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


def test_a_device_that_fell_silent_again_during_a_probe_is_looked_at_soon() -> None:
    lives = seen(Silent(), life="its device still sends")

    assert judged(lives, tunnel(Status.HUNG)).action == Nothing()
    assert judged(replace(lives, quiet=True), tunnel(Status.HUNG)).action == LookAgain(3.0)


def test_a_status_that_stays_keeps_since() -> None:
    assert judged(seen(GOOD), tunnel(Status.UP)).tunnel.since == NOW - 100


def test_the_peer_is_kept_for_the_same_connection_alone() -> None:
    assert judged(seen(GOOD)).tunnel.peer == "192.0.2.1 5"
    assert judged(seen(GOOD, session=OTHER)).tunnel.peer is None


def test_the_wait_of_a_flapping_node_doubles_to_the_longest() -> None:
    history, waits = Flaps(), []

    for number in range(9):
        history = lost(history, ProcessId(pid=number + 2, start_ticks=1), POLICY, NOW + number)
        waits.append(wait_for(history, POLICY))

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_count_begins_anew_after_a_quiet_time() -> None:
    history = Flaps(count=7, last_at=NOW, session=SESSION)

    assert lost(history, OTHER, POLICY, NOW + 600).count == 8
    assert lost(history, OTHER, POLICY, NOW + 601).count == 1
    assert settled(history, POLICY, NOW + 600) == history
    assert settled(history, POLICY, NOW + 601) == Flaps()


def test_one_lost_connection_counts_once_over_all_its_forwards() -> None:
    history = Flaps()

    for port in (20010, 20011, 20012):
        before = replace(tunnel(), port=Port(port))
        history = judge(seen(NoListener(), Owner.NOBODY, None), before, history, POLICY, NOW).flaps

    assert history == Flaps(count=1, last_at=NOW, session=SESSION)


def test_losses_of_unknown_connections_count_once_a_sweep() -> None:
    first = lost(Flaps(), None, POLICY, NOW)

    assert lost(first, None, POLICY, NOW + 19) == first
    assert lost(first, None, POLICY, NOW + 21).count == 2


def test_a_kill_counts_the_connection_that_is_killed() -> None:
    judgement = judged(
        seen(Silent(), session=SESSION), tunnel(Status.HUNG, strikes=1, session=None)
    )

    assert judgement.action == Kill(SESSION)
    assert judgement.flaps.session == SESSION
    assert lost(judgement.flaps, SESSION, POLICY, NOW + 1) == judgement.flaps


def test_a_tunnel_that_was_not_there_is_not_lost() -> None:
    assert judged(seen(NoListener(), Owner.NOBODY, None), tunnel(Status.DOWN)).flaps == Flaps()


def listener(uid: int, address: str = "127.0.0.1") -> Listener:
    return Listener(address=address, port=PORT, uid=uid, inode=1)


@pytest.mark.parametrize(
    ("found", "owner"),
    [
        pytest.param([], Owner.NOBODY, id="none"),
        pytest.param([listener(7)], Owner.OURS, id="ours"),
        pytest.param([listener(7), listener(7, "::1")], Owner.OURS, id="ours on both families"),
        pytest.param([listener(0)], Owner.FOREIGN, id="root's"),
        pytest.param([listener(7), listener(0, "0.0.0.0")], Owner.FOREIGN, id="ours and another's"),
        pytest.param([listener(7, "::1")], Owner.OURS, id="ours on IPv6 only"),
        pytest.param([listener(7, "::")], Owner.OURS, id="ours on all addresses of IPv6"),
        pytest.param([listener(0, "::1")], Owner.FOREIGN, id="another's on IPv6 only"),
        pytest.param(
            [listener(7), listener(0, "::1")], Owner.OURS, id="another's where no probe goes"
        ),
        pytest.param(
            [listener(0), listener(7, "::1")],
            Owner.FOREIGN,
            id="another's on the first loopback, ours on IPv6",
        ),
        pytest.param(
            [listener(7, "::1"), listener(0, "::")],
            Owner.FOREIGN,
            id="ours on ::1, another's on all of IPv6",
        ),
        pytest.param([listener(0, "192.0.2.1")], Owner.NOBODY, id="on another address"),
        pytest.param([listener(0, "::")], Owner.FOREIGN, id="dual stack"),
    ],
)
def test_whose_a_port_is(found: list[Listener], owner: Owner) -> None:
    assert owner_of(found, 7) is owner


@pytest.mark.parametrize(
    ("addresses", "nearest"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["192.0.2.1", "2001:db8::1"], [], id="elsewhere"),
        pytest.param(["::1", "192.0.2.1"], ["::1"], id="IPv6 only"),
        pytest.param(["::1", "127.0.0.1"], ["127.0.0.1"], id="both families"),
        pytest.param(["::", "0.0.0.0"], ["0.0.0.0"], id="all of both families"),
        pytest.param(["0.0.0.0", "127.0.0.1"], ["127.0.0.1"], id="the narrower first"),
        pytest.param(["::1", "::"], ["::1"], id="the narrower of IPv6 first"),
        pytest.param(["::"], ["::"], id="all of IPv6"),
        pytest.param(["127.0.0.1", "::"], ["127.0.0.1"], id="IPv4 first"),
    ],
)
def test_which_listener_a_probe_leads_to(addresses: list[str], nearest: list[str]) -> None:
    assert [
        found.address for found in reached([listener(7, address) for address in addresses])
    ] == nearest


@pytest.mark.parametrize(
    ("before", "after", "gap_s", "up_s", "watched_s"),
    [
        pytest.param(Status.UP, Status.UP, 20.0, 20.0, 20.0, id="up at both ends"),
        pytest.param(Status.UP, Status.DOWN, 20.0, 0.0, 20.0, id="lost"),
        pytest.param(Status.DOWN, Status.UP, 20.0, 0.0, 20.0, id="back"),
        pytest.param(Status.UP, Status.UP, 4000.0, 0.0, 0.0, id="nobody watched"),
        pytest.param(Status.UP, Status.UP, -5.0, 0.0, 0.0, id="the clock was set back"),
        pytest.param(
            Status.HUNG, Status.HUNG, 155.0, 0.0, 155.0, id="a hung port that can not be freed"
        ),
    ],
)
def test_the_time_that_was_watched(
    before: Status, after: Status, gap_s: float, up_s: float, watched_s: float
) -> None:
    earlier, later = tunnel(before), replace(tunnel(after), probed_at=NOW - 20 + gap_s)

    found = watched(earlier, later, POLICY, "2024-01-02")

    assert (found.up_s, found.watched_s) == (up_s, watched_s)


def test_a_first_probe_watched_nothing() -> None:
    assert watched(replace(tunnel(), probed_at=None), tunnel(), POLICY, "2024-01-02").watched_s == 0


EDGE = 472222 * 3600.0
"""Where one hour ends and the next begins, Unix seconds."""


def hour(number: int, up_s: float, watched_s: float) -> Hour:
    return Hour(node=OFFICE, port=PORT, hour=number, up_s=up_s, watched_s=watched_s)


@pytest.mark.parametrize(
    ("ended", "gap_s", "up_s", "told"),
    [
        pytest.param(EDGE + 30, 20.0, 20.0, (hour(472222, 20.0, 20.0),), id="within an hour, up"),
        pytest.param(EDGE + 30, 20.0, 0.0, (hour(472222, 0.0, 20.0),), id="within an hour, down"),
        pytest.param(
            EDGE + 5,
            20.0,
            20.0,
            (hour(472221, 15.0, 15.0), hour(472222, 5.0, 5.0)),
            id="across the edge, up",
        ),
        pytest.param(
            EDGE + 5,
            20.0,
            0.0,
            (hour(472221, 0.0, 15.0), hour(472222, 0.0, 5.0)),
            id="across the edge, down",
        ),
        pytest.param(EDGE, 20.0, 20.0, (hour(472221, 20.0, 20.0),), id="up to the edge"),
        pytest.param(EDGE + 20, 20.0, 20.0, (hour(472222, 20.0, 20.0),), id="from the edge"),
        pytest.param(EDGE + 5, 0.0, 0.0, (), id="nobody watched"),
    ],
)
def test_the_time_that_was_watched_is_told_to_the_hours_that_it_lies_in(
    ended: float, gap_s: float, up_s: float, told: tuple[Hour, ...]
) -> None:
    assert (
        by_hour(
            replace(tunnel(), probed_at=ended),
            Watched(day="2023-11-14", up_s=up_s, watched_s=gap_s),
        )
        == told
    )


def test_a_forward_that_was_never_probed_was_watched_in_no_hour() -> None:
    assert (
        by_hour(
            replace(tunnel(), probed_at=None), Watched(day="2023-11-14", up_s=0.0, watched_s=0.0)
        )
        == ()
    )


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
def test_what_the_probe_heard_is_kept_in_a_form_that_can_be_shown(
    reply: Reply, answer: str
) -> None:
    found = judged(seen(reply), replace(tunnel(), answer="of the probe before"))

    assert found.tunnel.answer == answer


def test_what_a_connection_carried_is_none_of_the_next_ones() -> None:
    before = replace(tunnel(), session=SESSION, bytes_total=1000)

    assert judged(seen(GOOD), before).tunnel.bytes_total == 1000
    assert judged(seen(GOOD, session=OTHER), before).tunnel.bytes_total is None


def test_what_only_stays_open_has_no_latency() -> None:
    assert (
        judge(
            seen(StayedOpen()), Tunnel(node=OFFICE, port=PORT), Flaps(), POLICY, NOW
        ).tunnel.latency_ms
        is None
    )
