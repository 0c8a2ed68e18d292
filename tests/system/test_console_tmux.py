"""The console in a real terminal, against a real gateway: kill a hung tunnel, open a shell."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.control.client import operator_name
from checker.model import Event, EventKind, NodeName, ProcessId, Status
from checker.state.store import open_reader
from tests.programs import require
from tests.reversi_tui.console.hands import Hands
from tests.reversi_tui.console.tmux import LEFT, SWITCHES, Tmux, console_words, tmux
from tests.system.accounts import Mode
from tests.system.box_server import BoxServer
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway, gateway_at
from tests.system.ports import accepts
from tests.system.processes import end_one
from tests.system.seen import is_gone

pytestmark = pytest.mark.sshd
PATIENT = "probe_every_s = 5\ndeadline_s = 1\nstrikes = 10\nstrike_gap_s = 12\n"
"""High enough that the operator kills before the gateway does."""
WIDE = (160, 24)
"""The first line fits in full, even on a machine under load, where the load is an alarm."""
EAGER = "check_every_s = 2\nanswer_deadline_s = 3\n"
"""Settings added to the client's file that the gateway wrote."""


@pytest.fixture(scope="module")
def gateway(usual: Mode) -> Iterator[Gateway]:
    require("tmux", "ssh", "ssh-keygen")
    with gateway_at(usual, policy=PATIENT) as found:
        found.up()
        yield found


@contextmanager
def client(device: Device) -> Iterator[subprocess.Popen[bytes]]:
    """The node's own client, which reconnects by itself."""
    config = device.config
    text = config.read_text(encoding="utf-8")
    config.write_text(
        EAGER
        + "\n".join(
            line
            for line in text.splitlines()
            if not line.startswith(("check_every_s", "answer_deadline_s"))
        )
    )
    with config.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "client", "run", "--config", str(config)],
            stdin=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        end_one(process)


WITH_PID = ("--columns", "node,port,status,pid,since")


def row_of(lines: list[str], device: Device) -> str:
    """The node's row on the screen; "" if it is not shown."""
    return next(
        (line for line in lines if re.match(rf"[ ▌] {device.node} +{device.ports[0]} ", line)), ""
    )


def shown_pid(lines: list[str], device: Device, status: str) -> int | None:
    """The PID in the node's row, if the row has that status."""
    row = row_of(lines, device)
    found = re.search(r" (\d+)(?: +[0-9.]+:\d+)? +\S+$", row)
    return int(found[1]) if found and f" {status} " in row else None


def leave(terminal: Tmux) -> None:
    """Quit the console; check that it restores the terminal."""
    terminal.press("q")
    terminal.shows(f"{LEFT} 0")
    assert terminal.switches() == SWITCHES


def test_a_hung_tunnel_is_found_and_killed_by_keys_and_comes_back(
    gateway: Gateway, tmp_path: Path
) -> None:
    device, other = (gateway.add(gateway.service().target) for _ in range(2))
    gateway.connect(other)
    other_session = gateway.await_up(other)
    with (
        client(device) as process,
        tmux(tmp_path, console_words(gateway.home, *WITH_PID), size=(100, 24)) as terminal,
    ):
        session = gateway.await_up(device)
        terminal.until(lambda lines: shown_pid(lines, device, "up") == session.pid, "the row is up")
        process.send_signal(signal.SIGSTOP)
        gateway.await_status(device, Status.HUNG)

        hands = Hands(terminal)
        hands.press("/")
        hands.type("status:hung")
        hands.press("Enter")
        terminal.until(
            lambda lines: (
                shown_pid(lines, device, "hung") == session.pid and not row_of(lines, other)
            ),
            "only the hung row",
        )
        hands.press("k")
        terminal.shows("Cancel (n)", f"sshd {session.pid}")
        hands.press("y")
        terminal.shows(f"{device.node} port {device.ports[0]}: sshd ")
        assert hands.count == 5

        assert is_gone(session)
        assert not accepts(device.ports[0])
        assert gateway.tunnel(device).kills == 1
        (killed,) = gateway.events(device, EventKind.KILL)
        assert operator_name() in killed.actor
        assert str(session.pid) in killed.text
        process.send_signal(signal.SIGCONT)
        again = gateway.await_up(device, after=session)
        terminal.press("Escape", "Escape", "Escape", "Home")  # a letter next would be alt and it
        terminal.until(
            lambda lines: shown_pid(lines, device, "up") == again.pid and row_of(lines, other),
            "the node is back",
        )
        assert gateway.tunnel(other).session == other_session
        leave(terminal)


