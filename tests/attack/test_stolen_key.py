"""A stolen device key opens its own tunnel and nothing else.

Each attempt makes an event: from the gate for a session, from sshd's log for the rest.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import asyncssh
import pytest

from checker import __version__
from checker.model import Status
from checker.wire import PROTOCOL
from tests.attack.thief import Attempt, break_in, files_in, refusals_logged, say
from tests.programs import require
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway
from tests.system.ports import accepts, free_port
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
FORGED = "10.0.0.1\nAccepted publickey for root from 10.0.0.1 port 9 ssh2: ED25519 SHA256:x\n"
LONG = "x" * 2000
"""Longer than a line of sshd's log."""


@pytest.fixture(scope="module")
def opener(target: Gateway) -> Device:
    """A device whose key opens channels; its attempts stay below the limit of the log."""
    return target.add("127.0.0.1:9", name="opener")


@pytest.fixture(scope="module")
def grabber(target: Gateway) -> Device:
    """A device whose key asks for other ports; its attempts stay below that limit too."""
    return target.add("127.0.0.1:9", name="grabber")


@pytest.mark.parametrize(
    ("attempt", "event"),
    [
        pytest.param(
            lambda c: c.open_connection("127.0.0.1", 22),
            "a connection to 127.0.0.1 port 22",
            id="-L",
        ),
        pytest.param(
            lambda c: c.open_connection("10.0.0.1", 80),
            "a connection to 10.0.0.1 port 80",
            id="-L into the network",
        ),
        pytest.param(
            lambda c: c.open_connection(FORGED, 80),
            "a connection to 10.0.0.1\\x0aAccepted publickey for",
            id="-L with a forged log line",
        ),
        pytest.param(
            lambda c: c.open_connection("h", 22, orig_host=LONG),
            "a connection to a place that a long request hides",
            id="-L, too long for the log",
        ),
        pytest.param(
            lambda c: c.open_unix_connection("/run/reversi/checker.sock"),
            "a connection to /run/reversi/checker.sock",
            id="-L socket",
        ),
        pytest.param(
            lambda c: c.create_tun(asyncssh.SSHTunTapSession), "a tunnel device", id="-w, layer 3"
        ),
        pytest.param(
            lambda c: c.create_tap(asyncssh.SSHTunTapSession), "a tunnel device", id="-w, layer 2"
        ),
        pytest.param(lambda c: c.start_sftp_client(), "the subsystem sftp", id="sftp"),
        pytest.param(lambda c: say(c, "version", term_type="xterm"), "a terminal", id="a terminal"),
        pytest.param(
            lambda c: say(c, None, term_type="xterm"), "a terminal", id="a shell with a terminal"
        ),
        pytest.param(
            lambda c: say(c, "version", x11_forwarding=True, x11_display="127.0.0.1:0"),
            "X11 forwarding",
            id="X11",
        ),
    ],
)
async def test_sshd_opens_no_channel_except_sessions(
    target: Gateway, opener: Device, victim: Device, attempt: Attempt, event: str
) -> None:
    with refusals_logged(target, opener, f"sshd refused {event}"):
        async with break_in(opener) as connection:
            with pytest.raises((asyncssh.ChannelOpenError, asyncssh.SFTPError)):
                await attempt(connection)


@pytest.mark.parametrize(
    ("address", "port"),
    [
        pytest.param("localhost", "{victim}", id="another node's port"),
        pytest.param("127.0.0.1", "{victim}", id="another node's port, by address"),
        pytest.param("::1", "{victim}", id="another node's port, by IPv6"),
        pytest.param("127.0.0.2", "{own}", id="another address of the machine"),
        pytest.param("", "{own}", id="every address"),
        pytest.param("*", "{own}", id="asterisk"),
        pytest.param("0.0.0.0", "{own}", id="IPv4 wildcard"),
        pytest.param("::", "{own}", id="IPv6 wildcard"),
        pytest.param("localhost.", "{own}", id="almost localhost"),
        pytest.param("localhost", "0", id="any port"),
        pytest.param("localhost", "22", id="privileged"),
        pytest.param("localhost", "{free}", id="an unregistered port"),
        pytest.param("localhost", "{own} + 65536", id="its own + 65536"),
        pytest.param("localhost", "{victim} + 65536", id="another's + 65536"),
        pytest.param("localhost", "2**32 - 1", id="huge, or negative"),
    ],
)
async def test_the_key_listens_only_on_its_own_port_of_the_loopback(
    target: Gateway, grabber: Device, victim: Device, address: str, port: str
) -> None:
    number = sum(
        map(
            int_of,
            port.format(victim=victim.ports[0], own=grabber.ports[0], free=free_port()).split(
                " + "
            ),
        )
    )
    event = (
        f"listening on {address or 'all addresses'} port {number},"
        if number < 2**31
        else "listening on a port that is not its own"
    )

    with refusals_logged(target, grabber, f"sshd refused {event}"):
        async with break_in(grabber) as connection:
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_port(address, number, "127.0.0.1", 9)
            assert not accepts(grabber.ports[0])


