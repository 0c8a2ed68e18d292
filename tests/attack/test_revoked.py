"""The daemon ends a connection that logged in before its key was revoked and then binds old ports.

sshd fixes at login which ports a connection may bind.
"""

from __future__ import annotations

import time

import asyncssh
import pytest

from checker.model import EventKind, Status
from tests.attack.thief import break_in
from tests.fleet.homes import signer
from tests.system.harness import Gateway
from tests.system.seen import is_gone
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
OLDER = "older than the node's right to the port"
LOGIN_TAKES_S = 3.0
"""The grace: a connection this much older than a change still counts as the node's own.
"""


async def test_a_connection_from_before_a_port_was_reassigned_does_not_keep_it(
    own_gateway: Gateway,
) -> None:
    own_gateway.up()
    before = own_gateway.add(own_gateway.service().target, name="before")
    async with break_in(before) as thief:
        logged_in = time.monotonic()
        own_gateway.ok("node", "remove", "before", "--yes")
        until(
            lambda: time.monotonic() - logged_in > LOGIN_TAKES_S,
            "the login is older than the grace",
        )
        target = own_gateway.service().target
        config = own_gateway.folder / "after.toml"
        own_gateway.ok(
            "node",
            "add",
            "after",
            "--forward",
            f"{before.ports[0]}={target}",
            "--client-config",
            str(config),
        )
        host, _, port = target.partition(",")[0].partition(":")

        await thief.forward_remote_port("localhost", before.ports[0], host, int(port))
        try:
            event = until(
                lambda: [e for e in own_gateway.events(kind=EventKind.KILL) if OLDER in e.text],
                "the old connection is ended",
            )[0]
            await thief.wait_closed()
        except asyncssh.ConnectionLost:
            pass

    assert (event.node, event.port) == ("after", before.ports[0])


def test_rekeying_at_once_spares_the_connection_that_uses_the_new_key(
    own_gateway: Gateway,
) -> None:
    own_gateway.up()
    device = own_gateway.add(own_gateway.service().target)
    own_gateway.connect(device, "hold", "main")
    old = own_gateway.await_up(device)
    config = own_gateway.folder / "again.toml"
    own_gateway.ok("node", "rekey", device.node, "--now", "--yes", "--client-config", str(config))
    device.config.with_name(device.config.name + ".key").write_bytes(
        (own_gateway.folder / "again.toml.key").read_bytes()
    )

    own_gateway.connect(device, "hold", "main")
    session = own_gateway.await_up(device, after=old)
    own_gateway.probe(device)

    assert own_gateway.await_status(device, Status.UP).session == session
    assert not [
        event for event in own_gateway.events(device, EventKind.KILL) if OLDER in event.text
    ]


def test_what_was_revoked_on_another_gateway_ends_its_tunnel_here(own_gateway: Gateway) -> None:
    own_gateway.up()
    device = own_gateway.add(own_gateway.service().target)
    own_gateway.connect(device)
    session = own_gateway.await_up(device)
    anna = signer(own_gateway.folder / "people", "anna")
    fleet = own_gateway.layout.fleet
    fleet.mkdir()
    (fleet / "allowed_signers").write_text(anna.line, encoding="utf-8")
    own_gateway.ok("fleet", "init", "gw1", "--key", str(anna.key))
    own_gateway.ok("node", "sign", "--all", "--key", str(anna.key))
    entry = fleet / "nodes" / f"{device.node}.toml"

    folder = own_gateway.folder / "from-gw2"
    (folder / "nodes").mkdir(parents=True)
    text = entry.read_text(encoding="utf-8").replace("\nrev = 1\n", "\nrev = 2\n")
    draft = folder / "nodes" / entry.name
    draft.write_text(f"enabled = false\n{text}", encoding="utf-8")
    own_gateway.ok("fleet", "sign", str(draft), "--key", str(anna.key))
    own_gateway.ok("fleet", "import", str(folder))

    until(lambda: is_gone(session), "the tunnel has ended")
    assert "disabled" in own_gateway.await_event(EventKind.REGISTRY, device).text
