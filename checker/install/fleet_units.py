"""What `init` adds on a gateway in a fleet: the inbox, and root's service that empties it. Pure.

The table `[fleet]` in reversi.toml decides. Without it, the units and the inbox go again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from checker.config.layout import SYSTEM
from checker.install.places import FLEET_PATH_FILE, FLEET_STATE, FLEET_UNIT_FILES, FLEET_USER
from checker.install.steps import ROOT, Choices, Command, Folder, Found, Remove, Step, digest
from checker.install.unit_files import HEAD, ONLY_ON_A_GATEWAY

IN_A_FLEET = "ConditionPathIsDirectory=/etc/reversi/fleet\n"
SERVICE_TEXT = f"""{HEAD}[Unit]
Description=reversi: verifies and takes over what other gateways of the fleet bring
{ONLY_ON_A_GATEWAY}{IN_A_FLEET}StartLimitIntervalSec=0

[Service]
Type=simple
Restart=on-failure
RestartSec=10
ExecStart=@PYTHON@ -I -m checker.fleet.apply
CapabilityBoundingSet=CAP_DAC_OVERRIDE CAP_CHOWN
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=/etc/reversi /var/lib/reversi {FLEET_STATE}
ProtectHome=yes
PrivateTmp=yes
RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6
SystemCallFilter=@system-service
"""
"""As root, because only root writes the registry; confined as reversi-keys.service, for the same
reasons. If it fails, systemd waits before it starts it again.
"""
PATH_TEXT = f"""{HEAD}[Unit]
Description=reversi: waits until something lies in the inbox of the fleet
{ONLY_ON_A_GATEWAY}{IN_A_FLEET}
[Path]
DirectoryNotEmpty={SYSTEM.inbox}
DirectoryNotEmpty={SYSTEM.from_bus}

[Install]
WantedBy=multi-user.target
"""
MIRRORS_MODE = 0o1775
"""The agent writes mirrors there, but cannot replace root's inbox beside them."""
AGENTS_MODE = 0o1770
OPERATORS_MODE, ROOTS_MODE = 0o1730, 0o700
"""Operators may put something into the inbox, and see nothing there. Without signatures, whoever
may do that decides about the registry: only root.
"""


def fleet_folders(choices: Choices) -> Iterator[Folder]:
    """Return the directories that a gateway in a fleet needs, parents first."""
    if not choices.is_in_fleet:
        return
    if choices.is_on_bus:
        yield Folder(path=FLEET_STATE, mode=MIRRORS_MODE, group=FLEET_USER)
        yield Folder(path=SYSTEM.from_bus, mode=AGENTS_MODE, group=FLEET_USER)
    else:
        yield Folder(path=FLEET_STATE)
    is_open = choices.is_signing and bool(choices.operators)
    yield Folder(
        path=SYSTEM.inbox,
        mode=OPERATORS_MODE if is_open else ROOTS_MODE,
        group=choices.operators if is_open else ROOT,
    )


def fleet_commands(found: Found, changed: Collection[Path]) -> Iterator[Command]:
    """Start what waits for the inbox."""
    if not found.choices.is_in_fleet:
        return
    name = FLEET_PATH_FILE.name
    if name not in found.linked or name in found.idle_units:
        yield Command(words=("systemctl", "enable", "--now", name))
    elif FLEET_PATH_FILE in changed:
        yield Command(words=("systemctl", "restart", name))


def fleet_withdrawals(found: Found) -> Iterator[Step]:
    """On a gateway that left its fleet: stop the service, and remove its files, unless the admin
    changed them.
    """
    ours = [path for path in FLEET_UNIT_FILES if is_ours(found, path)]
    if found.choices.is_in_fleet or not (ours or FLEET_PATH_FILE.name in found.linked):
        return
    if found.has_systemd:
        yield Command(words=("systemctl", "disable", "--now", FLEET_PATH_FILE.name), must=False)
    yield from (Remove(path=path) for path in ours)
    if ours and found.has_systemd:
        yield Command(words=("systemctl", "daemon-reload"))


def is_ours(found: Found, path: Path) -> bool:
    """Return whether a file is there as an earlier `init` wrote it."""
    there = found.entries.get(path)
    return there is not None and found.written.get(str(path)) == digest(there.content or b"")
