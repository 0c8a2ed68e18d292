"""What `node pin` makes of the keys that it read: what it writes, and what it must not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.control.key_readings import (
    Found,
    Reading,
    Seen,
    clause,
    failures_first,
    forwards_to_read,
    named,
    plan_line,
    shared_keys,
    shared_sentence,
    shown,
    summary,
    to_write,
    why_not,
    with_keys,
)
from checker.model import (
    HOSTKEY,
    Forward,
    NodeName,
    Port,
    Status,
    Target,
    Tunnel,
    fingerprint,
    parse_expect,
)
from tests.strategies import FORWARD, NOW, OFFICE, PORT, SESSION, node, public_key, rsa_key

OLD, NEW = public_key(7), public_key(8)
PINNED = replace(FORWARD, host_key=OLD)
LOST = Reading(forward=FORWARD, found=Found.DOWN, reason="down: nobody listens")


def named_forward(name: str, key: str = "") -> Forward:
    return replace(FORWARD, node=NodeName(name), host_key=key)


def test_a_key_is_new_the_same_or_another_than_the_pinned_one() -> None:
    assert shown(FORWARD, NEW).found is Found.NEW
    assert shown(PINNED, OLD).found is Found.SAME
    assert shown(PINNED, NEW).found is Found.CHANGED


def test_a_pinned_key_is_replaced_only_if_that_was_asked_for() -> None:
    new, same, changed = shown(FORWARD, NEW), shown(PINNED, OLD), shown(PINNED, NEW)

    assert to_write([new, same, changed, LOST], replaces=False) == (new,)
    assert to_write([new, same, changed, LOST], replaces=True) == (new, changed)


def test_keys_are_shown_as_ssh_keygen_shows_them() -> None:
    assert named(OLD) == f"{fingerprint(OLD)} (ED25519)"
    assert named(rsa_key(2048)).endswith(" (RSA)")
    assert clause(shown(PINNED, NEW)) == f"{named(NEW)} came, but {named(OLD)} is pinned"
    assert clause(shown(PINNED, OLD)) == f"pinned already: {named(OLD)}"
    assert clause(LOST) == "down: nobody listens"
    assert plan_line(shown(FORWARD, NEW)) == f"pin the host key of office:20010: {named(NEW)}"
    assert plan_line(shown(PINNED, NEW)).endswith(f"{named(OLD)} -> {named(NEW)}")


def test_failures_come_first_and_the_summary_counts_all() -> None:
    new, same, changed = shown(FORWARD, NEW), shown(PINNED, OLD), shown(PINNED, NEW)
    failed = Reading(forward=FORWARD, found=Found.FAILED, reason="closed")
    readings = [same, new, LOST, failed, changed]

    assert failures_first(readings) == [changed, failed, LOST, new, same]
    assert summary(readings, [new]) == (
        "1 changed, and left alone, 1 not read, 1 not up, 1 pinned, 1 pinned before"
    )
    assert summary([changed], [changed]) == "1 replaced"


def test_the_summary_of_a_dry_run_counts_what_would_be_pinned() -> None:
    new, changed = shown(FORWARD, NEW), shown(PINNED, NEW)

    assert summary([new], [], planned=[new]) == "1 to pin"
    assert summary([new, changed], [], planned=[new, changed]) == "1 to replace, 1 to pin"
    assert summary([changed], [], planned=[]) == "1 changed, and left alone"


def test_one_key_of_several_nodes_is_named_whether_pinned_or_just_read() -> None:
    attic, barn = named_forward("attic", OLD), named_forward("barn")
    shed = named_forward("shed", NEW)

    found = shared_keys([attic, barn, shed], [shown(barn, OLD)])

    assert found == ((OLD, ("attic", "barn")),)
    assert shared_keys([attic, replace(attic, port=Port(20011))], []) == (), "one node's own"
    assert "attic, barn; if they are copies of one image" in shared_sentence(*found[0])
    assert " and 2 more; " in shared_sentence(OLD, [NodeName(f"n{at}") for at in range(10)])


def test_keys_are_pinned_at_their_forwards_and_removed_there() -> None:
    both = node(ports=(20010, 20011))

    pinned = with_keys(both, {(OFFICE, Port(20011)): NEW})

    assert [one.host_key for one in pinned.forwards] == ["", NEW]
    assert with_keys(pinned, {(OFFICE, Port(20011)): ""}) == both


def test_only_forwards_that_lead_to_ssh_and_stay_are_read() -> None:
    def at(port: int, expect: str, target: int = 80, leaves_at: int = 0) -> Forward:
        return Forward(
            node=OFFICE,
            port=Port(port),
            target=Target(host="127.0.0.1", port=Port(target)),
            expect=parse_expect(expect),
            leaves_at=leaves_at,
        )

    forwards = (
        at(1, "banner:SSH-2.0"),
        at(2, "hostkey"),
        at(3, "open", 22),
        at(4, "http"),
        at(5, "open"),
        at(6, "hostkey", leaves_at=5),
    )

    assert [one.port for one in forwards_to_read(replace(node(), forwards=forwards))] == [1, 2, 3]
    assert forwards[1].expect == HOSTKEY


UP = Tunnel(node=OFFICE, port=PORT, status=Status.UP, session=SESSION, probed_at=NOW)


@pytest.mark.parametrize(
    ("tunnel", "why"),
    [
        pytest.param(UP, "", id="up"),
        pytest.param(replace(UP, status=Status.WRONG), "", id="another key or banner"),
        pytest.param(None, "the daemon has not probed it yet", id="never seen"),
        pytest.param(replace(UP, probed_at=NOW - 61), "is it running?", id="stale"),
        pytest.param(replace(UP, session=None), "process cannot be found", id="no session"),
        pytest.param(
            replace(UP, status=Status.FOREIGN, detail="the port is held by a process of uid 0"),
            "foreign: the port is held by a process of uid 0",
            id="foreign",
        ),
        pytest.param(replace(UP, status=Status.DOWN), "down", id="down"),
    ],
)
def test_a_key_is_read_only_through_a_tunnel_that_answers(tunnel: Tunnel | None, why: str) -> None:
    found = why_not(tunnel, Seen(tunnels={}, every_s=20.0, now=NOW, uid=0))

    assert why in found
    assert bool(found) == bool(why)
