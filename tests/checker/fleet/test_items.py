"""Items as they travel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.fleet.items import (
    item_text,
    parse_items,
    registration_key,
    registration_values,
    tunnel_key,
    tunnel_values,
    unregistered_key,
    unregistered_values,
)
from checker.model import (
    NodeName,
    Port,
    ProcessId,
    Registration,
    Status,
    Tunnel,
    Unregistered,
    parse_expect,
)

SHOWN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64)
WHOLE = st.integers(min_value=0, max_value=2**31)
SECONDS = st.floats(min_value=0, max_value=2**33)
TUNNELS = st.builds(
    Tunnel,
    node=st.just(NodeName("barn")),
    port=st.integers(min_value=1, max_value=65535).map(Port),
    status=st.sampled_from([one for one in Status if one is not Status.BROKEN]),
    detail=SHOWN,
    latency_ms=st.none() | SECONDS,
    session=st.none() | st.builds(ProcessId, pid=WHOLE, start_ticks=WHOLE),
    peer=st.none() | SHOWN,
    since=st.none() | SECONDS,
    probed_at=st.none() | SECONDS,
    checked_at=st.none() | SECONDS,
    failures=WHOLE,
    kills=WHOLE,
    strikes=WHOLE,
    verdict=WHOLE,
    bytes_total=st.none() | WHOLE,
    answer=SHOWN,
    due_s=st.none() | SECONDS,
    held_until=st.none() | SECONDS,
)


@settings(max_examples=50, deadline=None)
@given(TUNNELS)
def test_a_tunnel_reads_as_it_was_told(tunnel: Tunnel) -> None:
    key = tunnel_key((tunnel.node, tunnel.port))

    found = parse_items([json.loads(item_text(key, tunnel_values(tunnel)))])

    assert (found.tunnels, found.keys, found.refused) == ([tunnel], {key}, 0)


def test_connections_and_devices_read_as_they_were_told() -> None:
    connection = Registration(
        node=NodeName("barn"),
        instance="word.1",
        session=ProcessId(pid=7, start_ticks=9),
        peer="192.0.2.7 4711",
        registered_at=1_800_000_000.0,
        client="reversi-client/0.2",
        moves=True,
        home="gw1",
    )
    device = Unregistered(
        node=NodeName("device-20001"),
        port=Port(20001),
        expect=parse_expect("banner:SSH-2.0"),
        first_at=1.0,
        last_at=2.0,
        calls_itself="Device",
    )
    texts = [
        item_text(registration_key(connection), registration_values(connection)),
        item_text(unregistered_key(device), unregistered_values(device)),
    ]

    found = parse_items(map(json.loads, texts))

    assert (found.registrations, found.unregistered) == ([connection], [device])
    assert found.keys == {registration_key(connection), unregistered_key(device)}


GOOD = tunnel_values(Tunnel(node=NodeName("barn"), port=Port(1)))


def with_value(at: int, value: Any) -> list[Any]:
    return ["t", "barn", 20000, [*GOOD[:at], value, *GOOD[at + 1 :]]]


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(["t", "../x", 20000, GOOD], id="name"),
        pytest.param(["t", "barn", 0, GOOD], id="port"),
        pytest.param(["t", "barn", 20000, GOOD[:5]], id="too-few"),
        pytest.param(with_value(1, "\x1b]0;x\x07"), id="escape"),
        pytest.param(with_value(1, "x" * 2000), id="long"),
        pytest.param(with_value(6, 1e12), id="no-calendar-has-it"),
        pytest.param(with_value(9, -1), id="negative"),
        pytest.param(with_value(9, 2**70), id="too-large-for-sqlite"),
        pytest.param(with_value(5, ["192.0.2.1"]), id="a-list"),
        pytest.param(["t", "barn"], id="no-key"),
        pytest.param(["later", 1], id="of-a-later-version"),
        pytest.param("t", id="no-list"),
        pytest.param(None, id="none"),
    ],
)
def test_a_bad_item_is_left_out_and_the_others_count(item: Any) -> None:
    found = parse_items([item, ["t", "office", 20000, GOOD], ["t", "gone", 20000]])

    assert found.refused == 1
    assert [one.node for one in found.tunnels] == ["office"]
    assert found.forgotten == [("gone", 20000)]


def test_a_status_of_a_later_version_is_unknown() -> None:
    found = parse_items([with_value(0, "asleep"), with_value(0, "broken")])

    assert [one.status for one in found.tunnels] == [Status.UNKNOWN, Status.UNKNOWN]
