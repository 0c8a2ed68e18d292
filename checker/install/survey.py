"""Read what is on the machine, for `init` and `uninstall`."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from checker.config.layout import SYSTEM, is_there
from checker.config.toml_file import ConfigError
from checker.control.client import Control
from checker.install.extra_drop_ins import EXTRAS, LISTS, is_as_made
from checker.install.extra_units import EXTRA_UNITS, ExtraUnit, was_chosen
from checker.install.left_behind import Logins
from checker.install.logged_in import logins
from checker.install.manifest import load_manifest
from checker.install.old_metadata import SITE, old_metadata
from checker.install.packaged_units import runs_packaged
from checker.install.places import (
    BUS_UNIT_FILES,
    ENABLED,
    EXTRA_UNIT_FILES,
    FILES,
    FLEET_PATH_FILE,
    FLEET_STATE,
    FLEET_USER,
)
from checker.install.plan import all_folders
from checker.install.readable import examine
from checker.install.rehearsal import probe_unknown
from checker.install.shared_key import FleetWish
from checker.install.steps import Choices, Entry, Found, KeysFound, NotSent, UserAccount, digest
from checker.install.sysctl_files import setter
from checker.install.tuning import KEY, TUNE
from checker.install.undo import Installed
from checker.install.unit_facts import (
    has_nats_server,
    idle_units,
    is_masked,
    linked_units,
    missing_libraries,
    outdated_units,
    packaged_units,
)
from checker.install.unit_files import DAEMON_USER, KEYS_USER
from checker.install.wanted_settings import NOTHING, choices, settings_after, under
from checker.linux.accounts import (
    account_days,
    group_name,
    is_account,
    is_group,
    is_locked,
    password_days,
    user_name,
)
from checker.linux.ephemeral import ephemeral_ports
from checker.linux.machine import cores
from checker.linux.processes import read_process, started_at
from checker.model import CheckerError
from checker.registry.authorized_keys import keys_lag
from checker.registry.enrolments import refuse_enrolling_key
from checker.registry.key_files import Stand
from checker.registry.key_places import faults, in_both, read_places
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry
from checker.sshd.lockdown import NOT_EVERYWHERE, max_startups
from checker.sshd.program import MAIN, effective
from checker.sshd.sshrc import SSHRC, spares

SYSTEMD = Path("/run/systemd/system")
KERNEL = Path("/proc/sys/net/ipv4")


def sshd_says(user: str) -> dict[str, str]:
    """Return sshd's settings for the user; none if it does not answer, or only answers root."""
    if os.geteuid() != 0 or user_account(user) is None:
        return {}
    try:
        return effective(MAIN, user)
    except CheckerError:
        return {}


def without_own_keys(fleet: FleetWish, registry: Registry) -> FleetWish:
    """Leave out keys that nodes have as their own: the file that lets all devices in now has those
    too. Raises ConfigError if no other key was given.
    """
    owners = {key: node.name for node in registry.nodes.values() for key in node.public_keys}
    others = tuple(key for key in fleet.keys if key not in owners)
    if fleet.keys and not others:
        raise ConfigError(
            SYSTEM.config,
            f"the key of --shared-key is node {owners[fleet.keys[0]]}'s own; whoever has it would"
            " be everybody",
        )
    return replace(fleet, keys=others)


def user_account(name: str) -> UserAccount | None:
    """Return the account of that name; None if there is none."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return UserAccount(
        uid=found.pw_uid,
        shell=found.pw_shell,
        is_locked=is_locked(name),
        expires_in_days=account_days(name),
        password_in_days=password_days(name),
    )


def entry(path: Path) -> Entry | None:
    """Return the file or directory; None if nothing is there. Raises ConfigError if it cannot be
    read.
    """
    try:
        seen = path.stat()
        is_folder = stat.S_ISDIR(seen.st_mode)
        return Entry(
            mode=stat.S_IMODE(seen.st_mode),
            owner=user_name(seen.st_uid),
            group=group_name(seen.st_gid),
            content=None if is_folder else path.read_bytes(),
            strays=is_folder
            and any(child.lstat().st_uid != seen.st_uid for child in path.iterdir()),
            is_folder=is_folder,
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(path, f"cannot be read ({error.strerror}); run this with sudo") from error


def members_of(group: str) -> frozenset[str]:
    """Return the names of the group's members, also of those whose own group it is; none if there
    is no such group.
    """
    try:
        found = grp.getgrnam(group)
    except KeyError:
        return frozenset()
    own = (user.pw_name for user in pwd.getpwall() if user.pw_gid == found.gr_gid)
    return frozenset((*found.gr_mem, *own))


def group_of(user: str) -> str:
    """Return the name of the user's own group; empty if there is no such user."""
    try:
        return group_name(pwd.getpwnam(user).pw_gid)
    except KeyError:
        return ""


