"""A service, and devices on which it is installed."""

from __future__ import annotations

from pathlib import Path

from client.service.plan import Found, Plan, Run
from client.service.service import Manager, Service

OFFICE = Service(
    tunnel="office",
    config=Path("/etc/reversi/office.toml"),
    key=Path("/etc/reversi/office.toml.key"),
    command=("/opt/reversi/bin/python", "-E", "-P", "/opt/reversi/bin/reversi-client"),
    note="reversi 0.2.0, 0123456789abcdef",
)
SERVER = Found(manager=Manager.SYSTEMD, home=Path("/root"))
UNIT = Path("/etc/systemd/system/reversi-client-office.service")
PLIST = Path("/Library/LaunchDaemons/reversi-client-office.plist")


def commands(plan: Plan) -> list[str]:
    return [" ".join(step.words) for step in plan.steps if isinstance(step, Run)]
