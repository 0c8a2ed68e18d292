"""A device's ~/.ssh/config: the gateways to which it opens ports."""

from __future__ import annotations

import pytest

from checker.registry.imported import FileRead
from checker.registry.tunnel_files import read_tunnels

CONFIG = """\
# my hosts
Host gateway gw
    HostName gateway.example.org
    User=tunnel
    RemoteForward 20010 localhost:22
    RemoteForward = *:20011 "[::1]:80"
Host nas
    HostName 192.168.1.9
Host *
    Port 2222
    User nobody
    IdentityFile ~/.ssh/id
    ServerAliveInterval 30
"""


def read(text: str) -> FileRead:
    found = read_tunnels(text, stem="config", added_at=7)
    assert found is not None
    return found


def test_each_host_that_opens_ports_is_a_node_and_the_first_value_counts() -> None:
    found = read(CONFIG)

    assert found.problems == ()
    assert [one.node.name for one in found.found] == ["gateway", "gw"]
    one = found.found[0]
    assert [(f.port, str(f.target), f.public) for f in one.node.forwards] == [
        (20010, "localhost:22", False),
        (20011, "[::1]:80", True),
    ]
    assert str(one.login) == "tunnel@gateway.example.org:2222 with ~/.ssh/id"
    assert one.left_out == ("ServerAliveInterval 30",)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("Host *\n RemoteForward 1 a:2\n", 1, "for hosts that match *: the file does not say"),
        ("RemoteForward 1 a:2\n", 1, "for hosts that match *"),
        ("Match host gw\n RemoteForward 1 a:2\n", 1, "Match is not read"),
        ("\nHost gw\n RemoteForward 20010\n", 2, "does not lead from a port"),
        ("Host gw\n Port x\n RemoteForward 1 a:2\n", 0, "'x' is not a port"),
    ],
)
def test_what_is_not_taken_is_said(text: str, line: int, says: str) -> None:
    found = read(text)

    assert found.found == ()
    ((at, why),) = [(one.line, one.text) for one in found.problems]
    assert at == line
    assert says in why
