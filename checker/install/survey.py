"""Reading what is on the machine, for `init` and `uninstall`."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from checker.config.layout import SYSTEM, is_there
from checker.config.settings import load_config
from checker.config.toml_file import ConfigError, read_toml
from checker.control.client import Control
from checker.install.manifest import load_manifest
from checker.install.plan import ENABLED, FILES, all_folders
from checker.install.rehearsal import probe_unknown
from checker.install.steps import Account, Choices, Entry, Found, NotSent
from checker.install.sysctl_files import setter
from checker.install.tuning import KEY, TUNE
from checker.install.undo import Installed
from checker.install.unit_files import DAEMON_USER, ranges_in
from checker.linux.accounts import group_name, is_locked, user_name
from checker.linux.processes import read_process
from checker.registry.authorized_keys import keys_lag
from checker.registry.reading import read_registry
from checker.sshd.lockdown import NOT_EVERYWHERE
from checker.sshd.sshrc import SSHRC, spares

SYSTEMD = Path("/run/systemd/system")
KERNEL = Path("/proc/sys/net/ipv4")


def under(root: Path | None, path: Path) -> Path:
    """The path in a tree that is being packaged; itself on this machine."""
    return root / path.relative_to("/") if root else path


def choices(root: Path | None, gateways: tuple[str, ...]) -> Choices:
    """What `reversi.toml` says; where there is none, what it will say. Raises ConfigError."""
    path = under(root, SYSTEM.config)
    if not is_there(path):
        return Choices(gateways=gateways, asked_gateways=gateways)
    if "tunnel_user" not in read_toml(path):
        raise ConfigError(
            path,
            "tunnel_user is missing; name the account that devices log in to, as in tunnel_user ="
            ' "reversi"',
        )
    config = load_config(path)
    return Choices(
        tunnel_user=config.tunnel_user,
        operators=config.operators_group,
        ports=config.policy.ports,
        shared_ports=config.shared_key.open_ports,
        gateways=config.gateway,
        asked_gateways=gateways,
    )


def account(name: str) -> Account | None:
    """Raises OSError where the passwords may not be read."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(uid=found.pw_uid, shell=found.pw_shell, locked=is_locked(name))


def entry(path: Path) -> Entry | None:
    """What lies there. Raises ConfigError where it can not be looked at."""
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
        )
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(
            path, f"can not be looked at ({error.strerror}); run it with sudo"
        ) from error


def answers(*words: str) -> bool:
    """Whether a command of systemd's says yes."""
    return (
        shutil.which(words[0]) is not None
        and subprocess.run(words, capture_output=True, check=False, timeout=60).returncode == 0
    )


def is_served_by_root() -> bool:
    """Whether root itself runs the daemon, as without systemd: then its files are root's, and as
    they must be.
    """
    pid = Control(layout=SYSTEM).daemon_pid()
    daemon = None if pid is None else read_process(pid)
    return daemon is not None and daemon.uid == 0


def sshd_unit() -> str:
    """The service of sshd on this distribution; empty where systemd knows none."""
    return next(
        (unit for unit in ("ssh.service", "sshd.service") if answers("systemctl", "cat", unit)), ""
    )


def sshrc_of(user: str) -> tuple[Path, ...]:
    """The files that sshd runs before a forced command of the user's, if they do more than spare
    it.
    """
    try:
        text = SSHRC.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ()
    except OSError:
        return (SSHRC,)
    return () if spares(text, user) else (SSHRC,)


def kernel_ports() -> tuple[range, frozenset[int]]:
    """The ephemeral range, and what is reserved of it now."""
    low, high = (KERNEL / "ip_local_port_range").read_text(encoding="ascii").split()
    return range(int(low), int(high) + 1), ranges_in(
        (KERNEL / "ip_local_reserved_ports").read_text(encoding="ascii")
    )


def not_sent() -> NotSent:
    """The limit on unsent data as it is now, and the file that sets it at boot."""
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


def survey(
    *,
    root: Path | None,
    python: str,
    gateways: tuple[str, ...],
    force: bool,
    tune: bool | None = None,
) -> Found:
    """The machine, or the tree. Raises CheckerError."""
    chosen = choices(root, gateways)
    paths = (*(folder.path for folder in all_folders(chosen.tunnel_user)), *FILES)
    entries = {path: found for path in paths if (found := entry(under(root, path)))}
    if root:
        return Found(python=python, choices=chosen, entries=entries, force=force, tune=tune)
    names = (chosen.tunnel_user, DAEMON_USER)
    ephemeral, reserved = kernel_ports()
    has_systemd = SYSTEMD.is_dir()
    return Found(
        python=python,
        choices=chosen,
        accounts={name: who for name in names if (who := account(name))},
        groups=frozenset(group.gr_name for group in grp.getgrall()),
        entries=entries,
        written=load_manifest().files,
        unknown_options=probe_unknown(chosen.tunnel_user) if os.geteuid() == 0 else NOT_EVERYWHERE,
        ephemeral=ephemeral,
        reserved=reserved,
        has_systemd=has_systemd,
        sshd_unit=sshd_unit() if has_systemd else "",
        sshrc=sshrc_of(chosen.tunnel_user),
        is_enabled=has_systemd
        and all(answers("systemctl", "is-enabled", unit) for unit in ENABLED),
        is_active=has_systemd and all(answers("systemctl", "is-active", unit) for unit in ENABLED),
        keys_lag=keys_lag(SYSTEM),
        node_ports=frozenset(
            port for forward in read_registry(SYSTEM.nodes).forwards for port in forward.ports
        ),
        is_served_by_root=is_served_by_root(),
        not_sent=not_sent(),
        tune=tune,
        force=force,
    )


def exists(made: str) -> bool:
    """Whether there is such an account, `user NAME` or `group NAME`: an undoing that failed may
    have removed it.
    """
    kind, _, name = made.partition(" ")
    try:
        _ = pwd.getpwnam(name) if kind == "user" else grp.getgrnam(name)
    except KeyError:
        return False
    return True


def installed() -> Installed | None:
    """What there is to undo; None where `init` made nothing. Raises CheckerError."""
    manifest = load_manifest()
    if manifest.is_empty:
        return None
    paths = (*(Path(name) for name in manifest.files), *(Path(name) for name in manifest.folders))
    has_systemd = SYSTEMD.is_dir()
    return Installed(
        files=manifest.files,
        folders=manifest.folders,
        made=tuple(made for made in manifest.made if exists(made)),
        entries={path: found for path in paths if (found := entry(path))},
        has_systemd=has_systemd,
        sshd_unit=sshd_unit() if has_systemd else "",
        tunnel_user=choices(None, ()).tunnel_user,
        not_sent=not_sent(),
    )
