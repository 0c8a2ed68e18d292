"""Why a session is killed: each reason, with and without grounds for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import (
    SHARED_KEY,
    Answer,
    Node,
    Policy,
    Port,
    Registration,
    Silent,
    fingerprint,
)
from checker.tunnels.kill_reasons import (
    LOGIN_TAKES_S,
    TAKEN_OVER,
    TOO_OLD,
    Holder,
    NoRight,
    Order,
    PortClaim,
    Strikes,
    is_outdated,
    why_kill,
    why_too_old,
)
from checker.tunnels.observation import Observation
from checker.tunnels.port_owner import Owner
from checker.tunnels.shared_key import INSTANCE
from tests.strategies import FORWARD, OFFICE, PORT, SESSION, node, public_key

ADDED_AT = node().added_at
CHANGED_AT = ADDED_AT + 1000
"""When the node got the key that is to replace its own."""
NOW = float(ADDED_AT + 2000)
BESIDE = replace(
    node(ports=(20010, 20011)),
    forwards=(
        node().forwards[0],
        replace(node(ports=(20011,)).forwards[0], port_at=ADDED_AT + 50),
    ),
)
"""A node that got a second forward."""
OLD, NEXT, FOREIGN = public_key(1), public_key(2), public_key(3)


def rekeyed() -> Node:
    """A node whose new key waits for its device."""
    return replace(node(), public_key=OLD, next_key=NEXT, next_key_at=CHANGED_AT)


def holder(instance: str | None = "other", *, key: str = "", began_at: float = NOW - 100) -> Holder:
    """The connection that holds the port; no instance: it never sent `hold`."""
    registration = (
        None
        if instance is None
        else Registration(
            node=OFFICE, instance=instance, session=SESSION, peer="", registered_at=began_at + 1
        )
    )
    return Holder(
        session=SESSION, began_at=began_at, registration=registration, key=key and fingerprint(key)
    )


def claimed(
    owner: Node, found: Holder, *, has_new_key: bool = False, took_over_lately: bool = False
) -> PortClaim:
    return PortClaim(
        node=owner,
        port=PORT,
        instance="mine",
        has_new_key=has_new_key,
        holder=found,
        now=NOW,
        took_over_lately=took_over_lately,
    )


def probed(
    reply: Silent | Answer, *, strikes: int = 2, silent_s: float = 13.0, shared: bool = False
) -> Strikes:
    seen = Observation(
        reply=reply,
        owner=Owner.OURS,
        session=SESSION,
        expect=FORWARD.expect,
        deadline_s=5.0,
        silent_s=silent_s,
        silence_s=13.0,
        shared=shared,
    )
    return Strikes(seen=seen, count=strikes, policy=Policy())


BAD = Answer(expected=False, text=b"220 mail\r\n")
HALF = Answer(expected=False, text=b"SSH", begun=True)


@pytest.mark.parametrize(
    ("case", "why"),
    [
        pytest.param(probed(Silent()), "hung: nothing came in 13 s, 2 probes in a row", id="hung"),
        pytest.param(probed(Silent(), strikes=1), "", id="a first strike"),
        pytest.param(probed(Silent(), silent_s=12.9), "", id="not silent for long enough"),
        pytest.param(probed(BAD), "", id="wrong"),
        pytest.param(
            probed(BAD, shared=True),
            "wrong: another answer than expected came, 2 times in a row",
            id="wrong on a port of the shared key",
        ),
        pytest.param(
            probed(HALF, shared=True),
            "hung: only part of the expected answer came, 2 times in a row",
            id="slow on a port of the shared key",
        ),
    ],
)
def test_a_probe_proves_a_tunnel_dead_only_after_all_strikes_and_the_whole_silence(
    case: Strikes, why: str
) -> None:
    assert why_kill(case) == why


def test_a_living_tunnel_is_left_alone_however_many_strikes_it_has() -> None:
    case = probed(Silent(), strikes=9)

    assert not why_kill(replace(case, seen=replace(case.seen, life="its beats arrive")))
    assert not why_kill(replace(case, seen=replace(case.seen, owner=Owner.FOREIGN)))


def test_a_holder_without_a_right_is_killed_and_one_with_it_is_not() -> None:
    assert why_kill(NoRight(why="disabled")) == "its node may not listen: disabled"
    assert not why_kill(NoRight(why=""))


def test_an_operator_needs_no_other_reason() -> None:
    assert why_kill(Order(operator="alice")) == "asked for by alice"


@pytest.mark.parametrize(
    ("owner", "began_at", "port", "why"),
    [
        pytest.param(node(), ADDED_AT - LOGIN_TAKES_S, PORT, TOO_OLD, id="from before the node"),
        pytest.param(node(), ADDED_AT - 1.0, PORT, "", id="it may have logged in after it"),
        pytest.param(node(), NOW, PORT, "", id="younger"),
        pytest.param(BESIDE, ADDED_AT + 5.0, PORT, "", id="before a port was added beside"),
        pytest.param(
            BESIDE, ADDED_AT + 5.0, Port(20011), TOO_OLD, id="from before the port was added"
        ),
        pytest.param(BESIDE, ADDED_AT + 100.0, Port(20011), "", id="on the added port"),
        pytest.param(
            replace(node(), key_since=ADDED_AT + 500),
            ADDED_AT + 100.0,
            PORT,
            TOO_OLD,
            id="from before its key",
        ),
        pytest.param(
            replace(node(), public_key=SHARED_KEY), 0.0, PORT, "", id="its key is the shared one"
        ),
        pytest.param(
            replace(node(), key_since=int(NOW) + 500), 0.0, PORT, "", id="the clock was set back"
        ),
        pytest.param(
            replace(
                node(),
                forwards=(replace(FORWARD, next_port=Port(20099), next_port_at=CHANGED_AT),),
            ),
            CHANGED_AT - 100.0,
            Port(20099),
            TOO_OLD,
            id="from before the move, on the new port",
        ),
        pytest.param(
            replace(
                node(),
                forwards=(replace(FORWARD, next_port=Port(20099), next_port_at=CHANGED_AT),),
            ),
            CHANGED_AT - 100.0,
            PORT,
            "",
            id="from before the move, on the old port",
        ),
    ],
)
def test_a_connection_that_is_older_than_the_right_to_its_port_is_too_old(
    owner: Node, began_at: float, port: Port, why: str
) -> None:
    assert why_too_old(owner, began_at, port, NOW) == why


@pytest.mark.parametrize(
    ("case", "why"),
    [
        pytest.param(
            claimed(node(), holder(began_at=ADDED_AT - 100.0)), TOO_OLD, id="older than its right"
        ),
        pytest.param(
            claimed(node(), holder("mine")),
            "claimed by a new connection of the same instance",
            id="its own stale tunnel",
        ),
        pytest.param(claimed(node(), holder("other")), "", id="another instance"),
        pytest.param(claimed(node(), holder(None)), "", id="an instance that is not known"),
        pytest.param(
            claimed(node(), holder(INSTANCE)),
            "claimed with the node's own key, which replaces the shared one",
            id="of the shared key",
        ),
        pytest.param(
            claimed(replace(node(), public_key=SHARED_KEY), holder(INSTANCE)),
            "",
            id="of the shared key, which is the node's",
        ),
        pytest.param(
            claimed(node(), holder(key=FOREIGN)),
            "claimed with the key that replaced this connection's key",
            id="of a key that was replaced",
        ),
        pytest.param(claimed(node(), holder(key=OLD)), "", id="of the same key"),
        pytest.param(
            claimed(rekeyed(), holder(key=OLD), has_new_key=True),
            TAKEN_OVER,
            id="of the key that is to go",
        ),
        pytest.param(
            claimed(rekeyed(), holder(key=NEXT), has_new_key=True), "", id="of the new key"
        ),
        pytest.param(
            claimed(rekeyed(), holder(key=OLD)), "", id="of the key that is to go, by itself"
        ),
        pytest.param(
            claimed(rekeyed(), holder(began_at=CHANGED_AT - 100.0), has_new_key=True),
            TAKEN_OVER,
            id="from before the new key",
        ),
        pytest.param(
            claimed(rekeyed(), holder(None, began_at=CHANGED_AT + 100.0), has_new_key=True),
            "",
            id="from after the new key, with a key that is not known",
        ),
        pytest.param(
            claimed(rekeyed(), holder(key=OLD), has_new_key=True, took_over_lately=True),
            "",
            id="a second takeover soon after the first",
        ),
    ],
)
def test_which_holders_make_way_for_a_claim_without_a_probe(case: PortClaim, why: str) -> None:
    assert why_kill(case) == why


def test_a_second_takeover_meets_an_outdated_holder_so_the_claim_waits() -> None:
    again = claimed(rekeyed(), holder(key=OLD), has_new_key=True, took_over_lately=True)

    assert is_outdated(again)
    assert not is_outdated(claimed(node(), holder("other")))


@given(
    st.sampled_from([None, "other", INSTANCE]),
    st.sampled_from(["", OLD, NEXT, FOREIGN]),
    st.floats(ADDED_AT + 1, NOW),
    st.booleans(),
)
def test_a_claim_with_the_node_s_one_key_never_ends_a_connection_of_the_same_key_unprobed(
    instance: str | None, key: str, began_at: float, took_over_lately: bool
) -> None:
    found = holder(instance, key=key, began_at=began_at)

    why = why_kill(claimed(node(), found, took_over_lately=took_over_lately))

    if instance != INSTANCE and (instance is None or key in ("", OLD)):
        assert not why
