"""Whose a port is, and which of its listeners a probe reaches."""

from __future__ import annotations

import pytest

from checker.model import Listener
from checker.tunnels.port_owner import Owner, owner_of, reached
from tests.strategies import PORT


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
def test_who_owns_a_port(found: list[Listener], owner: Owner) -> None:
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
def test_which_listener_a_probe_reaches(addresses: list[str], nearest: list[str]) -> None:
    assert [
        found.address for found in reached([listener(7, address) for address in addresses])
    ] == nearest
