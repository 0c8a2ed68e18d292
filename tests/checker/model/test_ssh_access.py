"""Which forwards lead to SSH servers, and under which name ssh keeps the key of each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import (
    Forward,
    NodeName,
    Port,
    Publication,
    expects_ssh,
    host_key_alias,
    parse_expect,
    parse_target,
    ssh_forwards,
)


def forward(target: str, expect: str = "open", port: int = 20010) -> Forward:
    return Forward(
        node=NodeName("office"),
        port=Port(port),
        target=parse_target(target),
        expect=parse_expect(expect),
    )


@pytest.mark.parametrize(
    ("target", "expect", "is_ssh"),
    [
        ("127.0.0.1:22", "open", True),
        ("127.0.0.1:2222", "banner:SSH-2.0-dropbear", True),
        ("127.0.0.1:2222", "banner:ssh", True),
        ("127.0.0.1:2222", "send:x expect:SSH-2.0", True),
        ("192.168.1.9:22", "banner:Welcome", True),
        ("127.0.0.1:2222", "open", False),
        ("127.0.0.1:22", "http", False),
        ("127.0.0.1:22", "tls", False),
        ("127.0.0.1:25", "banner:220", False),
    ],
)
def test_a_banner_or_port_22_tells_an_ssh_server(target: str, expect: str, is_ssh: bool) -> None:
    assert expects_ssh(forward(target, expect)) is is_ssh


def test_a_pinned_host_key_tells_an_ssh_server() -> None:
    assert expects_ssh(replace(forward("127.0.0.1:2222"), host_key="ssh-ed25519 AAAA"))


@pytest.mark.parametrize(
    ("target", "alias"),
    [
        ("127.0.0.1:22", "reversi:office"),
        ("localhost:22", "reversi:office"),
        ("[::1]:22", "reversi:office"),
        ("127.0.0.1:2222", "reversi:office:localhost:2222"),
        ("192.168.1.9:22", "reversi:office:192.168.1.9:22"),
        ("Camera.lan:22", "reversi:office:camera.lan:22"),
        ("[2001:DB8::1]:22", "reversi:office:[2001:db8::1]:22"),
    ],
)
def test_an_alias_names_the_node_and_its_target(target: str, alias: str) -> None:
    assert host_key_alias(forward(target)) == alias


def test_an_alias_stays_when_the_port_changes() -> None:
    assert host_key_alias(forward("127.0.0.1:22", port=20011)) == host_key_alias(
        forward("127.0.0.1:22")
    )


def test_the_devices_own_server_comes_before_its_neighbours() -> None:
    neighbour, web, own, other = (
        forward("192.168.1.9:22", port=1),
        forward("127.0.0.1:80", "http", port=2),
        forward("127.0.0.1:22", port=3),
        forward("127.0.0.1:2222", "banner:SSH", port=4),
    )

    assert ssh_forwards([neighbour, web, own, other]) == (own, other, neighbour)


def test_a_forward_that_leaves_or_wants_a_proxy_line_is_left_out() -> None:
    leaving = replace(forward("127.0.0.1:22"), leaves_at=5)
    proxied = replace(
        forward("127.0.0.1:22"), published=(Publication(port=Port(22), send_proxy=True),)
    )

    assert ssh_forwards([leaving, proxied]) == ()
