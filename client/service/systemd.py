"""The unit of systemd, which confines the client as a bundle's unit does. Pure."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from pathlib import Path

from client.service.service import Service

MADE_BY_LINE = re.compile(r"# made by: reversi-client install --config (.+)")
HOMES = tuple(map(Path, ("/home", "/root", "/run/user")))


class Account(enum.Enum):
    """Whose rights the client has."""

    OWN = "own"
    """An account that exists as long as the service runs."""
    ROOT = "root"
    """Root, without its capabilities."""
    USER = "user"


ALWAYS = (
    "NotifyAccess=main",
    "Restart=always",
    "RestartSec=5",
    "TimeoutStopSec=15",
    "KillMode=mixed",
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
    "RestrictNamespaces=yes",
)
OF_SYSTEM = (
    "StateDirectoryMode=0700",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectHostname=yes",
    "MemoryDenyWriteExecute=yes",
    "UMask=0077",
)


def quoted(word: str) -> str:
    """Quote a word of ExecStart=. Source: systemd.service(5), COMMAND LINES."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain(escaped).replace("$", "$$")}"'


def plain(text: str) -> str:
    """Escape what systemd would take for a specifier."""
    return text.replace("%", "%%")


def unit(service: Service, account: Account, *, hands_over: bool) -> str:
    """Return the unit's text. `hands_over`: systemd can give the service its files."""
    lines = [
        f"# made by: {service.made_by}",
        f"# of {service.note}",
        "[Unit]",
        f"Description=reversi: the tunnel of {service.tunnel}",
        "Wants=network-online.target",
        "After=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        *execution(service, account, hands_over=hands_over),
        *ALWAYS,
    ]
    if account is not Account.USER:
        lines += [f"StateDirectory={service.name}", *OF_SYSTEM]
    wanted_by = "default.target" if account is Account.USER else "multi-user.target"
    return "\n".join([*lines, "", "[Install]", f"WantedBy={wanted_by}", ""])


def execution(service: Service, account: Account, *, hands_over: bool) -> Iterator[str]:
    """Yield what starts the client, and how it gets its files.

    If systemd hands them over, the client can see neither their place nor anybody's home.
    """
    start = " ".join(map(quoted, (*service.command, "run")))
    if account is Account.USER:
        yield f"ExecStart={start} --config {quoted(str(service.config))}"
        return
    own_status = "--status-file ${STATE_DIRECTORY}/status"
    if hands_over:
        given = "--config ${CREDENTIALS_DIRECTORY}/config --key ${CREDENTIALS_DIRECTORY}/key"
        yield f"ExecStart={start} {given} {own_status}"
        yield f"LoadCredential=config:{plain(str(service.config))}"
        yield f"LoadCredential=key:{plain(str(service.key))}"
    else:
        yield f"ExecStart={start} --config {quoted(str(service.config))} {own_status}"
    is_at_home = not hands_over and any(
        path.is_relative_to(home) for path in (service.config, service.key) for home in HOMES
    )
    yield f"ProtectHome={'read-only' if is_at_home else 'yes'}"
    if account is Account.OWN:
        yield "DynamicUser=yes"


def config_of(text: str) -> Path | None:
    """Return the configuration for which `install` wrote the unit; None: it did not."""
    found = MADE_BY_LINE.match(text)
    return None if found is None else Path(found[1])
