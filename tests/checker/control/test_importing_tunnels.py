"""Importing OpenWRT's files and systemd units, and ports that no tunnel can bind."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import home_layout
from checker.control.bindable import PortsThere
from checker.model import Listener, Port
from checker.registry.reading import read_registry
from tests.checker.registry.rev_homes import imported, rev, shared_home
from tests.strategies import node, public_key

TUNNELS = Path(__file__).parents[2] / "data" / "tunnels"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return shared_home(tmp_path)


def test_ports_that_no_tunnel_can_bind_are_named(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    (home / "reversi.toml").write_text('tunnel_user = "nobody"\n')
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        busy = server.getsockname()[1]
        rev(tmp_path, "busy", reversiport=busy)
        rev(tmp_path, "low", reversiport=443, allowinternet=1)
        rev(tmp_path, "zhigh", reversiport=65536)

        done = imported(capsys, home, str(tmp_path))

    assert done.code is ExitCode.NOT_UP
    first, second = done.out.splitlines()
    assert f"another program listens on port {busy} now" in first
    assert "sshd binds port 443 only for root, not for nobody" in second
    assert "port 443 is imported as not public" in second
    assert "reversiport '65536' is not a port" in done.err
    assert "for outgoing connections" in done.err


def test_notes_on_ports_follow_from_what_is_there() -> None:
    there = PortsThere(
        tunnel_user="reversi",
        tunnel_uid=7,
        listening={
            Port(20010): (Listener(address="127.0.0.1", port=Port(20010), uid=7, inode=1),),
            Port(20011): (Listener(address="0.0.0.0", port=Port(20011), uid=8, inode=2),),
        },
        ephemeral=range(32768, 61000),
        reserved={40000},
    )

    assert there.notes(node(ports=(20010, 20012))) == []
    assert [text[:44] for text in there.notes(node(ports=(80, 20011)))] == [
        "sshd binds port 80 only for root, not for re",
        "another program listens on port 20011 now: n",
    ]
    assert [there.is_unreserved(Port(port)) for port in (20010, 40000, 40001)] == [
        False,
        False,
        True,
    ]
    assert there.notes(node(ports=(80,)))
    assert not replace(there, tunnel_user="root").notes(node(ports=(80,)))


def test_openwrts_files_and_units_are_imported_with_their_login(
    capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    files = [str(TUNNELS / name) for name in ("autossh", "sshtunnel", "systemd.service")]

    done = imported(capsys, home, "--json", *files)

    assert done.code is ExitCode.OK, done.err
    document = json.loads(done.out)
    assert {one["name"]: one["login"] for one in document["nodes"]} == {
        "autossh": {
            "user": "reversi",
            "host": "gateway.example.org",
            "port": 22,
            "key": "/etc/dropbear/id_rsa",
        },
        "office": {
            "user": "reversi",
            "host": "gateway.example.org",
            "port": 22,
            "key": "/root/.ssh/id_ed25519",
        },
        "systemd": {
            "user": "tunnel",
            "host": "gateway.example.org",
            "port": 443,
            "key": "/home/pi/.ssh/id_ed25519",
        },
    }
    assert {
        (one["name"], f["port"], f["target"], f["public"])
        for one in document["nodes"]
        for f in one["forwards"]
    } == {
        ("autossh", 20222, "localhost:22", False),
        ("office", 20180, "192.168.1.20:80", True),
        ("office", 20122, "127.0.0.1:22", False),
        ("systemd", 20322, "localhost:22", False),
        ("systemd", 20380, "192.168.1.1:80", False),
    }
    assert "a device logs in as tunnel, and the tunnel user here is" in done.err


def test_a_device_with_a_key_of_its_own_is_imported_with_it(
    capsys: pytest.CaptureFixture[str], home: Path, tmp_path: Path
) -> None:
    key = tmp_path / "id.pub"
    key.write_text(public_key(5))
    words = (str(TUNNELS / "sshtunnel"), "--public-key", str(key))

    done = imported(capsys, home, *words, "--name", "lobby")

    assert done.code is ExitCode.OK, done.err
    (node,) = read_registry(home / "nodes").nodes.values()
    assert (node.name, node.public_key, node.calls_itself) == ("lobby", public_key(5), "")
    lines = home_layout(home).authorized_keys.read_text()
    assert 'permitlisten="localhost:20180",permitlisten="*:20180"' in lines
    again = imported(capsys, home, str(TUNNELS / "autossh"), "--public-key", str(key))
    assert (again.code, "belongs to node lobby" in again.err) == (ExitCode.NOT_UP, True)
    key.write_text(public_key(9))
    shared = imported(capsys, home, str(TUNNELS / "autossh"), "--public-key", str(key))
    assert (shared.code, "is the shared one" in shared.err) == (ExitCode.USAGE, True)
