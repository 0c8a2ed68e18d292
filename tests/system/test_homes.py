"""Two homes share a machine, a tunnel user and a port: neither touches the other's tunnel."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checker.model import Status
from tests.system.accounts import Mode
from tests.system.conftest import MODES
from tests.system.harness import gateway_at
from tests.system.seen import is_gone

pytestmark = pytest.mark.sshd


@pytest.mark.parametrize("name", MODES)
def test_another_gateways_tunnel_is_foreign_and_survives_every_command(
    mode_of: Callable[[str], Mode], name: str
) -> None:
    mode = mode_of(name)
    with gateway_at(mode) as theirs, gateway_at(mode) as ours:
        theirs.up()
        device = theirs.add(theirs.service().target)
        theirs.connect(device)
        session = theirs.await_up(device)
        ours.up()
        ours.port = lambda: device.ports[0]  # type: ignore[method-assign]
        same = ours.add(device.targets[0])

        if mode.is_privileged:
            found = ours.await_status(same, Status.FOREIGN)
            assert str(theirs.layout.run) in found.detail
        for verb in ("probe", "kill", "reset"):
            ours.run(verb, same.node)
        ours.ok("node", "disable", same.node)
        ours.ok("node", "remove", same.node, "--yes")

        assert not is_gone(session)
        assert theirs.tunnel(device).kills == 0
