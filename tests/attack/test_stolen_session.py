"""A session with a stolen device key: neither its requests nor its environment get it more."""

from __future__ import annotations

import subprocess
from pathlib import Path

import asyncssh
import psutil
import pytest

from tests.attack.thief import break_in, files_in, refusals_logged, refused_event, say
from tests.programs import require
from tests.system.clients import Connection, Device
from tests.system.harness import Gateway
from tests.system.processes import end_one
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
SAY_ONE_OF = (
    "say one of: check [PORT...], claim INSTANCE, hold INSTANCE [CLIENT], version, NODE PORT"
    " [EXPECTED...]"
)
UNPRINTABLE = "the request contains characters that cannot be printed"


@pytest.fixture(scope="module")
def asker(target: Gateway) -> Device:
    """A device whose key asks for another's; its requests stay below the limit of the log."""
    return target.add("127.0.0.1:9", name="asker")


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
async def test_a_request_never_runs_as_a_command(
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
        "an event for each request",
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
async def test_a_request_for_another_nodes_things_is_refused_and_logged(
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
    with refusals_logged(target, stolen, "sshd refused a malformed packet"):
        async with break_in(stolen) as connection:
            with pytest.raises((OSError, asyncssh.Error)):
                await say(connection, "check " + "1" * 1_000_000)


async def test_a_request_too_long_for_a_process_starts_nothing(
    target: Gateway, stolen: Device, victim: Device
) -> None:
    async with break_in(stolen) as connection:
        # neither sshd nor the checker logs this attempt
        assert (await say(connection, "check " + "1" * 140_000))[:2] == (1, "")


async def test_a_nul_ends_only_its_own_connection(
    target: Gateway, stolen: Device, victim: Device
) -> None:
    with refusals_logged(target, stolen, "sshd refused a malformed packet (invalid format)"):
        async with break_in(stolen) as connection:
            with pytest.raises((OSError, asyncssh.Error)):
                await say(connection, "check\0; id")


def beat_loop(gateway: Gateway, device: Device) -> psutil.Process | None:
    """The process that answers the device's beats."""
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(word.endswith("hold.sh") for word in words) and {
            str(gateway.layout.run),
            device.node,
        } <= set(words):
            return process
    return None


async def test_a_client_cannot_set_its_environment(target: Gateway, victim: Device) -> None:
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

    with refusals_logged(
        target,
        device,
        *(f"sshd refused the variable {name}," for name in given if name != "LC_ALL"),
    ):
        async with break_in(device) as connection:
            process = await connection.create_process("hold thief", env=given)
            process.stdin.write("\n")
            assert await process.stdout.readline() in ("0\n", "1\n")
            loop = until(lambda: beat_loop(target, device), "the beat loop")
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
        with refusals_logged(
            target,
            device,
            *(
                f"sshd refused {what},"
                for what in ("agent forwarding", "X11 forwarding", "the variable LD_PRELOAD")
            ),
        ):
            connection.beat()
        loop = until(lambda: beat_loop(target, device), "the beat loop")
        assert not set(loop.environ()) & {"SSH_AUTH_SOCK", "DISPLAY", "LD_PRELOAD"}
    finally:
        end_one(agent)
