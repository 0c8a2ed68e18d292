"""docs/alerts.md: the first message, on a server with a node that is down."""

from __future__ import annotations

import json

from tests.system.page_server import PageServer
from tests.system.page_steps import Step
from tests.system.waiting import until

FILE = "/etc/reversi/alerts.toml"
MESSAGES = "/var/lib/reversi-alert/messages"
SETTINGS = f"""
command = ["/bin/sh", "-c", "cat >>{MESSAGES}; echo >>{MESSAGES}"]
down_after_s = 1
up_after_s = 1
group_s = 1
"""


def begin_to_tell(server: PageServer) -> None:
    """Name a way to send, as the reader does; then a node that never connects is told."""
    assert server.must("stat", "--format=%a %U:%G", FILE) == "640 root:reversi-alerts\n"
    server.type(f"cat >{FILE} <<'END'\n{SETTINGS}END")
    server.type("reversi-checker node add ghost --forward 127.0.0.1:9,open")
    until(lambda: "ghost" in told(server), "the message about ghost arrives")
    assert "reversi-alert.service" not in server.must("systemctl", "list-units", "--failed")
    server.type("reversi-checker node remove ghost --yes")


def told(server: PageServer) -> set[str]:
    """The nodes of which the command was told that they are down."""
    if server.run("test", "-e", MESSAGES).returncode:
        return set()
    found = [json.loads(line) for line in server.must("cat", MESSAGES).splitlines() if line]
    return {one["node"] for message in found for one in message["down"]}


def by_root(server: PageServer) -> None:
    """The test message of root went the same way; root's file must not lock the service out."""
    assert '"kind": "test"' in server.must("cat", MESSAGES)


def nothing_is_left(server: PageServer) -> None:
    for path in ("/var/lib/reversi-alert", "/etc/systemd/system/reversi-alert.service"):
        assert server.run("test", "-e", path).returncode
    assert server.run("test", "-e", FILE).returncode == 0


ALERTS: tuple[Step[PageServer], ...] = (
    Step("sudo /opt/reversi/bin/pip install apprise", says="satisfied"),
    Step(
        "sudo reversi-checker init --alerts",
        says="enable --now reversi-alert.service",
        after=begin_to_tell,
    ),
    Step("sudo reversi-checker alert --test", says="command sh: sent", after=by_root),
    Step(
        "journalctl -u reversi-alert",
        says="sent by command sh",
        before=lambda server: until(
            lambda: "sent by" in server.journal("reversi-alert.service"), "the delivery is logged"
        ),
    ),
    Step("sudo reversi-checker init --no-alerts", after=nothing_is_left),
)
