"""Entries of a fleet's registry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from checker.model import InvalidValue, Node, NodeName, Port
from checker.model.gateway_id import GatewayId
from checker.registry.entries import (
    Head,
    entry_text,
    is_as_signed,
    is_followed,
    parse_entry,
    rev_of,
    shape,
)
from tests.checker.registry.node_strategies import nodes
from tests.strategies import node, public_key

HEAD = Head(
    name=NodeName("office"), rev=7, changed_at=1_800_000_000, changed_by="anna", more={"later": 1}
)


def head_of(one: Node) -> Head:
    return replace(HEAD, name=one.name, more={})


@given(nodes())
def test_an_entry_reads_as_it_was_written(one: Node) -> None:
    text = entry_text(head_of(one), one)
    found = parse_entry(text)

    assert found.node is not None
    assert shape(found.node) == shape(one)
    assert (found.head, found.text) == (head_of(one), text)
    assert is_as_signed(found, one, found.body)
    assert rev_of(text) == 7


def test_a_tombstone_says_when_its_node_was_added() -> None:
    head = replace(HEAD, added_at=1_700_000_000)
    found = parse_entry(entry_text(head, None))

    assert (found.node, found.head, found.born, found.bars) == (None, head, 1_700_000_000, True)


def test_comments_and_own_keys_stay() -> None:
    present = f'# by hand\nx-a = 1\npublic_key = "{public_key()}"\nadded_at = 1700000000\n'
    present += '[[forward]]\nport = 20010\ntarget = "127.0.0.1:22" # the device\nx-b = 2\n'
    found = parse_entry(entry_text(HEAD, node(), present.encode()))

    assert b"# by hand" in found.body
    assert b"# the device" in found.body
    assert is_as_signed(found, node(), present.encode())
    assert not is_as_signed(found, node(), present.replace("x-b = 2", "x-b = 3").encode())


def test_times_that_each_gateway_keeps_do_not_matter() -> None:
    found = parse_entry(entry_text(HEAD, replace(node(), key_since=5)))

    assert b"key_since" not in found.text
    assert is_as_signed(found, replace(node(), key_since=9), found.body)
    assert not is_as_signed(found, replace(node(), enabled=False), found.body)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('node = "office"', 'node = "../office"', "cannot name a node"),
        ('node = "office"', "", "node must be a text"),
        ("rev = 7", "rev = -1", "rev must be a whole number"),
        ("rev = 7", f"rev = {2**60}", "rev must be a whole number"),
        ('"anna"', '"an na"', "cannot name a signer"),
        ("[entry]", "[other]", "no table"),
        ("rev = 7", "rev = 7\nremoved = true", "yet it describes a node"),
        ("rev = 7", 'rev = 7\ngateways = ["GW"]', "cannot be the ID of a gateway"),
        ("rev = 7", "rev = 7\npaths = 0", "paths must be a whole number"),
        ("20010", '"20010"', "port must be a whole number"),
    ],
)
def test_a_bad_value_is_named(old: str, new: str, why: str) -> None:
    text = entry_text(HEAD, node()).decode()

    with pytest.raises(InvalidValue, match=why):
        parse_entry(text.replace(old, new).encode())


def test_a_table_of_the_admin_must_not_be_called_entry() -> None:
    present = f'public_key = "{public_key()}"\n[entry]\na = 1\n'

    with pytest.raises(InvalidValue):
        entry_text(HEAD, node(), present.encode())


def test_paths_and_gateways_stay() -> None:
    head = replace(HEAD, paths=2, gateways=(GatewayId("gw2"), GatewayId("gw1")), begun=3)

    assert parse_entry(entry_text(head, node())).head == head


def test_a_device_that_followed_did_not_edit() -> None:
    waiting = replace(node(), next_key=public_key(2))
    moving = replace(
        waiting, forwards=tuple(replace(one, next_port=Port(20020)) for one in waiting.forwards)
    )
    found = parse_entry(entry_text(HEAD, moving))
    new_key = replace(moving, public_key=public_key(2), next_key=None)
    new_port = replace(
        moving,
        forwards=tuple(replace(one, port=Port(20020), next_port=None) for one in moving.forwards),
    )

    assert is_followed(found, new_key)
    assert is_followed(found, new_port)
    assert not is_followed(found, replace(new_key, enabled=False))
    assert not is_followed(found, moving)