def settings_entries(chosen: Choices) -> dict[Path, Entry]:
    """Return what lies in the settings' directory, without links and contents; also the nodes'
    files, if the gateway was closed to others and is not to be any more.
    """
    places = [SYSTEM.config.parent, *([] if chosen.readers else [SYSTEM.nodes])]
    found = {}
    for place in places:
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            seen = path.lstat()
            if not stat.S_ISLNK(seen.st_mode):
                found[path] = Entry(
                    mode=stat.S_IMODE(seen.st_mode),
                    owner=user_name(seen.st_uid),
                    group=group_name(seen.st_gid),
                    is_folder=stat.S_ISDIR(seen.st_mode),
                )
    return found


def succeeds(*words: str) -> bool:
    """Return whether the command exists and succeeds."""
    return (
        shutil.which(words[0]) is not None
        and subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0
    )


def is_served_by_root() -> bool:
    """Return whether root runs the daemon, as without systemd: then root must own its files."""
    pid = Control(layout=SYSTEM).daemon_pid()
    daemon = None if pid is None else read_process(pid)
    return daemon is not None and daemon.uid == 0


def is_daemon_older() -> bool:
    """Return whether the daemon runs with settings from before `reversi.toml` was changed."""
    pid = Control(layout=SYSTEM).daemon_pid()
    daemon = None if pid is None else read_process(pid)
    if daemon is None or not is_there(SYSTEM.config):
        return False
    began = started_at(daemon.id, time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))
    return SYSTEM.config.stat().st_mtime > began


def sshd_unit() -> str:
    """Return the name of sshd's service on this distribution; empty if systemd knows none."""
    return next(
        (unit for unit in ("ssh.service", "sshd.service") if succeeds("systemctl", "cat", unit)), ""
    )


def sshrc_of(user: str) -> tuple[Path, ...]:
    """Return the files that sshd runs before a forced command of the user, unless they exempt that
    user.
    """
    try:
        text = SSHRC.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    except OSError:
        return (SSHRC,)
    return () if spares(text, user) else (SSHRC,)


def not_sent() -> NotSent:
    """Read the present limit on unsent data, and find the file that sets it at boot."""
    place = KERNEL / KEY.rpartition(".")[2]
    try:
        value = place.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return NotSent(is_missing=True)
    return NotSent(
        value=value,
        is_read_only=bool(os.statvfs(place).f_flag & os.ST_RDONLY),
        set_in=setter(KEY, but=TUNE),
    )


def allow_lists(user: str) -> dict[str, str] | None:
    """Ask sshd for its lists of whom it lets in, even if there is no such user yet; None if it
    cannot be asked.
    """
    if os.geteuid() != 0:
        return None
    try:
        settings = effective(MAIN, user)
    except CheckerError:
        return None
    return {one.lower(): settings.get(one.lower(), "") for one in LISTS}


def survey(  # noqa: PLR0913 - the options of `init`
    *,
    root: Path | None,
    python: str,
    gateways: tuple[str, ...],
    force: bool,
    tune: bool | None = None,
    fleet: FleetWish = NOTHING,
    coming: Choices | None = None,
) -> Found:
    """Look at this machine, or at the tree of a package. Raises CheckerError.

    `coming`: the choices of a `reversi.toml` that will replace the present one, whatever that says.
    """
    if fleet.keys and root is None:
        refuse_enrolling_key(SYSTEM, fleet.keys)
        fleet = without_own_keys(fleet, read_registry(SYSTEM.nodes))
    chosen = coming or choices(root, gateways, fleet)
    paths = (*(folder.path for folder in all_folders(chosen.tunnel_user)), SYSTEM.keys, *FILES)
    paths = (*paths, FLEET_STATE, SYSTEM.inbox, SYSTEM.from_bus)
    entries = {
        path: found
        for path in paths
        if not (path in EXTRA_UNIT_FILES and is_masked(path))
        and (found := entry(under(root, path)))
    }
    asked = Found(python=python, choices=chosen, entries=entries, force=force, tune=tune)
    return asked if root else this_machine(asked, fleet, is_restored=coming is not None)


