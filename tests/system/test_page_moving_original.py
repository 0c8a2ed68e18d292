"""Follow docs/moving-original.md on a server of the original, with its devices connected."""

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
from tests.system.page_moving_original import MOVING, Move
from tests.system.page_server import make_checkout
from tests.system.page_steps import type_all, unknown

pytestmark = pytest.mark.sshd
PAGE = Path(__file__).parents[2] / "docs/moving-original.md"


@pytest.fixture
def move(reachable: Install, tmp_path: Path) -> Iterator[Move]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require(
        "sshd",
        "ssh",
        "dbclient",
        "dropbearconvert",
        "haproxy",
        "screen",
        "unshare",
        "nsenter",
        "useradd",
        "systemctl",
        "journalctl",
        "ss",
        "ip",
        "git",
    )
    with closing(OldServer(reachable, make_checkout(tmp_path / "checkout"))) as server:
        server.install_reversi()
        found = Move(server)
        found.prepare()
        yield found


def test_each_command_of_the_page_is_known() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert {block.kind for block in blocks(text)} == {"sh"}
    assert unknown(commands(text), [step.line for step in MOVING]) == ""


def test_no_step_of_the_page_ends_a_tunnel_that_it_does_not_name(move: Move) -> None:
    type_all(move, MOVING, move.server, {})
