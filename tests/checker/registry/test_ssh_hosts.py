"""Which hosts the nodes are for ssh, and with which options."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checker.model import (
    Forward,
    InvalidValue,
    Node,
    NodeName,
    Port,
    parse_expect,
    parse_name,
    parse_target,
)
from checker.registry.ssh_hosts import (
    JumpIsNode,
    SshHosts,
    Way,
    options_of,
    parse_way,
    refuse_jump_that_is_node,
    ssh_hosts,
)
from tests.registry_samples import ADDED_AT
from tests.strategies import public_key

DAY = "2026-11-26"
KEY = public_key(7)


def node(name: str, *forwards: tuple[int, str], expect: str = "banner:SSH-2.0") -> Node:
    return Node(
        name=NodeName(name),
        public_key=public_key(forwards[0][0] if forwards else 1),
        added_at=ADDED_AT,
        forwards=tuple(
            Forward(
                node=NodeName(name),
                port=Port(port),
                target=parse_target(target),
                expect=parse_expect(expect),
            )
            for port, target in forwards
        ),
    )


def pinned(one: Node) -> Node:
    """The node with a pinned key of its first forward."""
    first, *others = one.forwards
    return replace(one, forwards=(replace(first, host_key=KEY), *others))


def hosts_of(*nodes: Node, prefix: str = "", broken: tuple[str, ...] = ()) -> SshHosts:
    return ssh_hosts({one.name: one for one in nodes}, DAY, prefix=prefix, broken=broken)


def test_each_node_is_a_host_and_its_further_servers_have_the_port_in_their_name() -> None:
    found = hosts_of(
        node("attic", (20001, "192.168.1.9:22"), (20002, "127.0.0.1:22")),
        node("barn", (20003, "127.0.0.1:22")),
        prefix="site-",
    )

    assert [(host.name, host.forward.port, host.alias) for host in found.hosts] == [
        ("site-attic", 20002, "reversi:attic"),
        ("site-attic.20001", 20001, "reversi:attic:192.168.1.9:22"),
        ("site-barn", 20003, "reversi:barn"),
    ]
    assert found.left_out == ""


def test_a_moving_forward_keeps_its_present_port() -> None:
    moving = node("attic", (20001, "127.0.0.1:22"))
    (forward,) = moving.forwards

    found = hosts_of(replace(moving, forwards=(replace(forward, next_port=Port(20009)),)))

    assert [host.forward.port for host in found.hosts] == [20001]


def test_nodes_that_ssh_cannot_reach_are_counted() -> None:
    found = hosts_of(
        replace(node("attic", (20001, "127.0.0.1:22")), enabled=False),
        replace(node("barn", (20002, "127.0.0.1:22")), expires=DAY),
        node("camera", (20003, "127.0.0.1:80"), expect="http"),
        node("empty"),
        node("torn", (20004, "127.0.0.1:22")),
        node("yard", (20005, "127.0.0.1:22"), (20006, "127.0.0.1:222")),
        node("yard.20006", (20007, "127.0.0.1:22")),
        broken=("torn", "unreadable"),
    )

    assert [host.name for host in found.hosts] == ["yard", "yard.20006"]
    assert [host.forward.port for host in found.hosts] == [20005, 20007]
    assert found.left_out == (
        "2 disabled or expired, 2 without a forward to an SSH server, 2 with a broken file, 1 under"
        " a name that another node has"
    )


def test_a_pinned_host_is_strict_and_another_learns_its_key_once() -> None:
    found = hosts_of(
        pinned(node("attic", (20001, "127.0.0.1:22"))), node("barn", (20002, "127.0.0.1:22"))
    )
    attic, barn = (options_of(host, Way(prefix="b-")) for host in found.hosts)

    assert (attic["StrictHostKeyChecking"], barn["StrictHostKeyChecking"]) == ("yes", "accept-new")
    assert barn["UserKnownHostsFile"] == "~/.ssh/reversi_b-known_hosts"
    assert (
        attic["UserKnownHostsFile"] == "~/.ssh/reversi_b-pinned_keys /etc/ssh/reversi_b-pinned_keys"
    )


@pytest.mark.parametrize(
    "jump", ["gw", "you@gw", "you@gateway.example.org:2222", "[::1]:2222", "a@[2001:db8::1]", "a,b"]
)
def test_a_jump_is_a_host_with_user_and_port(jump: str) -> None:
    assert parse_way(jump, None, None).jump == jump


@pytest.mark.parametrize(
    "jump",
    ["", "-oProxyCommand=x", "gw;id", "gw:port", "gw:0", "gw:65536", "::1", "a b", "gw\nHost x",
     "a,", "@gw", "-l@gw", "%h"],
)  # fmt: skip
def test_another_jump_is_refused(jump: str) -> None:
    with pytest.raises(InvalidValue, match="jump"):
        parse_way(jump, None, None)


@pytest.mark.parametrize("name", ["*", "a?", "!a", "a,b", "a b", "a#", "a\nb", '"a"', "%h", "a:b"])
def test_no_node_has_a_name_that_ssh_takes_for_a_pattern(name: str) -> None:
    with pytest.raises(InvalidValue):
        parse_name(name)


@pytest.mark.parametrize("user", ["", "-x", "a b", "a\nb", "%u", "$(id)"])
def test_a_user_that_ssh_could_misread_is_refused(user: str) -> None:
    with pytest.raises(InvalidValue, match="--user"):
        parse_way(None, user, None)


@pytest.mark.parametrize("prefix", ["", "*", "a*", "!x", "Site-", "-x", "a b", "a/b", ".."])
def test_a_prefix_that_ssh_could_misread_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidValue, match="--prefix"):
        parse_way(None, None, prefix)


def test_a_node_cannot_have_the_name_of_the_jump_host() -> None:
    found = hosts_of(node("gw", (20001, "127.0.0.1:22")))

    with pytest.raises(JumpIsNode, match="--prefix"):
        refuse_jump_that_is_node(found.hosts, parse_way("other,you@gw:22", None, None))


def test_a_prefix_tells_a_node_from_the_jump_host() -> None:
    found = hosts_of(node("gw", (20001, "127.0.0.1:22")), prefix="site-")

    refuse_jump_that_is_node(found.hosts, parse_way("gw", None, "site-"))
