"""Which forward leads to the device, who is left out, and which verdict is a new session's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import (
    SHARED_KEY,
    Forward,
    Node,
    NodeName,
    Place,
    Port,
    ProcessId,
    Publication,
    Registration,
    Status,
    Tunnel,
    parse_expect,
    parse_target,
)
from client.rollout.way import (
    Before,
    Job,
    Sight,
    before_now,
    is_good,
    new_since,
    of_path,
    paths_of,
    way_to,
    why_not,
    works_at,
)
from tests.client.bundle.samples import OFFICE

NAME = NodeName("office")


def forward(port: int, target: str, expect: str = "open", next_port: int | None = None) -> Forward:
    return Forward(
        node=NAME,
        port=Port(port),
        target=parse_target(target),
        expect=parse_expect(expect),
        next_port=None if next_port is None else Port(next_port),
    )


def node(*forwards: Forward) -> Node:
    return Node(name=NAME, public_key="ssh-ed25519 AAAA", forwards=forwards, added_at=0)


def seen(port: int, **values: object) -> dict[Place, Tunnel]:
    tunnel = Tunnel(node=NAME, port=Port(port), status=Status.UP)
    return {(NAME, Port(port)): replace(tunnel, **values)}  # type: ignore[arg-type]


WEB = forward(20001, "192.168.1.5:443", "tls")
NEIGHBOUR = forward(20002, "192.168.1.5:22", "banner:SSH-2.0")
OWN = forward(20003, "127.0.0.1:22", "banner:SSH-2.0")
PLAIN = forward(20004, "localhost:22")


@pytest.mark.parametrize(
    ("forwards", "ports", "found"),
    [
        pytest.param((WEB, NEIGHBOUR, OWN), (), OWN, id="the device itself before a neighbour"),
        pytest.param((WEB, NEIGHBOUR), (), NEIGHBOUR, id="a neighbour's, which may be the device"),
        pytest.param((WEB, PLAIN), (), PLAIN, id="port 22 without an expectation"),
        pytest.param((NEIGHBOUR, OWN), (20002,), NEIGHBOUR, id="the one that was named"),
        pytest.param((WEB,), (), None, id="none"),
        pytest.param((WEB,), (20001,), WEB, id="named, whatever it leads to"),
    ],
)
def test_the_way_is_the_forward_to_the_devices_own_ssh_server(
    forwards: tuple[Forward, ...], ports: tuple[int, ...], found: Forward | None
) -> None:
    assert way_to(node(*forwards), ports, {}) == found


def test_a_forward_that_answered_like_ssh_is_a_way() -> None:
    other = forward(20005, "127.0.0.1:2222")

    assert way_to(node(other), (), {}) is None
    assert way_to(node(other), (), seen(20005, answer="SSH-2.0-dropbear")) == other


@pytest.mark.parametrize(
    ("change", "client", "status", "why"),
    [
        pytest.param({}, "bundle-0.1.0/dropbear-2022.83", Status.UP, "", id="a bundle"),
        pytest.param({}, "", Status.UP, "", id="a client that did not say"),
        pytest.param(
            {}, "reversi-0.1.0/asyncssh-2", Status.UP, "it runs reversi-client", id="python"
        ),
        pytest.param({}, "", Status.FOREIGN, "port 20003 is foreign, not up", id="foreign"),
        pytest.param({}, "", Status.DOWN, "port 20003 is down, not up", id="down"),
        pytest.param({"enabled": False}, "", Status.UP, "disabled", id="disabled"),
        pytest.param({"expires": "2026-01-01"}, "", Status.UP, "expired", id="expired"),
        pytest.param({"public_key": SHARED_KEY}, "", Status.UP, "no key of its own", id="shared"),
    ],
)
def test_a_device_is_left_out_for_a_reason(
    change: dict[str, object], client: str, status: Status, why: str
) -> None:
    one = replace(node(OWN), **change)  # type: ignore[arg-type]
    tunnel = replace(seen(20003)[NAME, Port(20003)], status=status)

    said = why_not(one, OWN, tunnel, client=client, today="2026-11-26")

    assert why in said
    assert bool(why) == bool(said)


def test_nobody_logs_in_where_a_proxy_line_is_expected() -> None:
    behind = replace(OWN, published=(Publication(port=Port(2200), send_proxy=True),))

    said = why_not(node(behind), behind, seen(20003)[NAME, Port(20003)], client="", today="2026")

    assert "PROXY" in said


def registration(pid: int, at: float, instance: str = "word") -> Registration:
    return Registration(
        node=NAME,
        instance=instance,
        session=ProcessId(pid=pid, start_ticks=1),
        peer="192.0.2.1",
        registered_at=at,
    )


def sight(
    *registrations: Registration, gateway: str = "", tunnels: dict[Place, Tunnel] | None = None
) -> Sight:
    return Sight(gateway=gateway, registrations=frozenset(registrations), tunnels=tunnels or {})


def test_only_a_session_that_registered_since_is_new() -> None:
    old, new = registration(1, 90.0), registration(2, 110.0)
    before = before_now([sight(old)], 100.0)

    assert new_since(before, sight(old)) is None
    assert new_since(before, sight(old, registration(3, 95.0))) is None
    assert new_since(before, sight(old, new)) == 110.0
    assert new_since(Before(), sight(old)) == 90.0


def test_the_clock_of_another_gateway_may_be_slow() -> None:
    left, new = registration(1, 90.0), registration(2, 80.0)
    before = before_now([sight(new), sight(left, gateway="gw2")], 100.0)

    assert new_since(before, sight(left, gateway="gw2")) is None
    assert new_since(before, sight(left, new, gateway="gw2")) == 80.0
    assert new_since(before, sight(registration(3, 30.0), gateway="gw2")) is None


def test_a_new_session_may_work_at_another_gateway() -> None:
    job = Job(node=node(OWN), forward=OWN, bundle=OFFICE)
    here = sight(registration(1, 90.0), tunnels=seen(20003, probed_at=120.0))
    lost = sight(tunnels=seen(20003, status=Status.DOWN, verdict=1))
    early, late = (
        sight(registration(1, 110.0), gateway="gw2", tunnels=seen(20003, probed_at=at))
        for at in (105.0, 115.0)
    )
    before = before_now([here], 100.0)

    assert works_at(job, before, [here, early]) is None
    assert works_at(job, before, [lost, sight(gateway="gw3"), late]) == late


def test_the_other_tunnel_of_a_node_is_not_the_one_that_is_upgraded() -> None:
    first, second = registration(1, 90.0, "word.1"), registration(2, 95.0, "word.2")

    assert of_path([first, second], NAME, 2) == {second}
    assert of_path([first, second], NodeName("barn"), 2) == frozenset()


def test_a_verdict_is_good_if_it_is_of_the_new_session_and_of_each_forward() -> None:
    moving = forward(20001, "127.0.0.1:443", "tls", next_port=20011)
    job = Job(node=node(OWN, moving), forward=OWN, bundle=OFFICE)
    good = {**seen(20003, probed_at=111.0), **seen(20011, probed_at=112.0)}

    assert (job.port, job.port_after, job.ports_after) == (20003, 20003, (20003, 20011))
    assert is_good(job, 110.0, good)
    assert not is_good(job, 111.5, good)
    assert not is_good(job, 110.0, {**good, **seen(20011, probed_at=112.0, verdict=1)})
    assert not is_good(job, 110.0, seen(20003, probed_at=111.0))
    refused = seen(20011, probed_at=112.0, status=Status.REFUSED)
    assert is_good(job, 110.0, {**good, **refused}), "its target is down, its tunnel works"


def test_a_rollout_brings_the_bundle_of_the_path_that_comes_to_this_gateway() -> None:
    found = [
        Registration(
            node=NodeName(name),
            instance=instance,
            session=ProcessId(pid=at, start_ticks=1),
            peer="",
            registered_at=float(at),
        )
        for at, (name, instance) in enumerate(
            [("office", "word"), ("barn", "word.1"), ("office", "word.2")], 1
        )
    ]

    assert paths_of(found) == {"office": 2, "barn": 1}
