"""Follow docs/moving.md on a server with autossh, dropbear and scripts, all of them connected."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.programs import require
from tests.system.accounts import Install
from tests.system.old_server import OldServer
from tests.system.page_blocks import blocks, commands
from tests.system.page_moving_in import MOVING_IN, Takeover
from tests.system.page_server import make_checkout
from tests.system.page_steps import type_all, unknown

pytestmark = pytest.mark.sshd
PAGE = Path(__file__).parents[2] / "docs/moving.md"


@pytest.fixture
def takeover(reachable: Install, tmp_path: Path) -> Iterator[Takeover]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require(
        "sshd",
        "ssh",
        "autossh",
        "dbclient",
        "dropbearconvert",
        "unshare",
        "nsenter",
        "useradd",
        "systemctl",
        "journalctl",
        "ss",
        "ps",
        "ip",
        "git",
    )
    with closing(OldServer(reachable, make_checkout(tmp_path / "checkout"))) as server:
        server.install_reversi()
        found = Takeover(server)
        found.prepare()
        yield found


def test_each_command_of_the_page_is_known() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert {block.kind for block in blocks(text)} == {"sh"}
    assert unknown(commands(text), [step.line for step in MOVING_IN]) == ""


def test_devices_move_in_one_by_one_and_no_other_tunnel_ends(takeover: Takeover) -> None:
    type_all(takeover, MOVING_IN, takeover.server, {})
