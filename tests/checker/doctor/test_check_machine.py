"""What `doctor` finds about ports and the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.doctor.facts import (
    TakenPort,
)
from checker.model import Machine, Usage
from tests.checker.doctor.gateways import assert_wrong

SMALL = Machine(
    cores=1, load=0.1, memory=1 << 30, memory_left=1 << 29, processes=90, most_processes=32768
)


@pytest.mark.parametrize(
    ("name", "change", "sentence", "mend"),
    [
        pytest.param(
            "ports",
            {"ports.taken": (TakenPort(port=20010, node="office", uid=5),)},
            "port 20010 of office",
            "sport = :20010",
            id="taken",
        ),
        pytest.param(
            "ports",
            {"ports.taken": (TakenPort(port=9, node="x", uid=5, free=20000),)},
            "port 9 of x",
            "node move x 9 20000",
            id="free",
        ),
        pytest.param(
            "reserved ports",
            {"ports.unreserved": (50000,)},
            "1 of the gateway's ports for outgoing connections, 50000",
            "init",
            id="ephemeral",
        ),
        pytest.param(
            "fail2ban",
            {"machine.banned": frozenset({"192.0.2.1"})},
            "bans 192.0.2.1",
            "unbanip 192.0.2.1",
            id="banned",
        ),
        pytest.param(
            "clock", {"machine.is_synchronized": False}, "not synchronized", "set-ntp", id="clock"
        ),
        pytest.param(
            "clock", {"machine.ahead_s": 999.0}, "999 s in the future", "set-ntp", id="behind"
        ),
        pytest.param(
            "disk", {"machine.free_bytes": {"/x": 1 << 20}}, "/x (1 MiB)", "make room", id="disk"
        ),
        pytest.param(
            "distribution",
            {"machine.old_metadata": (Path("/x/reversi-0.1.0.dist-info"),)},
            "under the old name, too, in /x/reversi-0.1.0.dist-info",
            "init",
            id="distribution",
        ),
        pytest.param(
            "capacity",
            {"registry.nodes": 1000, "machine.capacity": SMALL},
            "1000 nodes need about 2.9 GiB",
            "add memory",
            id="memory",
        ),
        pytest.param(
            "capacity",
            {
                "machine.capacity": SMALL,
                "daemon.usage": Usage(cpu_s=1.0, memory=1, descriptors=900, most_descriptors=1024),
            },
            "900 of at most 1024 descriptors open",
            "restart",
            id="descriptors",
        ),
    ],
)
def test_what_is_wrong_with_the_machine_is_reported_with_its_fix(
    name: str, change: dict[str, object], sentence: str, mend: str
) -> None:
    assert_wrong(name, change, sentence, mend)