def this_machine(found: Found, fleet: FleetWish, *, is_restored: bool) -> Found:
    """Add what only a machine has, and no tree of a package. Raises CheckerError."""
    chosen = found.choices
    ephemeral, reserved = ephemeral_ports()
    has_systemd = SYSTEMD.is_dir()
    found = replace(
        found, has_systemd=has_systemd, packaged=packaged_units(), linked=linked_units()
    )
    extra = [unit for unit in EXTRA_UNITS if was_chosen(found, unit)]
    fleet_files = (FLEET_PATH_FILE, *BUS_UNIT_FILES)
    of_fleet = [path for path in fleet_files if path.name in found.linked]
    units: list[ExtraUnit | Path] = [*extra, *of_fleet] if has_systemd else []
    places, unreadable = examine((found.python, sys.executable), chosen.tunnel_user)
    registry = read_registry(SYSTEM.nodes)
    said = sshd_says(chosen.tunnel_user)
    here = logins(settings_after(chosen), registry, said) if said else Logins()
    return replace(
        found,
        uses_pam=said["usepam"].lower() == "yes" if "usepam" in said else None,
        logins=replace(here, leave=fleet.leave_behind),
        is_daemon_older=has_systemd and is_daemon_older(),
        accounts=accounts_of(chosen.tunnel_user, DAEMON_USER, KEYS_USER, FLEET_USER),
        groups=frozenset(group.gr_name for group in grp.getgrall()),
        written=load_manifest().files,
        startups=max_startups(cores()),
        unknown_options=probe_unknown(chosen.tunnel_user) if os.geteuid() == 0 else NOT_EVERYWHERE,
        ephemeral=ephemeral,
        reserved=reserved,
        sshd_unit=sshd_unit() if has_systemd else "",
        sshrc=sshrc_of(chosen.tunnel_user),
        is_enabled=has_systemd and are_all("is-enabled"),
        is_active=has_systemd and are_all("is-active"),
        idle_units=idle_units(units),
        outdated_units=outdated_units(units),
        missing_libraries=missing_libraries(found.python),
        has_nats_server=has_nats_server(),
        keys_lag=not is_restored and keys_lag(SYSTEM),
        keys=keys_found(),
        node_ports=frozenset(port for forward in registry.forwards for port in forward.ports),
        readers=members_of(chosen.readers),
        operators=members_of(chosen.operators),
        tunnel_group=group_of(chosen.tunnel_user),
        settings=settings_entries(chosen),
        is_served_by_root=is_served_by_root(),
        not_sent=not_sent(),
        allowed=allow_lists(chosen.tunnel_user),
        places=places,
        unreadable=unreadable,
        old_metadata=old_metadata(SITE),
    )


def accounts_of(*names: str) -> dict[str, UserAccount]:
    return {name: account for name in names if (account := user_account(name))}


def keys_found() -> KeysFound:
    """Look where our key lines are. Raises ConfigError."""
    there = read_places(SYSTEM.authorized_keys)
    return KeysFound(
        stand=there.listed.stand,
        why=there.listed.why,
        is_in_both=there.listed.stand is Stand.FINGERPRINT and bool(in_both(there)),
        has_faults=os.geteuid() == 0 and bool(faults(SYSTEM, there)),
        is_sshd_active=any(
            succeeds("systemctl", "is-active", f"{name}.{kind}")
            for name in ("ssh", "sshd")
            for kind in ("service", "socket")
        )
        if SYSTEMD.is_dir()
        else False,
    )


def are_all(state: str) -> bool:
    """Ask systemd whether all our units are in a state, `is-enabled` or `is-active`."""
    return all(succeeds("systemctl", state, unit) for unit in ENABLED)


def exists(made: str) -> bool:
    """Return whether there is such an account, `user NAME` or `group NAME`.

    An `uninstall` that failed may have removed it.
    """
    kind, _, name = made.partition(" ")
    return is_account(name) if kind == "user" else is_group(name)


def extra_files() -> dict[str, str]:
    """Return the digests of files for sshd that the commands of `doctor` wrote, and nobody
    changed.
    """
    found = {path: one.content for path in EXTRAS if (one := entry(path)) and one.content}
    return {str(path): digest(content) for path, content in found.items() if is_as_made(content)}


def installed() -> Installed | None:
    """Return what there is to undo; None if `init` made nothing. Raises CheckerError."""
    manifest = load_manifest()
    if manifest.is_empty:
        return None
    files = {**manifest.files, **extra_files()}
    paths = (*(Path(name) for name in files), *(Path(name) for name in manifest.folders), *EXTRAS)
    has_systemd = SYSTEMD.is_dir()
    return Installed(
        files=files,
        folders=manifest.folders,
        made=tuple(made for made in manifest.made if exists(made)),
        entries={path: found for path in paths if (found := entry(path))},
        has_systemd=has_systemd,
        sshd_unit=sshd_unit() if has_systemd else "",
        tunnel_user=choices(None, ()).tunnel_user,
        not_sent=not_sent(),
        packaged=frozenset(packaged_units() if runs_packaged(files) else ()),
    )
