"""How `serve` and `up` start a gateway."""

from __future__ import annotations

import pytest

from checker.config.settings import Config, current_user
from checker.daemon.serve import address_unknown, local_address


@pytest.mark.parametrize(
    ("listen_on", "gateway", "unknown"),
    [
        pytest.param("0.0.0.0", (), True, id="all addresses"),
        pytest.param("::", (), True, id="all, IPv6 too"),
        pytest.param("0.0.0.0", ("gw.example.org:2222",), False, id="configured"),
        pytest.param("192.0.2.1", (), False, id="one address"),
    ],
)
def test_a_gateway_that_listens_on_all_addresses_is_asked_for_one(
    listen_on: str, gateway: tuple[str, ...], *, unknown: bool
) -> None:
    assert (
        address_unknown(listen_on, Config(tunnel_user=current_user(), gateway=gateway)) is unknown
    )


@pytest.mark.parametrize(
    ("listen_on", "address"),
    [
        ("0.0.0.0", "127.0.0.1:2222"),
        ("::", "[::1]:2222"),
        ("*", "127.0.0.1:2222"),
        ("192.0.2.1", "192.0.2.1:2222"),
        ("2001:db8::1", "[2001:db8::1]:2222"),
    ],
)
def test_this_machine_reaches_each_listener_by_an_address(listen_on: str, address: str) -> None:
    assert local_address(listen_on, 2222) == address
