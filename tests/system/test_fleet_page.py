"""Type docs/fleet.md from top to bottom, on three fresh servers and a laptop."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.programs import require
from tests.system.fleet_servers import world
from tests.system.page_blocks import commands
from tests.system.page_fleet import FLEET
from tests.system.page_steps import type_all, unknown

pytestmark = pytest.mark.sshd
PAGE = (Path(__file__).parents[2] / "docs" / "fleet.md").read_text(encoding="utf-8")


def test_each_command_of_the_page_is_known() -> None:
    assert unknown(commands(PAGE), [step.line for step in FLEET]) == ""


@pytest.mark.timeout(1500)
def test_each_command_of_the_page_works_on_fresh_servers() -> None:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require("sshd", "ssh", "ssh-agent", "scp", "unshare", "nsenter", "useradd", "systemctl", "ip")
    require("nats-server")
    with world("gw1", "gw2", "gw3") as found:
        gw1 = found.seats["gw1"]
        gw1.type("sudo reversi-checker node add old --forward 127.0.0.1:22,banner:SSH-2.0")

        type_all(found, FLEET, gw1, {})
