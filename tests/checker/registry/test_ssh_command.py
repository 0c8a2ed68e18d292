"""Command lines of ssh, dbclient and autossh: login, forwards, and what is left out."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.model import InvalidValue
from checker.registry.imported import Login
from checker.registry.ssh_command import SshCommand, parse_remote, read_ssh

FULL = Login(user="a", host="gw", port=443, key="k")


def read(text: str) -> SshCommand:
    return read_ssh(shlex.split(text))


@pytest.mark.parametrize(
    ("text", "login"),
    [
        pytest.param("a@gw", Login(user="a", host="gw"), id="user-and-host"),
        pytest.param("-p 443 -l a -i k gw", FULL, id="options"),
        pytest.param("-p443 -la -ik gw", FULL, id="attached"),
        pytest.param("gw -p 443", Login(host="gw", port=443), id="after-the-host"),
        pytest.param("ssh://a@gw:443", Login(user="a", host="gw", port=443), id="address"),
        pytest.param("-o Port=443 -oUser=a -o 'IdentityFile k' gw", FULL, id="-o"),
        pytest.param("-p 1 -p 2 gw", Login(host="gw", port=1), id="the-first-counts"),
        pytest.param("-- a@gw", Login(user="a", host="gw"), id="end-of-options"),
        pytest.param("-yNTi k -K 300 -I 9 a@gw", replace(FULL, port=22), id="dbclient"),
    ],
)
def test_the_login_is_read(text: str, login: Login) -> None:
    assert read(text).login == login


@pytest.mark.parametrize(
    ("text", "port", "target", "public"),
    [
        pytest.param("20010:localhost:22", 20010, "localhost:22", False, id="plain"),
        pytest.param("127.0.0.1:20010:nas:80", 20010, "nas:80", False, id="loopback"),
        pytest.param("[::1]:20010:[fe80::1]:80", 20010, "[fe80::1]:80", False, id="ipv6"),
        pytest.param("*:20010:nas:80", 20010, "nas:80", True, id="star"),
        pytest.param(":20010:nas:80", 20010, "nas:80", True, id="empty"),
        pytest.param("0.0.0.0:20010:nas:80", 20010, "nas:80", True, id="all"),
        pytest.param("[::]:20010:nas:80", 20010, "nas:80", True, id="all-of-ipv6"),
    ],
)
def test_a_forward_is_read(text: str, port: int, target: str, public: bool) -> None:
    one = parse_remote(text)

    assert (one.port, str(one.target), one.public) == (port, target, public)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("20010", "does not lead from a port", id="socks"),
        pytest.param("20010:/run/x.sock", "does not lead from a port", id="unix-socket"),
        pytest.param("192.0.2.1:20010:nas:80", "one address of the gateway", id="one-address"),
        pytest.param("0:nas:80", "-R '0' is not a port", id="any-port"),
        pytest.param("70000:nas:80", "-R '70000' is not a port", id="high-port"),
        pytest.param("20010:n as:80", "is not HOST:PORT", id="host"),
    ],
)
def test_a_forward_that_no_node_can_have_is_refused_alone(text: str, says: str) -> None:
    found = read_ssh(["-R", text, "-R", "20011:nas:80", "gw"])

    assert [one.port for one in found.forwards] == [20011]
    (sentence,) = found.refused
    assert says in sentence


def test_what_has_no_counterpart_is_listed_as_written() -> None:
    found = read("-M 0 -fNT -o ServerAliveInterval=30 -L 1:a:2 -D9 a@gw uptime -R 1:a:2")

    assert found.left_out == (
        "-M 0",
        "-o ServerAliveInterval=30",
        "-L 1:a:2",
        "-D 9",
        "uptime",
        "-R",
        "1:a:2",
    )
    assert found.forwards == ()


def test_a_forward_may_be_a_setting() -> None:
    (one,) = read("-o 'RemoteForward 20010 nas:80' gw").forwards

    assert (one.port, str(one.target)) == (20010, "nas:80")


def test_a_port_of_the_login_that_is_not_a_port_is_refused() -> None:
    with pytest.raises(InvalidValue, match="-p 'x' is not a port"):
        read("-p x gw")


@given(st.lists(st.text(max_size=12) | st.sampled_from(["-R", "-p", "-NTf", "-o", "a@b", "-"])))
def test_any_words_are_read_or_refused(words: list[str]) -> None:
    try:
        found = read_ssh(words)
    except InvalidValue:
        return

    assert all(1 <= one.port <= 65535 for one in found.forwards)
