"""Close a gateway to all but root and a group of readers, or open it again. Pure.

The directories are closed, so it does not matter which mode a file in them has. Others may still
enter the directory of the settings, but not list it: sshd reads the key file there as the tunnel
user, who must get in even if somebody takes that account out of the group.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from checker.config.layout import SYSTEM
from checker.install.places import ALERTS, CONFIG, MANIFEST, STATE
from checker.install.steps import ROOT, Access, Command, Entry, Found
from checker.install.unit_files import DAEMON_USER

SETTINGS_MODE = stat.S_ISGID | 0o751
NODES_MODE = stat.S_ISGID | 0o750
"""With setgid, new files get the group, and `checker.config.files` closes them."""
KEYS_MODE = 0o640
"""Of the key file, with the tunnel user's own group."""
KEYS_FOLDER_MODE = stat.S_ISGID | 0o750
"""Of the keys by fingerprint, with the group of the account that reads them for sshd."""
HAPROXY = CONFIG / "haproxy.cfg"
STATE_MODE, RUN_MODE = 0o750, 0o751
"""The tunnel user reads verdicts by name, so others may enter that directory too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Modes and groups of a gateway's directories."""

    settings: int = 0o755
    nodes: int = 0o755
    state: int = 0o755
    run: int = 0o755
    group: str = ROOT
    """Of settings and registry."""
    daemon_group: str = DAEMON_USER
    """Of what the daemon writes."""


def modes(readers: str) -> Modes:
    """Return them for a gateway with this group of readers; empty: for one that all may look at."""
    if not readers:
        return Modes()
    return Modes(
        settings=SETTINGS_MODE,
        nodes=NODES_MODE,
        state=STATE_MODE,
        run=RUN_MODE,
        group=readers,
        daemon_group=readers,
    )


def memberships(found: Found) -> Iterator[Command]:
    """Make the accounts readers that must be: the daemon's, the tunnel user, who answers nodes
    without a daemon, and the operators.
    """
    group = found.choices.readers
    if not group:
        return
    if group not in found.groups:
        yield Command(words=("groupadd", "--system", group), makes=f"group {group}")
    for name in (found.choices.tunnel_user, DAEMON_USER, *sorted(found.operators)):
        if name not in found.readers and name != ROOT:
            yield Command(words=("usermod", "--append", "--groups", group, name))


def accesses(found: Found) -> Iterator[Access]:
    """Close what lies in the settings' directory, or open it again."""
    group = found.choices.readers
    if not group and not is_closed(found):
        return
    for path, entry in found.settings.items():
        wanted = closed_access(found, path, entry) if group else opened_access(path, entry)
        if wanted and wanted != (entry.mode, entry.group):
            yield Access(path=path, mode=wanted[0], group=wanted[1])
    if group and SYSTEM.authorized_keys not in found.settings:  # it is made just before
        yield Access(path=SYSTEM.authorized_keys, mode=KEYS_MODE, group=tunnel_group(found))


def is_closed(found: Found) -> bool:
    """Whether the settings' directory was closed to others by us."""
    return CONFIG in found.entries and bool(found.entries[CONFIG].mode & stat.S_ISGID)


def tunnel_group(found: Found) -> str:
    return found.tunnel_group or found.choices.tunnel_user


def closed_access(found: Found, path: Path, entry: Entry) -> tuple[int, str] | None:
    """Return mode and group that a file must have; None if it may stay as it is."""
    if path in (MANIFEST, ALERTS, SYSTEM.nodes, SYSTEM.keys) or path.parent != CONFIG:
        return None
    if path == SYSTEM.authorized_keys:
        return KEYS_MODE, tunnel_group(found)
    if entry.mode & 0o077 == 0:
        return None  # root's alone, such as a private key
    bits = 0o050 if entry.is_folder else 0o040
    return entry.mode & ~0o7027 | bits, found.choices.readers


def opened_access(path: Path, entry: Entry) -> tuple[int, str] | None:
    """Return mode and group of a file that was closed; None if it may stay as it is."""
    if path in (SYSTEM.enrolments, SYSTEM.fleet):
        return (0o755, ROOT) if (entry.mode, entry.group) != (0o755, ROOT) else None
    lists = (SYSTEM.authorized_keys, SYSTEM.key_list, HAPROXY)
    is_ours = path.suffix in (".toml", ".next") or path in lists
    if (
        path == ALERTS
        or entry.is_folder
        or not is_ours
        or entry.mode & 0o077 == 0
        or entry.group == ROOT
    ):
        return None
    return 0o644, ROOT


def closed_folders(readers: str) -> dict[Path, int]:
    """Return the directories that are closed to others, and their modes."""
    wanted = modes(readers)
    return {
        CONFIG: wanted.settings,
        SYSTEM.nodes: wanted.nodes,
        STATE: wanted.state,
        SYSTEM.run: wanted.run,
    }


def open_paths(found: Found) -> tuple[Path, ...]:
    """Return what others than root and the readers can read, though the gateway is closed."""
    if not found.choices.readers:
        return ()
    loose = [access.path for access in accesses(found) if found.settings[access.path].mode & 0o007]
    for path, mode in closed_folders(found.choices.readers).items():
        entry = found.entries.get(path)
        if entry is not None and entry.mode & 0o007 & ~mode:
            loose.append(path)
    return tuple(loose)
