"""The judge: DESIGN.md's table of statuses, and what never happens whatever was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import (
    HOSTKEY,
    Answer,
    Closed,
    Flaps,
    Flow,
    NoListener,
    Policy,
    ProbeFailed,
    Silent,
    Status,
    StayedOpen,
    Tunnel,
)
from checker.tunnels.judge import (
    Action,
    CannotKill,
    Judgement,
    Kill,
    LookAgain,
    Nothing,
    Recheck,
    judge,
)
from checker.tunnels.observation import Observation, status_of
from checker.tunnels.pace import LEAST_SILENCE_S
from checker.tunnels.port_owner import Owner
from tests.checker.tunnels.judged import BAD, GOOD, HALF, OTHER, judged, seen, tunnel
from tests.strategies import (
    FORWARD,
    SESSION,
    flaps,
    instants,
    maybe_sessions,
    tunnels,
)

SILENT = "hung: nothing came in 0 s, 2 probes in a row"


PARTIAL = "hung: only part of the expected answer came, 2 times in a row"


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
    hurried=st.booleans(),
    pause_s=st.none() | st.floats(0, 3),
    flow=st.none() | st.just(Flow(acked=0, received=0, heard_ago_s=60.0)),
)


policies = st.builds(
    Policy,
    strikes=st.integers(1, 10),
    longest_wait_s=st.integers(1, 300),
    starved_s=st.floats(0.1, 5),
    quiet_s=st.floats(1, 86400),
)


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
            Kill(SESSION, SILENT),
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
            id="hung: the silence started over",
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
            "slow: only 'SSH' of banner:SSH-2.0 came",
            id="slow",
        ),
        pytest.param(
            replace(seen(HALF), shared=True),
            1,
            Status.HUNG,
            Kill(SESSION, PARTIAL),
            1,
            "slow: only 'SSH' of banner:SSH-2.0 came (strike 2 of 2: the shared key may be an"
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
            replace(seen(GOOD), other_key="another host key came"),
            1,
            Status.WRONG,
            Nothing(),
            0,
            "another host key came",
            id="another host key",
        ),
        pytest.param(
            replace(seen(BAD), expect=HOSTKEY),
            1,
            Status.WRONG,
            Nothing(),
            0,
            r"expected banner:SSH-, got '220 mail\x0d\x0a'",
            id="no SSH server",
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
@settings(max_examples=100)
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
        if observation.hurried:
            assert observation.silent_s >= LEAST_SILENCE_S
            assert observation.flow is not None
        assert judgement.action.session == observation.session
        assert observation.session is not None


@given(observations, tunnels, flaps, policies, instants)
@settings(max_examples=100)
def test_a_foreign_listener_is_never_killed(
    observation: Observation, before: Tunnel, history: Flaps, policy: Policy, now: float
) -> None:
    foreign = replace(observation, owner=Owner.FOREIGN)

    judgement = judge(foreign, before, history, policy, now)

    assert not isinstance(judgement.action, Kill | CannotKill)


@settings(max_examples=50)
@given(observations, tunnels, flaps, policies, instants)
def test_another_host_key_never_kills_and_counts_no_strike(
    observation: Observation, before: Tunnel, history: Flaps, policy: Policy, now: float
) -> None:
    other = replace(observation, reply=GOOD, other_key="another host key came")

    judgement = judge(other, before, history, policy, now)

    assert not isinstance(judgement.action, Kill | CannotKill | Recheck)
    assert judgement.tunnel.strikes == 0
    assert judgement.tunnel.status is (
        Status.FOREIGN if other.owner is Owner.FOREIGN else Status.WRONG
    )


@given(observations, tunnels, flaps, policies, instants)
@settings(max_examples=100)
def test_a_silent_probe_of_a_starved_gateway_never_raises_strikes(
    observation: Observation, before: Tunnel, history: Flaps, policy: Policy, now: float
) -> None:
    starved = replace(observation, reply=Silent(), late_s=policy.starved_s + 0.01)

    judgement = judge(starved, before, history, policy, now)

    assert judgement.tunnel.strikes <= before.strikes
    assert not isinstance(judgement.action, Kill | CannotKill)


@given(observations, tunnels, flaps, policies, instants)
@settings(max_examples=100)
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
