"""A stolen device key opens its own tunnel, and nothing else: each attempt against a real sshd.

Each is an event as well: of the gate, where a session was asked for, or of what sshd's own log
tells.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import psutil
import pytest

from checker import __version__
from checker.model import Status
from checker.wire import PROTOCOL
from tests.attack.thief import Attempt, break_in, refused_event, say, told
from tests.programs import require
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway
from tests.system.ports import accepts, free_port
from tests.system.processes import end_one
from tests.system.waiting import until

pytestmark = [pytest.mark.sshd, pytest.mark.timeout(120)]
FORGED = "10.0.0.1\nAccepted publickey for root from 10.0.0.1 port 9 ssh2: ED25519 SHA256:x\n"
LONG = "x" * 2000
"""More than a line of sshd's holds."""
SAY_ONE_OF = (
    "say one of: check [PORT...], claim INSTANCE, hold INSTANCE [CLIENT], version, NODE PORT"
    " [EXPECTED...]"
)
UNPRINTABLE = "the request contains characters that cannot be printed"


@pytest.fixture(scope="module")
def stolen(target: Gateway) -> Device:
    """The device whose key the thief has."""
    return target.add("127.0.0.1:9", name="stolen")


@pytest.fixture(scope="module")
def victim(target: Gateway) -> Iterator[Device]:
    """Another node, whose tunnel is up and stays it."""
    device = target.add(target.service().target, name="victim")
    connection = target.connect(device, "hold", "main")
    session = target.await_up(device)
    yield device
    assert connection.beat() == 0
    assert target.await_up(device) == session
    assert target.tunnel(device).kills == 0


@pytest.fixture(scope="module")
def opener(target: Gateway) -> Device:
    """A device whose key opens channels; fewer than are told of in a minute."""
    return target.add("127.0.0.1:9", name="opener")


@pytest.fixture(scope="module")
def grabber(target: Gateway) -> Device:
    """A device whose key asks for other ports; fewer than are told of in a minute."""
    return target.add("127.0.0.1:9", name="grabber")


