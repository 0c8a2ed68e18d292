"""The key of an enrolment, which is in a bundle for many devices, can only ask one question."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from checker.model import fingerprint
from checker.registry.reading import read_registry
from checker.state.store import read_applicants
from tests.attack.thief import Attempt, break_in, files_in, refusals_logged, say
from tests.programs import require
from tests.strategies import public_key
from tests.system.clients import Connection, Device
from tests.system.enrolling import enrolment_at, request_of
from tests.system.harness import Gateway
from tests.system.ports import accepts, free_port
from tests.system.processes import end_one
from tests.system.waiting import until

pytestmark = pytest.mark.sshd


@pytest.fixture(scope="module")
def bundle(target: Gateway, victim: Device) -> Iterator[Device]:
    """The key; a login with it, which says nothing, is under way all the time and never ended."""
    device = enrolment_at(target, "field")
    idle = Connection(device.ssh("-N"))
    target.connections.append(idle)
    yield device
    assert idle.lives
    assert set(read_registry(target.layout.nodes).nodes) == {"victim"}


@pytest.mark.parametrize(
    ("attempt", "event"),
    [
        pytest.param(
            lambda c: c.open_connection("127.0.0.1", 22),
            "a connection to 127.0.0.1 port 22",
            id="-L, and so -D",
        ),
        pytest.param(
            lambda c: c.open_unix_connection("/run/reversi/checker.sock"),
            "a connection to /run/reversi/checker.sock",
            id="-L socket",
        ),
        pytest.param(lambda c: c.create_tun(asyncssh.SSHTunTapSession), "a tunnel device", id="-w"),
        pytest.param(lambda c: c.start_sftp_client(), "the subsystem sftp", id="sftp"),
        pytest.param(lambda c: say(c, "version", term_type="xterm"), "a terminal", id="a terminal"),
        pytest.param(
            lambda c: say(c, "version", x11_forwarding=True, x11_display="127.0.0.1:0"),
            "X11 forwarding",
            id="X11",
        ),
    ],
)
async def test_sshd_opens_no_channel_except_sessions(
    target: Gateway, bundle: Device, attempt: Attempt, event: str
) -> None:
    with refusals_logged(target, None, f"sshd refused {event}"):
        async with break_in(bundle) as connection:
            with pytest.raises((asyncssh.ChannelOpenError, asyncssh.SFTPError)):
                await attempt(connection)
    until(
        lambda: any(one.actor == "enrolment field" for one in target.events() if event in one.text),
        "an event that names the enrolment",
    )


async def test_the_key_listens_nowhere(target: Gateway, bundle: Device, victim: Device) -> None:
    free = free_port()
    async with break_in(bundle) as connection:
        for address in ("localhost", "127.0.0.1", "", "*", "::"):
            for port in (victim.ports[0], free, 0):
                with pytest.raises(asyncssh.ChannelListenError):
                    await connection.forward_remote_port(address, port, "127.0.0.1", 9)
        assert not accepts(free)


async def test_the_key_cannot_listen_on_a_unix_socket(
    target: Gateway, bundle: Device, open_folder: Path
) -> None:
    async with break_in(bundle) as connection:
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_path(
                str(open_folder / "socket"), str(open_folder / "here")
            )

    assert files_in(open_folder) == []


def test_no_agent_is_forwarded(target: Gateway, bundle: Device, tmp_path: Path) -> None:
    require("ssh-agent")
    path = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        until(path.exists, "the agent")
        with refusals_logged(target, None, "sshd refused agent forwarding,"):
            done = subprocess.run(
                ["env", f"SSH_AUTH_SOCK={path}", *bundle.ssh("-T", "-A"), "version"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=200,
            )
    finally:
        end_one(agent)
    assert done.returncode == 77


async def test_the_key_asks_one_question_and_gets_no_other_answer(
    target: Gateway, bundle: Device, victim: Device
) -> None:
    port = victim.ports[0]
    requests = (
        *("hold x", "claim x", "check", f"check {port}", "beat", "version", "reload"),
        *(f"victim {port} SSH-2.0", "", "sh", "enrol: accepted victim"),
    )
    async with break_in(bundle) as connection:
        for request in requests:
            status, answer, complaint = await say(connection, request or None)

            assert (status, answer) == (64 if request.startswith("enrol") else 77, "0\n"), request
            assert complaint.startswith("reversi: "), request
        print_ = fingerprint(public_key(7))
        assert await say(connection, request_of(7, "roof")) == (
            0,
            f"enrol: wait 30 roof {print_}\n",
            "",
        )
    until(
        lambda: [one.fingerprint for one in read_applicants(target.layout.state)] == [print_],
        "the applicant is kept",
    )


def test_without_a_daemon_every_answer_is_to_ask_later(own_gateway: Gateway) -> None:
    own_gateway.start_sshd()
    device = enrolment_at(own_gateway, "field")

    for request in ("hold x", "claim x", "check", "version", "office 20010", request_of(7, "roof")):
        done: subprocess.CompletedProcess[str] = device.ask(*request.split())

        assert (done.returncode, done.stdout) == (75, "0\n")
        assert done.stderr == "reversi: no daemon runs at the gateway; ask again later\n"
    assert list(own_gateway.layout.spool.glob("*")) == []
