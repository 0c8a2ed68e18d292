"""Whether something listens on the ports that devices are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.model import parse_target
from checker.sshd.listening import Socket, Unheard, sshd_sockets, unheard
from checker.sshd.lockdown import settings

NEW_SPELLING = Path(__file__).parents[2] / "data/sshd/effective-10.5.txt"
EVERYWHERE = (Socket(address="0.0.0.0", port=22), Socket(address="::", port=22))
OWN = {"192.0.2.7": ("192.0.2.7",), "gw.example.org": ("127.0.0.1",), "fd00::7": ("fd00::7",)}


def silent(
    gateway: str, *, sshd: tuple[Socket, ...] = EVERYWHERE, others: tuple[Socket, ...] = ()
) -> tuple[Unheard, ...]:
    return unheard([parse_target(gateway)], sshd, others, OWN)


@pytest.mark.parametrize(
    "gateway",
    ["192.0.2.7:22", "[fd00::7]:22", "gw.example.org:22", "203.0.113.1:22", "nat.example.org:22"],
)
def test_an_address_on_sshds_port_is_fine(gateway: str) -> None:
    assert silent(gateway) == ()


def test_sshd_says_where_it_listens() -> None:
    asked = settings("port 22\nlistenaddress 127.0.0.1:22\nlistenaddress [::1]:99\n")

    assert sshd_sockets(asked) == (
        Socket(address="127.0.0.1", port=22),
        Socket(address="::1", port=99),
    )
    newer = sshd_sockets(settings(NEW_SPELLING.read_text(encoding="ascii")))
    assert {socket.port for socket in newer} == {2222}


def test_a_port_of_this_machine_on_which_nothing_listens_names_both_ports() -> None:
    (found,) = silent("192.0.2.7:2222")

    assert found.is_own
    assert found.sentence == (
        "gateway names 192.0.2.7:2222, an address of this machine, but nothing listens there:"
        " sshd listens on port 22"
    )


def test_a_port_of_another_machine_may_be_passed_on() -> None:
    (found,) = silent("nat.example.org:2222")

    assert not found.is_own
    assert "gateway names port 2222 (nat.example.org:2222), but sshd listens on port 22" in (
        found.sentence
    )


@pytest.mark.parametrize(
    ("gateway", "listening", "is_heard"),
    [
        pytest.param("192.0.2.7:443", "192.0.2.7", True, id="a proxy"),
        pytest.param("192.0.2.7:443", "::ffff:192.0.2.7", True, id="a proxy, mapped"),
        pytest.param("192.0.2.7:443", "::", True, id="systemd"),
        pytest.param("192.0.2.7:443", "192.0.2.8", False, id="another address"),
        pytest.param("192.0.2.7:443", "127.0.0.1", False, id="loopback"),
        pytest.param("203.0.113.1:443", "10.0.0.5", True, id="behind a router"),
        pytest.param("203.0.113.1:443", "127.0.0.1", False, id="behind a router, loopback"),
        pytest.param("gw.example.org:443", "127.0.0.1", True, id="a name of the loopback"),
    ],
)
def test_another_program_may_listen_for_sshd(gateway: str, listening: str, is_heard: bool) -> None:
    found = silent(gateway, others=(Socket(address=listening, port=443),))

    assert (found == ()) is is_heard


def test_an_sshd_that_listens_only_elsewhere_is_noticed() -> None:
    only = (Socket(address="10.0.0.5", port=22),)

    assert silent("192.0.2.7:22", sshd=only)[0].is_own
    assert silent("192.0.2.7:22", sshd=())[0].sentence.endswith("sshd listens nowhere")