@pytest.fixture(scope="module")
def asker(target: Gateway) -> Device:
    """A device whose key asks for what is another's; fewer requests than are told of in a
    minute.
    """
    return target.add("127.0.0.1:9", name="asker")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where everybody may write, and nobody should."""
    with tempfile.TemporaryDirectory(prefix="reversi-open-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


@pytest.mark.parametrize(
    ("attempt", "event"),
    [
        pytest.param(
            lambda c: c.open_connection("127.0.0.1", 22), "a way to 127.0.0.1 port 22", id="-L"
        ),
        pytest.param(
            lambda c: c.open_connection("10.0.0.1", 80),
            "a way to 10.0.0.1 port 80",
            id="-L into the network",
        ),
        pytest.param(
            lambda c: c.open_connection(FORGED, 80),
            "a way to 10.0.0.1\\x0aAccepted publickey for",
            id="-L, a line of its own",
        ),
        pytest.param(
            lambda c: c.open_connection("h", 22, orig_host=LONG),
            "a way to a place that a long request hides",
            id="-L, cut off",
        ),
        pytest.param(
            lambda c: c.open_unix_connection("/run/reversi/checker.sock"),
            "a way to /run/reversi/checker.sock",
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
async def test_sshd_opens_no_other_channel(
    target: Gateway, opener: Device, victim: Device, attempt: Attempt, event: str
) -> None:
    with told(target, opener, f"sshd refused {event}"):
        async with break_in(opener) as connection:
            with pytest.raises((asyncssh.ChannelOpenError, asyncssh.SFTPError)):
                await attempt(connection)


@pytest.mark.parametrize(
    ("address", "port"),
    [
        pytest.param("localhost", "{victim}", id="another node's port"),
        pytest.param("127.0.0.1", "{victim}", id="another node's port, by address"),
        pytest.param("", "{own}", id="every address"),
        pytest.param("*", "{own}", id="asterisk"),
        pytest.param("0.0.0.0", "{own}", id="IPv4 wildcard"),
        pytest.param("::", "{own}", id="IPv6 wildcard"),
        pytest.param("localhost.", "{own}", id="almost localhost"),
        pytest.param("localhost", "0", id="any port"),
        pytest.param("localhost", "22", id="privileged"),
        pytest.param("localhost", "{free}", id="nobody's"),
        pytest.param("localhost", "{own} + 65536", id="its own, with a bit too many"),
        pytest.param("localhost", "{victim} + 65536", id="another's, with a bit too many"),
        pytest.param("localhost", "2**32 - 1", id="huge, or negative"),
    ],
)
async def test_nothing_but_its_own_port_on_the_loopback_is_listened_on(
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
        else "listening on what is no port for it"
    )

    with told(target, grabber, f"sshd refused {event}"):
        async with break_in(grabber) as connection:
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_port(address, number, "127.0.0.1", 9)
            assert not accepts(grabber.ports[0])


def int_of(text: str) -> int:
    return 2**32 - 1 if text == "2**32 - 1" else int(text)


async def test_no_unix_socket_is_listened_on(
    target: Gateway, stolen: Device, victim: Device, open_folder: Path
) -> None:
    with told(target, stolen, "sshd refused listening on a Unix socket"):
        async with break_in(stolen) as connection:
            with pytest.raises(asyncssh.ChannelListenError):
                await connection.forward_remote_path(
                    str(open_folder / "socket"), str(open_folder / "here")
                )

    assert files_in(open_folder) == []


async def test_its_own_tunnel_is_all_that_the_key_opens(
    target: Gateway, stolen: Device, victim: Device
) -> None:
    async with break_in(stolen) as connection:
        listener = await connection.forward_remote_port(
            "localhost", stolen.ports[0], "127.0.0.1", 9
        )
        assert accepts(stolen.ports[0])
        listener.close()
        assert await say(connection, "version") == (0, f"{PROTOCOL} {__version__}\n", "")


async def test_another_user_is_not_logged_in_as(
    target: Gateway, stolen: Device, victim: Device
) -> None:
    known = asyncssh.import_known_hosts(f"[{stolen.host}]:{stolen.ssh_port} {stolen.host_key}\n")

    for user in ("root", "nobody", "reversi", stolen.user + " "):
        with (
            told(target, None, f"sshd refused a login as {user}, asked for by 127.0.0.1"),
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


SHELL = (
    None,
    "",
    "   ",
    "sh",
    "/bin/sh -i",
    "check; touch {canary}",
    "check && touch {canary}",
    "check | sh",
    "check `touch {canary}`",
    "check $(touch {canary})",
    "check ${{IFS}}touch${{IFS}}{canary}",
    "'; touch {canary}; '",
    '"; touch {canary}; "',
    '\\"; touch {canary}; #',
    "check > {canary}",
    "check &",
)
CONTROL = (
    "check\ntouch {canary}",
    "check\r\ntouch {canary}",
    "\ncheck",
    "check\t1",
    "check\x1b[2J",
    "hold a\x85b",
    "check\u2028id",
    b"\xff\xfe",
    b"check \xc3\x28",
    b"hold \xed\xa0\x80",
)
OPTIONS = (
    "--home /tmp",
    "-c 'touch {canary}'",
    "--node victim",
    "--home /tmp --node victim check",
    "-I -m checker.daemon.alone",
    "--",
    "-",
    "--help",
    "scp -t /tmp",
    "sftp",
    "/usr/lib/openssh/sftp-server",
    "internal-sftp",
    "rsync --server . /",
    "git-upload-pack /",
)


@pytest.mark.parametrize(
    ("requests", "complaint"),
    [
        pytest.param(SHELL, SAY_ONE_OF, id="shell"),
        pytest.param(CONTROL, UNPRINTABLE, id="control characters and invalid UTF-8"),
        pytest.param(OPTIONS, SAY_ONE_OF, id="options and programs"),
    ],
)
async def test_a_request_is_no_command(
    target: Gateway,
    victim: Device,
    open_folder: Path,
    requests: tuple[str | bytes | None, ...],
    complaint: str,
) -> None:
    device = target.add("127.0.0.1:9")
    canary = open_folder / "canary"

    async with break_in(device) as connection:
        for request in requests:
            meant = request.format(canary=canary) if isinstance(request, str) else request
            status, out, err = await say(connection, meant)
            assert (status, out) == (64, "0\n"), meant
            assert err.startswith("reversi: "), meant
            assert err.count("\n") == 1, meant
            assert err.isascii(), meant

    assert files_in(open_folder) == []
    until(
        lambda: (
            len([e for e in target.events(device) if e.actor == f"node {device.node}"])
            == len(requests)
        ),
        "an event for each",
    )
    refused_event(target, device, complaint)


@pytest.mark.parametrize(
    ("request_words", "status", "complaint"),
    [
        pytest.param(
            "check {victim}", 77, "port {victim} is not a port of node", id="another's port"
        ),
        pytest.param(
            "victim {victim}",
            77,
            "this key belongs to node {own}, not to victim",
            id="another's name",
        ),
        pytest.param(
            "victim {own_port} SSH-2.0",
            77,
            "this key belongs to node {own}, not to victim",
            id="another's name, own port",
        ),
        pytest.param(
            "{own} {victim} SSH-2.0",
            77,
            "port {victim} is not a port of node",
            id="original, another's port",
        ),
        pytest.param(
            "hold victim --pid {pid}", 64, "hold takes one instance", id="hold, another's PID"
        ),
        pytest.param(
            "hold {pid} {pid} {pid}", 64, "hold takes one instance", id="hold, three words"
        ),
        pytest.param("claim main {pid}", 64, "claim takes one instance", id="claim, another's PID"),
        pytest.param("hold ../../etc/passwd", 64, "hold takes one instance", id="hold, a path"),
        pytest.param(
            "claim " + "a" * 65, 64, "claim takes one instance", id="claim, a long instance"
        ),
        pytest.param("check 0", 64, "'0' is not a port", id="port 0"),
        pytest.param("check -1", 64, "'-1' is not a port", id="negative port"),
        pytest.param("check -22", 64, "'-22' is not a port", id="negative privileged port"),
        pytest.param("check 65536", 64, "'65536' is not a port", id="port too big"),
        pytest.param("check 99999999999999999999999", 64, "is not a port", id="huge port"),
        pytest.param("check 0x16", 64, "'0x16' is not a port", id="hexadecimal"),
        pytest.param("check 1e3", 64, "'1e3' is not a port", id="exponent"),
        pytest.param("check " + "1 " * 4000, 64, "longer than 4096 bytes", id="many ports"),
        pytest.param("check " + "1" * 100_000, 64, "longer than 4096 bytes", id="100 kB"),
    ],
)
async def test_a_request_for_what_is_anothers_is_refused_and_told(
    target: Gateway, asker: Device, victim: Device, request_words: str, status: int, complaint: str
) -> None:
    (holder,) = {target.tunnel(victim).session} - {None}
    assert holder is not None
    words = {
        "victim": victim.ports[0],
        "own": asker.node,
        "own_port": asker.ports[0],
        "pid": holder.pid,
    }

    async with break_in(asker) as connection:
        answer = await say(connection, request_words.format(**words))

    assert answer[:2] == (status, "0\n")
    assert complaint.format(**words) in answer[2]
    assert refused_event(target, asker, complaint.format(**words)).actor == "node asker"


async def test_a_request_longer_than_a_packet_ends_the_connection(
    target: Gateway, stolen: Device, victim: Device
) -> None:
    with told(target, stolen, "sshd refused a malformed packet"):
        async with break_in(stolen) as connection:
            with pytest.raises((OSError, asyncssh.Error)):
                await say(connection, "check " + "1" * 1_000_000)


async def test_a_request_that_no_process_could_be_given_starts_none(
    target: Gateway, stolen: Device, victim: Device
) -> None:
    async with break_in(stolen) as connection:
        # of this alone nobody tells
        assert (await say(connection, "check " + "1" * 140_000))[:2] == (1, "")


async def test_a_nul_ends_the_connection_and_no_other(
    target: Gateway, stolen: Device, victim: Device
) -> None:
    with told(target, stolen, "sshd refused a malformed packet (invalid format)"):
        async with break_in(stolen) as connection:
            with pytest.raises((OSError, asyncssh.Error)):
                await say(connection, "check\0; id")


def beat_loop(device: Device) -> psutil.Process | None:
    """The process that answers the device's beats."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(word.endswith("hold.sh") for word in words) and device.node in words:
            return process
    return None