def int_of(text: str) -> int:
    return 2**32 - 1 if text == "2**32 - 1" else int(text)


async def test_the_key_cannot_listen_on_a_unix_socket(
    target: Gateway, stolen: Device, victim: Device, open_folder: Path
) -> None:
    with refusals_logged(target, stolen, "sshd refused listening on a Unix socket"):
        async with break_in(stolen) as connection:
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_path(
                    str(open_folder / "socket"), str(open_folder / "here")
                )

    assert files_in(open_folder) == []


async def test_the_key_opens_its_own_tunnel(
    target: Gateway, stolen: Device, victim: Device
) -> None:
    async with break_in(stolen) as connection:
        listener = await connection.forward_remote_port(
            "localhost", stolen.ports[0], "127.0.0.1", 9
        )
        assert accepts(stolen.ports[0])
        listener.close()
        assert await say(connection, "version") == (0, f"{PROTOCOL} {__version__}\n", "")


async def test_the_key_logs_in_as_no_other_user(
    target: Gateway, stolen: Device, victim: Device
) -> None:
    known = asyncssh.import_known_hosts(f"[{stolen.host}]:{stolen.ssh_port} {stolen.host_key}\n")

    for user in ("root", "nobody", "reversi", stolen.user + " "):
        with (
            refusals_logged(
                target, None, f"sshd refused a login as {user}, asked for by 127.0.0.1"
            ),
            pytest.raises(asyncssh.PermissionDenied),
        ):
            await asyncssh.connect(
                stolen.host,
                stolen.ssh_port,
                username=user,
                client_keys=[str(stolen.key)],
                known_hosts=known,
                config=None,
                agent_path=None,
            )


def test_a_socks_proxy_leads_nowhere(target: Gateway, stolen: Device, victim: Device) -> None:
    entry = free_port()
    target.connections.append(Connection(stolen.ssh("-N", "-D", f"127.0.0.1:{entry}")))
    until(lambda: accepts(entry), "the proxy listens")

    event = f"sshd refused a connection to 127.0.0.1 port {target.ssh_port},"
    with (
        refusals_logged(target, stolen, event),
        socket.create_connection(("127.0.0.1", entry), timeout=200) as peer,
    ):
        peer.sendall(b"\x05\x01\x00")
        assert peer.recv(2) == b"\x05\x00"
        peer.sendall(b"\x05\x01\x00\x01\x7f\x00\x00\x01" + target.ssh_port.to_bytes(2, "big"))
        answer = peer.recv(64)

    assert b"SSH" not in answer
    assert answer[1:2] != b"\x00" or answer == b""


@pytest.mark.parametrize(
    ("options", "request_words", "answer", "event"),
    [
        pytest.param(("-T",), (), (64, "0\n"), "refused '' from", id="shell"),
        pytest.param(
            ("-R", "{victim}:127.0.0.1:9"),
            ("version",),
            (1, ""),
            "listening on localhost port {victim},",
            id="-R of another",
        ),
        pytest.param(
            ("-R", "0.0.0.0:{own}:127.0.0.1:9"),
            ("version",),
            (1, ""),
            "on 0.0.0.0 port {own},",
            id="-R of all addresses",
        ),
        pytest.param(
            (),
            ("check", "{victim}"),
            (77, "0\n"),
            "port {victim} is not a port of",
            id="another's port",
        ),
        pytest.param((), ("check;id",), (64, "0\n"), "refused 'check;id' from", id="injection"),
        pytest.param(
            ("-B", "127.0.0.1:22"),
            (),
            (0, ""),
            "a connection to 127.0.0.1 port 22,",
            id="netcat mode",
        ),
    ],
)
def test_dropbears_client_gets_no_more_than_the_key_allows(
    target: Gateway,
    stolen: Device,
    victim: Device,
    options: tuple[str, ...],
    request_words: tuple[str, ...],
    answer: tuple[int, str],
    event: str,
) -> None:
    require("dbclient", "dropbearconvert")
    place = {"victim": victim.ports[0], "own": stolen.ports[0]}
    words = [
        *stolen.dbclient(*(option.format(**place) for option in options)),
        *(word.format(**place) for word in request_words),
    ]
    environment = {**os.environ, "HOME": str(target.folder)}

    with refusals_logged(target, stolen, event.format(**place)):
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
            env=environment,
        )

    assert (done.returncode, done.stdout) == answer, done.stderr
    assert target.tunnel(victim).status is Status.UP
