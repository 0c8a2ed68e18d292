"""The configuration of frp's client, new and old."""

from __future__ import annotations

import pytest

from checker.registry.imported import FileRead
from checker.registry.tunnel_files import read_tunnels

TOML = """\
serverAddr = "gateway.example.org"
serverPort = 7000

[[proxies]]
name = "ssh"
type = "tcp"
localPort = 22
remotePort = 20010
transport.useEncryption = true

[[proxies]]
name = "web"
type = "tcp"
localIP = "192.168.1.9"
localPort = 80
remotePort = 20011
"""
INI = """\
[common]
server_addr = gateway.example.org
user = shed
[ssh]
type = tcp
local_ip = 127.0.0.1
local_port = 22
remote_port = 20010
use_encryption = true
"""


def read(text: str) -> FileRead:
    found = read_tunnels(text, stem="office", added_at=7)
    assert found is not None
    return found


def test_the_tcp_proxies_of_a_file_are_the_public_ports_of_one_node() -> None:
    (one,) = read(TOML).found

    assert one.node.name == "office"
    assert [(f.port, str(f.target), f.public) for f in one.node.forwards] == [
        (20010, "127.0.0.1:22", True),
        (20011, "192.168.1.9:80", True),
    ]
    assert one.login is None
    assert one.left_out == ("transport",)
    assert "port 20011 is public here; to close it" in str(one.notes)


def test_the_older_format_is_read_too() -> None:
    (one,) = read(INI).found

    assert (one.node.name, one.node.ports, one.left_out) == ("shed", (20010,), ("use_encryption",))
    assert str(one.node.forwards[0].target) == "127.0.0.1:22"


PROXY = '[[proxies]]\nname = "x"\nlocalPort = 1\n'


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        pytest.param(f'{PROXY}type = "http"\n', 1, "proxy x: type http is not", id="http"),
        pytest.param(f'\n{PROXY}type = "udp"\nremotePort = 5\n', 2, "type udp is", id="udp"),
        pytest.param(PROXY, 1, "no remotePort", id="no-port"),
        pytest.param(f"{PROXY}remotePort = 0\n", 1, "no remotePort", id="frps-chooses"),
        pytest.param(f"{PROXY}remotePort = [1]\n", 1, "'[1]' is not a port", id="list"),
        pytest.param(f"{PROXY}remotePort = 5\nplugin.type = 'x'\n", 1, "a plugin", id="plugin"),
        pytest.param("serverAddr = 'a'\nproxies = 5\n", 0, "not a list of tables", id="no-list"),
        pytest.param(
            f"{PROXY}remotePort = {{{{ .P }}}}\n", 0, "its {{ }} templates", id="template"
        ),
        pytest.param("serverAddr = \n", 0, "not valid TOML", id="toml"),
        pytest.param(f"serverAddr = 'a'\nx = {'9' * 5000}\n", 0, "not valid TOML", id="number"),
        pytest.param("serverAddr: a\nproxies: []\n", 0, "as YAML or JSON", id="yaml"),
        pytest.param('{\n"serverAddr": "a"}\n', 0, "as YAML or JSON", id="json"),
        pytest.param("[common]\nx\n", 0, "not a valid frpc.ini", id="ini"),
        pytest.param("[common]\na = b\n[range:x]\n", 3, "several ports", id="range"),
        pytest.param("serverAddr = 'a'\n", 0, "no tunnel", id="no-proxy"),
    ],
)
def test_a_proxy_that_is_not_taken_says_why(text: str, line: int, says: str) -> None:
    found = read(text)

    assert found.found == ()
    ((at, why),) = [(one.line, one.text) for one in found.problems]
    assert at == line
    assert says in why
