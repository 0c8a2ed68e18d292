"""What the tunnel user must be able to reach, run and write: registry, gate, shell and spool."""

from __future__ import annotations

import logging
import os
import pwd
import stat
from collections.abc import Collection
from pathlib import Path

from checker.config.files import may_read, unreachable_part
from checker.config.layout import Layout
from checker.config.settings import Config
from checker.config.toml_file import toml_files
from checker.model import CheckerError
from checker.registry.authorized_keys import gate_command

log = logging.getLogger(__name__)
UNREADABLE = (
    "cannot make %s readable for the tunnel user %s: %s; without a daemon its nodes would get no"
    " answer; run: sudo chmod a+rX %s"
)
CLOSED = (
    "%s is closed to the tunnel user %s; without a daemon its nodes would get no answer; run: sudo"
    " reversi-checker init"
)
MADE_READABLE = "made %s readable for the tunnel user %s, who answers nodes if no daemon does"


def open_to_tunnel_user(layout: Layout, config: Config) -> None:
    """Let the tunnel user read what the gate needs if no daemon answers; log what was changed.

    An admin's umask may have kept the files from it.
    """
    uid = config.tunnel_uid
    if uid == os.geteuid():
        return
    groups = os.getgrouplist(config.tunnel_user, pwd.getpwuid(uid).pw_gid)
    for path in (layout.config, layout.nodes, *toml_files(layout.nodes)):
        try:
            if config.is_closed(layout):
                if not may_read(path.stat(), uid, groups):
                    log.warning(CLOSED, path, config.tunnel_user)
                    return
                continue
            was_closed = open_to_all(path, uid, groups)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning(UNREADABLE, path, config.tunnel_user, error.strerror, path)
        else:
            if was_closed:
                log.warning(MADE_READABLE, path, config.tunnel_user)


def open_to_all(path: Path, uid: int, groups: Collection[int]) -> bool:
    """Let all users read the file if this one may not; return whether it was so. Raises OSError."""
    found = path.stat()
    if may_read(found, uid, groups):
        return False
    path.chmod(stat.S_IMODE(found.st_mode) | (0o055 if path.is_dir() else 0o044))
    return True


def prepare_spool(spool: Path, tunnel_uid: int) -> None:
    """Make the tunnel user's directory, which others cannot enter. Raises OSError, CheckerError.

    On an installed gateway, where the daemon is neither root nor the tunnel user, `init` made it,
    with the daemon's group.
    """
    if os.geteuid() not in (0, tunnel_uid):
        refuse_foreign_spool(spool, tunnel_uid)
        return
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    # following a link would give the tunnel user what it leads to
    handle = os.open(spool, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if found.st_mode & 0o007:
            os.fchmod(handle, 0o700)
        if found.st_uid != tunnel_uid:
            os.fchown(handle, tunnel_uid, -1)
    finally:
        os.close(handle)


def refuse_foreign_spool(spool: Path, tunnel_uid: int) -> None:
    """Raises OSError; CheckerError if the directory is not as `init` makes it."""
    if (
        not spool.is_dir()
        or spool.stat().st_uid != tunnel_uid
        or not os.access(spool, os.R_OK | os.W_OK | os.X_OK)
    ):
        raise CheckerError(
            f"{spool} must belong to the tunnel user, and the daemon must be able to write to it;"
            " run: sudo reversi-checker init"
        )


def refuse_unreachable(layout: Layout, config: Config) -> None:
    """Raises CheckerError if the tunnel user could not run the gate, or not read what it needs."""
    uid = config.tunnel_uid
    if uid == os.geteuid():
        return
    command = gate_command(layout)
    # open_to_tunnel_user warns of a registry that is closed to it; sshd lets its nodes in
    registry = () if config.is_closed(layout) else (layout.nodes / "x",)
    for needed in (Path(command.python), Path(command.gate), *registry):
        blocked = unreachable_part(needed, uid)
        if blocked is not None:
            raise CheckerError(
                f"the tunnel user {config.tunnel_user} cannot reach {needed}: only the owner may"
                f" enter {blocked}; install reversi-ssh, and put the home, where every user may go"
            )


def refuse_shell(user: str) -> None:
    """Raises CheckerError if the tunnel user's shell runs no forced command; an empty one is sh."""
    shell = pwd.getpwnam(user).pw_shell
    if Path(shell).name in ("nologin", "false"):
        raise CheckerError(
            f"the shell of {user} is {shell}, which runs no forced command; run: sudo usermod"
            f" --shell /bin/sh {user}"
        )