async def test_the_environment_is_sshds_own(target: Gateway, victim: Device) -> None:
    device = target.add("127.0.0.1:9", name="environment")
    given = {
        "LD_PRELOAD": "/tmp/evil.so",
        "PYTHONPATH": "/tmp",
        "SSH_ORIGINAL_COMMAND": "claim x",
        "BASH_ENV": "/tmp/x",
        "ENV": "/tmp/x",
        "LC_ALL": "x",
        "PATH": "/tmp",
        "REVERSI_HOME": "/tmp",
    }

    with told(
        target,
        device,
        *(f"sshd refused the variable {name}," for name in given if name != "LC_ALL"),
    ):
        async with break_in(device) as connection:
            process = await connection.create_process("hold thief", env=given)
            process.stdin.write("\n")
            assert await process.stdout.readline() in ("0\n", "1\n")
            loop = until(lambda: beat_loop(device), "the beat loop")
            environment = loop.environ()

    assert environment.pop("SSH_ORIGINAL_COMMAND") == "hold thief"
    assert [name for name, value in given.items() if environment.get(name) == value] == []
    assert not set(environment) & {
        "LD_PRELOAD",
        "PYTHONPATH",
        "BASH_ENV",
        "ENV",
        "REVERSI_HOME",
        "SSH_AUTH_SOCK",
        "DISPLAY",
    }


