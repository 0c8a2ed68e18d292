"""What probes leave in the log of the SSH server behind a forward: a device has little room."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.system.harness import Gateway
from tests.system.ssh_targets import Dropbear, SshTarget
from tests.system.waiting import until

pytestmark = pytest.mark.sshd
PROBES = 3


class Usual(SshTarget):
    """sshd with the log that it keeps by itself."""

    def words(self) -> list[str]:
        return [word.replace("LogLevel=DEBUG1", "LogLevel=INFO") for word in super().words()]


@pytest.mark.parametrize(
    ("server", "connects"),
    [
        pytest.param(Usual, "kex_exchange_identification: ", id="sshd"),
        pytest.param(Dropbear, "Child connection from ", id="dropbear"),
    ],
)
def test_a_probe_leaves_two_lines_in_the_log_of_an_ssh_server(
    gateway: Gateway, server: type[SshTarget], connects: str
) -> None:
    with closing(server()) as target:
        device = gateway.add(f"{target.target},banner:SSH-2.0")
        gateway.connect(device)
        gateway.await_up(device)

        for _ in range(PROBES):
            gateway.probe(device)

        def two_for_each() -> bool:
            lines = target.log.splitlines()
            seen = [at for at, line in enumerate(lines) if connects in line]
            return len(seen) >= PROBES and len(lines) - seen[0] == 2 * len(seen)

        until(two_for_each, "two lines for each probe")
