"""Edits of a node: the node afterwards, how the change is described, and what is revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.model import InvalidValue, Node, NodeName, Port, Target, fingerprint, parse_expect
from checker.registry.edits import (
    describe,
    forward_at,
    rekeyed,
    renamed,
    revoked,
    with_forward,
    with_forwards,
    with_rights_since,
    with_target,
    without_old_key,
)
from checker.registry.key_lines import GateCommand, render_lines
from tests.checker.registry.node_strategies import nodes
from tests.strategies import names, node, public_key

TODAY = "2026-11-22"
COMMAND = GateCommand(python="/usr/bin/python3", gate="/opt/gate.py", home="")
days = st.dates(min_value=date(2000, 1, 1)).map(str)


def edited(draw: st.DrawFn, before: Node) -> Node:
    """The node after some of the edits that a command line can make."""
    after = replace(before, enabled=draw(st.booleans()), expires=draw(st.none() | days))
    key = public_key(draw(st.integers(2**32, 2**33)) % 2**32)
    if draw(st.booleans()) and key != before.public_key:
        after = rekeyed(after, key, now=draw(st.booleans()))
    for forward in after.forwards:
        if draw(st.booleans()):
            other = replace(
                forward, public=draw(st.booleans()), deadline_s=draw(st.none() | st.floats(0.5, 60))
            )
            after = with_forward(after, forward, other)
    return renamed(after, draw(names)) if draw(st.booleans()) else after


@st.composite
def changes(draw: st.DrawFn) -> tuple[Node, Node]:
    before = draw(nodes())
    return before, edited(draw, before)


@given(changes())
def test_a_change_is_described_and_no_change_is_not(change: tuple[Node, Node]) -> None:
    before, after = change

    assert bool(describe(before, after)) == (before != after)
    assert not describe(before, before)


@given(changes())
@settings(max_examples=100)
def test_exactly_what_has_no_key_line_any_longer_is_revoked(change: tuple[Node, Node]) -> None:
    before, after = change
    lines = (
        "\n".join(render_lines(after, COMMAND))
        if not after.barred(TODAY) and before.public_key in after.public_keys
        else ""
    )

    gone = revoked(before, after, TODAY)

    for forward in before.forwards:
        may_listen = (
            f'permitlisten="{"*" if forward.public else "localhost"}:{forward.port}"' in lines
        )
        assert (forward in gone) is not may_listen


@given(nodes(), names)
def test_a_renamed_node_differs_only_in_its_name(one: Node, name: NodeName) -> None:
    after = renamed(one, name)

    assert {forward.node for forward in after.forwards} <= {name}
    assert renamed(after, one.name) == one


def test_a_removed_node_loses_all_forwards() -> None:
    assert revoked(node(ports=(1, 2)), None, TODAY) == node(ports=(1, 2)).forwards


def test_a_used_key_is_the_only_one_and_an_immediate_one_withdraws_it() -> None:
    waiting = rekeyed(node(), public_key(2), now=False)

    assert waiting.public_keys == (public_key(1), public_key(2))
    assert without_old_key(waiting).public_keys == (public_key(2),)
    assert without_old_key(node()) == node()
    assert [text for _, text in describe(waiting, without_old_key(waiting))] == [
        "the new key is the only one now"
    ]
    assert [text for _, text in describe(waiting, rekeyed(waiting, public_key(3), now=True))] == [
        "its key was replaced",
        "the key that waited is withdrawn",
    ]
    with pytest.raises(InvalidValue, match="node office has that key already"):
        rekeyed(node(), public_key(1), now=False)


def test_a_forward_is_named_by_its_port_or_by_being_the_only_one() -> None:
    two = node(ports=(20010, 20011))

    assert forward_at(node(), None) == node().forwards[0]
    assert forward_at(two, Port(20011)) == two.forwards[1]
    with pytest.raises(InvalidValue, match=r"which forward of node office.*it has: 20010, 20011"):
        forward_at(two, None)
    with pytest.raises(InvalidValue, match="node office has no port 1; it has: 20010, 20011"):
        forward_at(two, Port(1))
    with pytest.raises(InvalidValue, match="it has: none"):
        forward_at(node(ports=()), None)


def test_each_change_of_a_forward_has_its_own_clause() -> None:
    before = node(ports=(20010, 20011))
    first, second = before.forwards
    target = Target(host="nas", port=Port(80))
    new = replace(
        first,
        port=Port(20020),
        target=target,
        expect=parse_expect("http"),
        deadline_s=2.0,
        public=True,
        host_key=public_key(7),
    )

    assert [text for _, text in describe(before, with_forward(before, first, new))] == [
        "moved from port 20010 to 20020",
        "target 127.0.0.1:22 -> nas:80",
        "expect open -> http",
        "deadline default -> 2 s",
        "public: on all addresses",
        f"host key pinned: {fingerprint(public_key(7))}",
    ]
    assert describe(before, replace(before, forwards=(first,))) == (
        (second.port, "forward removed"),
    )
    assert describe(replace(before, forwards=(first,)), before) == (
        (second.port, "forward to 127.0.0.1:22 added"),
    )
    assert revoked(before, with_forward(before, first, new), TODAY) == (first,)


def test_a_pinned_host_key_belongs_to_its_target() -> None:
    pinned = replace(node().forwards[0], host_key=public_key(7))
    elsewhere = Target(host="nas", port=Port(22))
    leaving = replace(node(), forwards=(replace(pinned, leaves_at=5),))
    asked = node().forwards[0]

    assert with_target(pinned, pinned.target) == pinned
    assert with_target(pinned, elsewhere) == replace(pinned, target=elsewhere, host_key="")
    assert with_forwards(leaving, [asked]).forwards == (pinned,)
    assert with_forwards(leaving, [with_target(asked, elsewhere)]).forwards[0].host_key == ""


def test_each_change_of_a_pinned_host_key_names_its_fingerprints() -> None:
    bare = node()
    one, other = (
        with_forward(bare, bare.forwards[0], replace(bare.forwards[0], host_key=public_key(number)))
        for number in (7, 8)
    )
    first, second = fingerprint(public_key(7)), fingerprint(public_key(8))

    assert describe(one, other) == ((20010, f"host key pinned: {first} -> {second}"),)
    assert describe(other, bare) == ((20010, f"host key no longer pinned: {second}"),)
    assert revoked(one, other, TODAY) == ()


@pytest.mark.parametrize(
    ("expires", "why"), [(None, ""), ("2026-11-23", ""), (TODAY, f"its key expired on {TODAY}")]
)
def test_a_key_is_barred_from_its_day_on(expires: str | None, why: str) -> None:
    assert replace(node(), expires=expires).barred(TODAY) == why
    assert replace(node(), expires=expires, enabled=False).barred(TODAY) == "disabled"


@pytest.mark.parametrize(
    ("change", "since"),
    [
        pytest.param({"public_key": "ssh-ed25519 OTHER"}, 9, id="another key at once"),
        pytest.param({"next_key": "ssh-ed25519 OTHER"}, 0, id="another key beside"),
        pytest.param({"forwards": ()}, 0, id="a port less"),
        pytest.param({"enabled": False}, 0, id="disabled"),
        pytest.param({}, 0, id="nothing"),
    ],
)
def test_rights_start_again_if_older_connections_had_others(
    change: dict[str, Any], since: int
) -> None:
    before = node()

    assert with_rights_since(before, replace(before, **change), 9).key_since == since


def test_rights_start_again_with_a_port_or_when_enabled_but_not_with_a_waiting_key() -> None:
    before = node()
    waited = replace(before, next_key="ssh-ed25519 OTHER")
    moved = replace(
        before, forwards=tuple(replace(forward, port=Port(29_999)) for forward in before.forwards)
    )

    public = replace(
        before, forwards=tuple(replace(forward, public=True) for forward in before.forwards)
    )

    assert with_rights_since(before, moved, 9).key_since == 9
    assert with_rights_since(public, before, 9).key_since == 9
    assert with_rights_since(before, public, 9).key_since == 0
    assert with_rights_since(replace(before, enabled=False), before, 9).key_since == 9
    assert with_rights_since(waited, without_old_key(waited), 9).key_since == 0
    assert with_rights_since(None, before, 9) == before
