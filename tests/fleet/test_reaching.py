"""`where` and `connect`: the way to a node through the gateway that holds it."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from checker.cli.where import Nowhere, forward_named
from checker.fleet.reach import NotReached, reach
from checker.model import CheckerError, Port, Status
from checker.registry.nodes import Registry
from checker.registry.ssh_hosts import parse_way, through_holder
from checker.state.rows import Batch
from client.rollout.device import last_line
from tests.fleet.homes import Member
from tests.fleet.mirrors import LONG_S, at, mirror
from tests.fleet.test_pushing import serving
from tests.programs import run_program
from tests.registry_samples import register
from tests.reversi_tui.console.states import forward, sweep, tunnel, write
from tests.strategies import node

WITHIN_S = 100


class Echo(socketserver.BaseRequestHandler):
    """Says what it hears, in capitals, until the other end has nothing more to say."""

    def handle(self) -> None:
        heard = b""
        while part := self.request.recv(4096):
            heard += part
        self.request.sendall(heard.upper())


@contextlib.contextmanager
def echo() -> Iterator[Port]:
    """A node's port on this machine."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, name="echo")
        thread.start()
        try:
            yield Port(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def connect(member: Member, *words: str) -> subprocess.CompletedProcess[str]:
    """Say hello through `connect`."""
    command = [sys.executable, "-m", "checker", "--home", str(member.layout.home), "connect"]
    return run_program([*command, *words], input="hello", timeout=WITHIN_S)


def holds(member: Member, port: Port, *, is_here: bool) -> None:
    """Make it known that barn's tunnel is at this gateway, or at gw2."""
    now = time.time()
    register(member.layout, (forward("barn", port),))
    up = at(now, tunnel("barn", port))
    down = at(now, replace(up[0], status=Status.DOWN, session=None))
    lasting = replace(sweep(now), every_s=LONG_S)
    write(member.layout, Batch(tunnels=up if is_here else down, sweep=lasting))
    mirror(member.layout, "gw2", Batch(tunnels=down if is_here else up, sweep=lasting), now)


@pytest.mark.sshd
def test_a_node_is_reached_through_the_gateway_that_holds_it(
    gw1: Member, gw2: Member, tmp_path: Path
) -> None:
    with echo() as port, serving(gw2, tmp_path / "sshd", ",port-forwarding") as (sshd_port, key):
        gw1.do("fleet", "card", "gw2", "--address", f"127.0.0.1:{sshd_port}")
        holds(gw1, port, is_here=False)
        ssh = f"ssh -F none -o BatchMode=yes -o IdentitiesOnly=yes -i {key}"

        said = connect(gw1, f"barn:{port}", "--ssh", ssh)

    assert (said.returncode, said.stdout) == (0, "HELLO"), said.stderr


def test_a_node_that_is_here_is_reached_at_once(gw1: Member) -> None:
    with echo() as port:
        holds(gw1, port, is_here=True)

        said = connect(gw1, "site-barn", "--prefix", "site-", "--ssh", "false")

    assert (said.returncode, said.stdout) == (0, "HELLO"), said.stderr


def test_a_node_that_no_gateway_holds_is_not_reached(gw1: Member) -> None:
    port = Port(20011)
    register(gw1.layout, (forward("barn", port),))
    gone = replace(tunnel("barn", port), status=Status.DOWN, session=None)
    write(gw1.layout, Batch(tunnels=at(time.time(), gone), sweep=sweep(time.time())))
    mirror(gw1.layout, "gw2", Batch(), time.time())

    code, _, err = gw1.say("connect", "barn")

    assert code == 2
    assert "no gateway holds barn port 20011 (down, seen last by gw1)" in err
    assert issubclass(Nowhere, CheckerError)


def test_a_gateway_that_lets_nobody_through_is_named_with_what_to_do(gw1: Member) -> None:
    holds(gw1, Port(20011), is_here=False)

    said = connect(gw1, "barn:20011", "--ssh", "sh -c 'echo no entry >&2; exit 255'")

    assert said.returncode == 3
    assert "ssh to gateway gw2 failed; if that refused your login, --login USER" in said.stderr
    assert last_line(said.stderr.encode()) == "no entry", "what a rollout says of it"


def test_what_does_not_answer_is_a_sentence(gw1: Member) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # so that nobody else listens there
        with pytest.raises(NotReached, match="nobody answers at port"):
            reach(gw1.layout, "", Port(silent.getsockname()[1]), login="", ssh="ssh")
    with pytest.raises(NotReached, match="cannot be run"):
        reach(gw1.layout, "gw2", Port(20011), login="", ssh="/nowhere/ssh")
    with pytest.raises(NotReached, match="needs a command"):
        reach(gw1.layout, "gw2", Port(20011), login="", ssh="")


@pytest.mark.parametrize(
    ("text", "port"),
    [
        pytest.param("barn", 20010, id="the first SSH server"),
        pytest.param("barn:20011", 20011, id="as people write it"),
        pytest.param("barn.20011", 20011, id="as ssh-config writes it"),
        pytest.param("barn.1", 20012, id="a node with a dot in its name"),
    ],
)
def test_a_forward_is_named_as_ssh_names_it(text: str, port: int) -> None:
    nodes = (node("barn", 1, (20010, 20011)), node("barn.1", 2, (20012,)))
    registry = Registry(nodes=MappingProxyType({one.name: one for one in nodes}))

    assert forward_named(registry, text).port == port


@pytest.mark.parametrize("text", ["barn:20099", "barn.20099"])
def test_a_port_that_the_node_does_not_have_is_an_error(text: str) -> None:
    one = node("barn", 1, (20010,))
    registry = Registry(nodes=MappingProxyType({one.name: one}))

    with pytest.raises(CheckerError, match="barn"):
        forward_named(registry, text)


@pytest.mark.parametrize(
    ("jump", "command"),
    [
        pytest.param(None, "reversi-checker connect %n", id="on the gateway"),
        pytest.param("gw1", "ssh -- gw1 reversi-checker connect %n", id="from a desk"),
        pytest.param(
            "a,anna@[2001:db8::1]:2222",
            "ssh -J a -p 2222 -- anna@2001:db8::1 reversi-checker connect %n",
            id="over two hops",
        ),
    ],
)
def test_the_command_for_ssh_runs_where_the_mirrors_are(jump: str | None, command: str) -> None:
    assert through_holder(parse_way(jump, None, None)).connect == command


def test_a_homes_directory_is_quoted_for_shell_and_ssh() -> None:
    found = through_holder(parse_way(None, None, "site-"), "/srv/a b%c").connect

    assert found == "reversi-checker --home '/srv/a b%%c' connect --prefix site- %n"