@dataclass
class Reconnecting:
    """A device whose connection a test replaces."""

    gateway: Gateway
    device: Device
    connection: Connection
    session: ProcessId

    def reconnect(self) -> None:
        """End the connection, and open another."""
        self.connection.close()
        self.connection = self.gateway.connect(self.device)
        self.session = self.gateway.await_up(self.device, after=self.session)

    def is_refused(self, lines: list[str]) -> bool:
        """Whether the console refuses, or the daemon if the console does not know yet."""
        told = " ".join(" ".join(lines).split())
        return f"{self.device.node} port" in told and (
            "and is now held by" in told or "is held by another process now" in told
        )


def reconnecting(gateway: Gateway) -> Reconnecting:
    device = gateway.add(gateway.service().target)
    connection = gateway.connect(device)
    return Reconnecting(gateway, device, connection, gateway.await_up(device))


def test_a_tunnel_replaced_while_the_console_asks_is_not_killed(
    own_gateway: Gateway, tmp_path: Path
) -> None:
    gateway = own_gateway
    gateway.up()
    both = first, second = reconnecting(gateway), reconnecting(gateway)

    with tmux(tmp_path, console_words(gateway.home, *WITH_PID), size=(100, 24)) as terminal:
        terminal.until(
            lambda lines: all(shown_pid(lines, each.device, "up") for each in both), "both rows"
        )
        terminal.press("/")
        terminal.type(f"port:{first.device.ports[0]}")
        terminal.press("Enter", "k")
        terminal.shows("Kill this forward?", f"sshd {first.session.pid}")
        first.reconnect()
        terminal.type("up")
        terminal.press("Enter")
        terminal.until(first.is_refused, "the new tunnel is left alone")
        assert not is_gone(first.session)

        terminal.press("Escape", "Escape", "Escape", "Home")  # a letter next would be alt and it
        terminal.until(
            lambda lines: all(
                shown_pid(lines, each.device, "up") == each.session.pid for each in both
            ),
            "both are up",
        )
        terminal.press("a", "l", "k")
        terminal.shows(*(f"sshd {each.session.pid}" for each in both))
        second.reconnect()
        terminal.type("2")
        terminal.press("Enter")
        terminal.shows(f"{first.device.node} port {first.device.ports[0]}: sshd ")
        terminal.until(second.is_refused, "the replaced tunnel is left alone")
        assert is_gone(first.session)
        assert not is_gone(second.session)
        leave(terminal)

    assert gateway.events(second.device, EventKind.KILL) == ()


@contextmanager
def node_with_a_shell(
    gateway: Gateway, folder: Path
) -> Iterator[tuple[Device, BoxServer, dict[str, str]]]:
    """A node whose tunnel leads to an SSH server with shells; the operator's ssh has only a key."""
    server = BoxServer(folder / "node")
    try:
        device = gateway.add(f"127.0.0.1:{server.port},banner:SSH-2.0")
        gateway.connect(device)
        gateway.await_up(device)
        config = folder / "ssh_config"
        config.write_text(
            f'Host *\n  User {server.user}\n  IdentityFile "{server.folder}/key"\n  IdentitiesOnly'
            f' yes\n  UserKnownHostsFile "{folder}/known_hosts"\n  GlobalKnownHostsFile none\n',
            encoding="ascii",
        )
        programs = folder / "bin"
        programs.mkdir()
        words = shlex.join([shutil.which("ssh") or "ssh", "-F", str(config)])
        (programs / "ssh").write_text(f'#!/bin/sh\nexec {words} "$@"\n', encoding="ascii")
        (programs / "ssh").chmod(0o755)
        yield device, server, {"PATH": f"{programs}:{os.environ['PATH']}"}
    finally:
        server.close()


