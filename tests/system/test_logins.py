"""Connections that hang before their login are counted once each; those that logged in are not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import asyncssh
import pytest

from checker.sshd.logins import Logins
from tests.system.accounts import change_accounts
from tests.system.harness import Gateway
from tests.system.processes import with_descendants
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
HANGING = 4


class Undecided(asyncssh.SSHClient):
    """A client that names a user, and then offers no key."""

    async def public_key_auth_requested(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def silent(gateway: Gateway, stack: ExitStack, first: bytes = b"") -> None:
    """Connect to sshd, send only this, and stay until the test ends."""
    made = stack.enter_context(closing(socket.create_connection((gateway.host, gateway.ssh_port))))
    made.sendall(first)


async def undecided(gateway: Gateway, user: str) -> None:
    await asyncssh.connect(
        gateway.host,
        gateway.ssh_port,
        username=user,
        known_hosts=None,
        config=None,
        agent_path=None,
        client_keys=(),
        client_factory=Undecided,
    )


async def test_each_connection_that_hangs_before_its_login_counts_once(
    gateway: Gateway, stack: ExitStack
) -> None:
    device = gateway.add(gateway.service().target)
    gateway.connect(device)
    await asyncio.to_thread(gateway.await_up, device)
    logins = Logins()

    def ours() -> int:
        """The waiting logins of this gateway: other tests log in on the same machine."""
        found = logins.waiting()
        assert found is not None
        assert gateway.daemon is not None
        return len(
            {process.pid for process in with_descendants(gateway.daemon.pid)}.intersection(found)
        )

    async def count(waiting: int) -> None:
        await asyncio.to_thread(until, lambda: ours() == waiting, f"{waiting} logins wait")

    await count(0)
    silent(gateway, stack)
    silent(gateway, stack, b"SSH-2.0-no-key-exchange\r\n")
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(undecided(gateway, user))
            for user in (device.user, "nobody-of-that-name")
        ]
        await count(HANGING)
        await asyncio.to_thread(
            until, lambda: (gateway.logins_waiting() or 0) >= HANGING, "the last sweep counts them"
        )
        for task in tasks:
            task.cancel()
    stack.close()

    await count(0)


def test_a_private_sshd_admits_a_tunnel_user_whose_password_is_locked(
    own_gateway: Gateway,
) -> None:
    if not own_gateway.mode.is_privileged:
        pytest.skip("only root's sshd can read the passwords")
    name = own_gateway.mode.tunnel.name
    change_accounts("usermod", "--password", "!", name)
    try:
        own_gateway.up()

        assert own_gateway.add("127.0.0.1:9").ask("version").stdout.startswith("1 ")
    finally:
        change_accounts("usermod", "--password", "*", name)