def test_no_agent_is_forwarded(target: Gateway, victim: Device, tmp_path: Path) -> None:
    require("ssh-agent")
    device = target.add("127.0.0.1:9", name="agent")
    path = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        until(path.exists, "the agent")
        words = device.ssh("-T", "-A", "-X", "-o", "SetEnv=LD_PRELOAD=/tmp/evil.so")
        connection = Connection(
            ["env", f"SSH_AUTH_SOCK={path}", "DISPLAY=127.0.0.1:0", *words, "hold", "thief"]
        )
        target.connections.append(connection)
        with told(
            target,
            device,
            *(
                f"sshd refused {what},"
                for what in ("agent forwarding", "X11 forwarding", "the variable LD_PRELOAD")
            ),
        ):
            connection.beat()
        loop = until(lambda: beat_loop(device), "the beat loop")
        assert not set(loop.environ()) & {"SSH_AUTH_SOCK", "DISPLAY", "LD_PRELOAD"}
    finally:
        end_one(agent)


def test_a_socks_proxy_leads_nowhere(target: Gateway, stolen: Device, victim: Device) -> None:
    entry = free_port()
    target.connections.append(Connection(stolen.ssh("-N", "-D", f"127.0.0.1:{entry}")))
    until(lambda: accepts(entry), "the proxy's own end")

    event = f"sshd refused a way to 127.0.0.1 port {target.ssh_port},"
    with (
        told(target, stolen, event),
        socket.create_connection(("127.0.0.1", entry), timeout=20) as peer,
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
            ("-B", "127.0.0.1:22"), (), (0, ""), "a way to 127.0.0.1 port 22,", id="netcat mode"
        ),
    ],
)
def test_dropbears_client_opens_no_more(
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

    with told(target, stolen, event.format(**place)):
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment,
        )

    assert (done.returncode, done.stdout) == answer, done.stderr
    assert target.tunnel(victim).status is Status.UP
