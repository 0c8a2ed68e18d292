"""What `init` adds on a gateway that is on the bus of its fleet: nats-server and agent. Pure.

The file that `fleet card --bus` writes decides. Without it, both services go again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from checker.install.extra_units import HARDENED
from checker.install.packaged_units import is_packaged
from checker.install.places import (
    BUS_CONFIG,
    BUS_FILE,
    BUS_UNIT_FILES,
    FLEET_AGENT_FILE,
    FLEET_STATE,
    FLEET_USER,
    drop_in_of,
)
from checker.install.steps import Command, Found, Remove, Step, digest
from checker.install.unit_files import HEAD, ONLY_ON_A_GATEWAY, with_python

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where nats-server may be."""
LIBRARY = "nats"
"""The module of nats-py."""
SECRETS = BUS_CONFIG.parent
ON_THE_BUS = f"ConditionPathExists={BUS_CONFIG}\n"
BUS_SECRETS = "".join(
    f"LoadCredential={name}:{SECRETS}/{name}\n"
    for name in ("nats.conf", "key.pem", "cert.pem", "members.pem")
)
WITH_STATE = HARDENED.replace("@READERS@", "")
WITH_USER = WITH_STATE.replace("DynamicUser=yes\n", "")
BUS_TEXT = f"""{HEAD}[Unit]
Description=reversi: nats-server between the gateways of the fleet
Wants=network-online.target
After=network-online.target
{ONLY_ON_A_GATEWAY}{ON_THE_BUS}StartLimitIntervalSec=0

[Service]
Type=exec
Environment=PATH={PATH}
ExecStart=/bin/sh -c 'cd "$$CREDENTIALS_DIRECTORY" && exec nats-server -c nats.conf'
{BUS_SECRETS}Restart=always
RestartSec=5
SuccessExitStatus=1
LimitNOFILE=65536
UMask=0077
StateDirectory=reversi-bus
StateDirectoryMode=0700
{WITH_STATE}RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=multi-user.target
"""
"""systemd hands it root's files, so that no account of the machine can read them. nats-server ends
with 1 when it is told to end.
"""
AGENT_TEXT = f"""{HEAD}[Unit]
Description=reversi: tells the fleet what this gateway sees, and mirrors the others
Wants={BUS_FILE.name}
After={BUS_FILE.name}
{ONLY_ON_A_GATEWAY}{ON_THE_BUS}StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=@PYTHON@ -I -m checker fleet serve
LoadCredential=identity:{SECRETS.parent}/identity
LoadCredential=agent.password:{SECRETS}/agent.password
Restart=always
RestartSec=5
RestartPreventExitStatus=2
Nice=5
TasksMax=64
User={FLEET_USER}
RuntimeDirectory=reversi-fleet
RuntimeDirectoryMode=0755
@GROUP@ReadWritePaths={FLEET_STATE}
{WITH_USER}RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
IPAddressDeny=any
IPAddressAllow=localhost

[Install]
WantedBy=multi-user.target
"""
"""It talks to this machine's nats-server only."""


def agent_lines(readers: str) -> str:
    """Return the lines about the agent's group: on a gateway that only readers may look at, the
    mirrors are theirs alone.
    """
    if not readers:
        return f"Group={FLEET_USER}\nUMask=0022\n"
    return f"Group={readers}\nSupplementaryGroups={FLEET_USER}\nUMask=0027\n"


def agent_content(python: str, readers: str) -> bytes:
    return with_python(AGENT_TEXT.replace("@GROUP@", agent_lines(readers)), python)


def agent_part(readers: str) -> bytes:
    """Return the drop-in that makes the plain unit that of a closed gateway."""
    return f"{HEAD}[Service]\n{agent_lines(readers)}".encode() if readers else b""


def bus_commands(found: Found, changed: Collection[Path]) -> Iterator[Command]:
    """Start both services; restart what runs with an old file or release."""
    if not found.choices.is_on_bus:
        return
    for path in runnable(found):
        if path.name not in found.linked or path.name in found.idle_units:
            yield Command(words=("systemctl", "enable", "--now", path.name))
        elif {path, drop_in_of(path)}.intersection(changed) or path.name in found.outdated_units:
            yield Command(words=("systemctl", "restart", path.name))


def runnable(found: Found) -> tuple[Path, ...]:
    """Return the units that can run here."""
    return BUS_UNIT_FILES if LIBRARY not in found.missing_libraries else (BUS_FILE,)


def bus_warnings(found: Found) -> Iterator[str]:
    """Say what is missing on a gateway that is on the bus."""
    if not found.choices.is_on_bus:
        return
    if LIBRARY in found.missing_libraries:
        yield (
            f"{FLEET_AGENT_FILE.name} cannot run: it needs the Python package nats-py, which"
            f" {found.python} does not have; run: sudo {found.python} -m pip install nats-py"
        )
    if not found.has_nats_server:
        yield f"{BUS_FILE.name} cannot run: as root, run: apt-get install nats-server"


def bus_withdrawals(found: Found) -> Iterator[Step]:
    """On a gateway that left the bus: stop the services, and remove their files, unless the admin
    changed them.
    """
    ours = [path for path in BUS_UNIT_FILES if is_ours(found, path)]
    linked = [path.name for path in BUS_UNIT_FILES if path.name in found.linked]
    if found.choices.is_on_bus or not (ours or linked):
        return
    if found.has_systemd:
        names = [path.name for path in BUS_UNIT_FILES]
        yield Command(words=("systemctl", "disable", "--now", *names), must=False)
    yield from (Remove(path=path) for path in ours)
    if ours and found.has_systemd and not is_packaged(found):
        yield Command(words=("systemctl", "daemon-reload"))


def is_ours(found: Found, path: Path) -> bool:
    """Return whether a file is there as an earlier `init` wrote it."""
    there = found.entries.get(path)
    return there is not None and found.written.get(str(path)) == digest(there.content or b"")