def test_the_console_is_restored_after_a_shell_on_the_node(
    gateway: Gateway, tmp_path: Path
) -> None:
    with (
        node_with_a_shell(gateway, tmp_path) as (device, server, environ),
        tmux(
            tmp_path,
            console_words(gateway.home, "--filter", f"node:{device.node}"),
            size=WIDE,
            environ=environ,
        ) as terminal,
    ):
        terminal.until(
            lambda lines: shown_pid(lines, device, "up") and "..." not in row_of(lines, device),
            "the row is up, with its target",
        )
        before = row_of(terminal.lines(), device)

        hands = Hands(terminal)
        hands.press("j")
        hands.type(device.node)
        hands.press("Enter", "s")
        terminal.shows("authenticity of host", "(yes/no")
        hands.type("yes\n")
        terminal.shows("Permanently added")
        assert hands.count == 5
        terminal.type("stty -echo; echo the sum is $((40 + 2)) $SSH_CONNECTION.\n")
        terminal.shows("the sum is 42", f" {server.port}.")
        terminal.type("exit\n")
        terminal.shows("ssh ended with exit status 0")

        lines = terminal.until(lambda lines: row_of(lines, device), "the row is back")
        assert row_of(lines, device)[:60] == before[:60]
        assert lines[0].startswith("reversi")
        assert "daemon running" in lines[0]
        open_and_close_the_help(terminal)
        changed_key(tmp_path / "known_hosts", tmp_path)
        terminal.press("s")
        terminal.shows("Host key verification failed", "press enter to go back to the console")
        terminal.press("Enter")
        lines = terminal.shows("ssh ended with exit status 255", "daemon running")
        assert row_of(lines, device)[:60] == before[:60]
        leave(terminal)

    shells = shells_of(gateway, device.node)
    assert [(event.actor, event.port) for event in shells] == [
        (operator_name(), device.ports[0])
    ] * 2
    assert all(event.text.startswith("ssh -p ") for event in shells)


def shells_of(gateway: Gateway, node: str) -> list[Event]:
    """The node's events about shells."""
    with closing(open_reader(gateway.layout.state)) as reader:
        events = reader.events(node=NodeName(node), limit=1000)
    return [event for event in events if event.kind is EventKind.SHELL]


def open_and_close_the_help(terminal: Tmux) -> None:
    terminal.press("?")
    terminal.shows("Kill the sshd process")
    terminal.press("Escape")
    terminal.until(
        lambda lines: not any("Kill the sshd process" in line for line in lines),
        "the help is closed",
    )


def changed_key(known: Path, folder: Path) -> None:
    """Make the console know the node by another host key than the node shows."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "other")],
        check=True,
        timeout=200,
    )
    (name, *_), other = (
        known.read_text(encoding="ascii").split(),
        (folder / "other.pub").read_text(encoding="ascii"),
    )
    known.write_text(f"{name} {other}", encoding="ascii")


def test_the_console_survives_the_loss_of_the_daemon_and_of_the_home(
    own_gateway: Gateway, tmp_path: Path
) -> None:
    require("tmux")
    own_gateway.start_sshd()
    own_gateway.serve()
    device = own_gateway.add(own_gateway.service().target)
    own_gateway.connect(device)
    session = own_gateway.await_up(device)
    with tmux(tmp_path, console_words(own_gateway.home), size=WIDE) as terminal:
        terminal.until(lambda lines: shown_pid(lines, device, "up") == session.pid, "the row is up")
        terminal.shows("daemon running")

        own_gateway.kill_daemon()
        elsewhere = own_gateway.home.rename(own_gateway.home.with_name("elsewhere"))
        terminal.shows("the rows are as last read", "daemon no answer")
        assert shown_pid(terminal.lines(), device, "up") == session.pid
        terminal.shows("daemon not running", "stale <1m")
        elsewhere.rename(own_gateway.home)
        terminal.until(
            lambda lines: not any("as last read" in line for line in lines), "the trouble is gone"
        )
        state = own_gateway.layout.state
        for file in state.parent.glob(f"{state.name}*"):
            file.unlink()
        terminal.shows("there is no state file", "start reversi-checker serve")
        assert row_of(terminal.lines(), device)
        own_gateway.serve()

        terminal.shows("daemon running")
        terminal.until(
            lambda lines: (
                shown_pid(lines, device, "up") == session.pid
                and "stale" not in row_of(lines, device)
            ),
            "the row is up again",
        )
        leave(terminal)
