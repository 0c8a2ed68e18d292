"""How the other side of a connection is shown."""

from __future__ import annotations

import pytest

from checker.tunnels.peers import host_of, peer_address


@pytest.mark.parametrize(
    ("peer", "shown", "host"),
    [
        pytest.param("192.0.2.1 4000", "192.0.2.1:4000", "192.0.2.1", id="IPv4"),
        pytest.param("2001:db8::1 4000", "[2001:db8::1]:4000", "[2001:db8::1]", id="IPv6"),
        pytest.param("", "", "", id="unknown"),
        pytest.param("\x1b[1m 4000", r"\x1b[1m:4000", r"\x1b[1m", id="escaped"),
    ],
)
def test_a_peer_is_shown_as_address_and_port(peer: str, shown: str, host: str) -> None:
    assert peer_address(peer) == shown
    assert host_of(shown) == host
