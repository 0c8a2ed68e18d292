"""Type every command of the pages for admins, in order, on servers with healthy and ill devices.

A command that only the page has fails the test; so does one that only the test has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.programs import require
from tests.system.accounts import Install
from tests.system.page_alerts import ALERTS
from tests.system.page_blocks import blocks, commands
from tests.system.page_client import CLIENT, try_as_user
from tests.system.page_metrics import METRICS
from tests.system.page_operating import OPERATING, Fleet
from tests.system.page_server import PageServer, make_checkout
from tests.system.page_sizing import SIZING
from tests.system.page_steps import Step, type_all, unknown
from tests.system.page_troubles import TROUBLES, Ward

pytestmark = pytest.mark.sshd
DOCS = Path(__file__).parents[2] / "docs"
KNOWN: dict[str, Sequence[Step[Any]]] = {
    "operating": OPERATING,
    "sizing": SIZING,
    "alerts": ALERTS,
    "metrics": METRICS,
    "client": CLIENT,
    "troubleshooting": TROUBLES,
    "faq": (),
}
NOT_TYPED = {
    "logread -e reversi": "of OpenWRT; on the server of the test the log is the journal",
    "sudo ufw delete limit ssh": "of ufw, which not every Debian has",
    "sudo ufw allow ssh": "of ufw, which not every Debian has",
}
"""Commands in blocks other than `sh`, each with the reason."""
PLACEHOLDERS = {"OLD": "v0.0.9"}
"""The values that a reader puts in place of placeholders."""


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


class Servers:
    """The gateway, and a second machine that boots meanwhile."""

    def __init__(self, install: Install, folder: Path, stack: ExitStack) -> None:
        self.stack = stack
        checkout = make_checkout(folder / "checkout")
        pool = stack.enter_context(ThreadPoolExecutor(1))
        self.gateway = self.boot(install, checkout)
        self.second: Future[PageServer] = pool.submit(self.ready, self.boot(install, checkout))
        self.ready(self.gateway).init()

    def boot(self, install: Install, checkout: Path) -> PageServer:
        server = PageServer(install, checkout)
        self.stack.callback(server.close)
        return server

    @staticmethod
    def ready(server: PageServer) -> PageServer:
        server.install_reversi()
        return server


@pytest.fixture(scope="module")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Servers]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    require(
        "sshd",
        "ssh",
        "unshare",
        "nsenter",
        "useradd",
        "systemctl",
        "journalctl",
        "ss",
        "ip",
        "git",
        "busybox",
        "tar",
        "nft",
    )
    with ExitStack() as stack:
        yield Servers(request.getfixturevalue("reachable"), tmp_path_factory.mktemp("pages"), stack)


@pytest.fixture(scope="module")
def ward(servers: Servers) -> Ward:
    found = Ward(servers.gateway)
    found.prepare()
    return found


@pytest.mark.parametrize("name", KNOWN)
def test_each_command_of_a_page_is_known(name: str) -> None:
    others = [line for block in blocks(page(name)) if block.kind != "sh" for line in block.lines]

    assert [line for line in others if line not in NOT_TYPED] == []
    assert unknown(commands(page(name)), [step.line for step in KNOWN[name]]) == ""


def test_each_command_of_troubleshooting_shows_or_mends_its_trouble(
    servers: Servers, ward: Ward
) -> None:
    type_all(ward, TROUBLES, servers.gateway, PLACEHOLDERS)


@pytest.mark.usefixtures("ward")
def test_each_command_of_sizing_works(servers: Servers) -> None:
    type_all(servers.gateway, SIZING, servers.gateway, PLACEHOLDERS)


def test_each_command_of_alerts_leads_to_a_message(servers: Servers) -> None:
    type_all(servers.gateway, ALERTS, servers.gateway, PLACEHOLDERS)


@pytest.mark.usefixtures("ward")
def test_each_command_of_metrics_does_what_the_page_says(servers: Servers) -> None:
    type_all(servers.gateway, METRICS, servers.gateway, PLACEHOLDERS)


def test_each_command_of_client_works_and_leaves_nothing(servers: Servers) -> None:
    type_all(servers.gateway, CLIENT, servers.gateway, PLACEHOLDERS)
    try_as_user(servers.gateway)


def test_each_command_of_operating_does_what_the_page_says(servers: Servers) -> None:
    fleet = Fleet(servers.gateway, servers.second.result())
    fleet.prepare()

    type_all(fleet, OPERATING, servers.gateway, PLACEHOLDERS)
