"""What a daemon needs of its home before it runs: the lock, its directories, and descriptors
enough.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import pwd
import resource
import stat
import time
from collections.abc import Collection
from pathlib import Path

from checker.config.files import make_readable_folder, unreachable_part
from checker.config.layout import Layout
from checker.config.settings import Config
from checker.model import CheckerError
from checker.registry.authorized_keys import gate_command
from checker.registry.reading import node_files
from checker.state.ledger import Ledger
from checker.state.store import (
    StateError,
    StateFile,
    StateUnavailable,
    is_without_room,
    open_or_replace,
    open_reader,
)

log = logging.getLogger(__name__)


class DaemonRuns(CheckerError):
    """A second daemon on one home."""

    def __init__(self, layout: Layout, pid: str) -> None:
        super().__init__(
            f"a daemon (process {pid or 'unknown'}) already serves {layout.socket.parent}; stop it,"
            " or choose another --home"
        )


def lock_home(layout: Layout) -> int:
    """The descriptor of a lock that lasts as long as this process. Raises DaemonRuns."""
    path = layout.run / "_lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(handle, 32).decode("ascii", "replace").strip()
        os.close(handle)
        raise DaemonRuns(layout, pid) from None
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return handle


def raise_file_limit() -> None:
    """As many descriptors as we are allowed: a probe needs one, and a thousand may hang at once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def prepare_folders(layout: Layout, tunnel_uid: int) -> None:
    """The daemon's own directories, the tunnel user's spool, and the modes that each needs. Raises
    CheckerError.
    """
    try:
        layout.run.mkdir(parents=True, exist_ok=True)
        layout.run.chmod(0o755)
        prepare_spool(layout.spool, tunnel_uid)
        layout.state.parent.mkdir(parents=True, exist_ok=True)
        make_readable_folder(layout.nodes)
    except OSError as error:
        # of a descriptor the system tells no name, and only the spool is held by one
        place = error.filename or layout.spool
        raise CheckerError(
            f"{place} can not be prepared ({error.strerror}); check its permissions"
        ) from error


def make_run_again(layout: Layout) -> bool:
    """The daemon's directory, with a new lock, where somebody removed it; whether it was."""
    if layout.run.is_dir():
        return False
    try:
        layout.run.mkdir()
        layout.run.chmod(0o755)
        lock_home(layout)
    except (OSError, DaemonRuns):
        return False  # who writes there tells
    return True


def may_read(found: os.stat_result, uid: int, groups: Collection[int]) -> bool:
    """Whether this user may read the file, or list and pass the directory."""
    needed = 0o5 if stat.S_ISDIR(found.st_mode) else 0o4
    shift = 6 if found.st_uid == uid else 3 if found.st_gid in groups else 0
    return uid == 0 or found.st_mode >> shift & needed == needed


def open_to_tunnel_user(layout: Layout, config: Config) -> None:
    """Let the tunnel user read what the gate needs where no daemon answers, as an admin's umask may
    not; told, as all that is changed.
    """
    uid = config.tunnel_uid
    groups = os.getgrouplist(config.tunnel_user, pwd.getpwuid(uid).pw_gid)
    for path in (layout.config, layout.nodes, *node_files(layout.nodes)):
        try:
            found = path.stat()
            if uid == os.geteuid() or may_read(found, uid, groups):
                continue
            path.chmod(stat.S_IMODE(found.st_mode) | (0o055 if path.is_dir() else 0o044))
        except FileNotFoundError:
            continue
        except OSError as error:
            why = (
                f"{error.strerror}; without a daemon its nodes would get no answer; run: sudo chmod"
                f" a+rX {path}"
            )
            log.warning(
                "%s can not be made readable for the tunnel user %s: %s",
                path,
                config.tunnel_user,
                why,
            )
        else:
            log.warning(
                "%s was made readable for the tunnel user %s, who answers nodes where no daemon"
                " does",
                path,
                config.tunnel_user,
            )


def prepare_spool(spool: Path, tunnel_uid: int) -> None:
    """The tunnel user's directory, which others can not enter. Raises OSError, CheckerError.

    On an installed gateway `init` made it, and its group is the daemon's, whose account is neither
    root nor the tunnel user.
    """
    if os.geteuid() not in (0, tunnel_uid):
        if (
            not spool.is_dir()
            or spool.stat().st_uid != tunnel_uid
            or not os.access(spool, os.R_OK | os.W_OK | os.X_OK)
        ):
            raise CheckerError(
                f"{spool} must belong to the tunnel user, and be ours to clear; run: sudo"
                " reversi-checker init"
            )
        return
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    # a link would give away what it leads to
    handle = os.open(spool, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if found.st_mode & 0o007:
            os.fchmod(handle, 0o700)
        if found.st_uid != tunnel_uid:
            os.fchown(handle, tunnel_uid, -1)
    finally:
        os.close(handle)


def refuse_unreachable(layout: Layout, config: Config) -> None:
    """Raises CheckerError where the tunnel user could not run the gate, or read what it needs."""
    uid = config.tunnel_uid
    if uid == os.geteuid():
        return
    command = gate_command(layout)
    for needed in (Path(command.python), Path(command.gate), layout.nodes / "x"):
        blocked = unreachable_part(needed, uid)
        if blocked is not None:
            raise CheckerError(
                f"the tunnel user {config.tunnel_user} can not reach {needed}: {blocked} lets only"
                " its owner in; install reversi, and put the home, where every user may go"
            )


def refuse_shell(user: str) -> None:
    """Raises CheckerError where the tunnel user's shell runs no command, and so no gate; an empty
    one is sh.
    """
    shell = pwd.getpwnam(user).pw_shell
    if Path(shell).name in ("nologin", "false"):
        raise CheckerError(
            f"the shell of {user} is {shell}, which runs no forced command; run: usermod --shell"
            f" /bin/sh {user}"
        )


def opened(layout: Layout) -> tuple[StateFile | None, Path | None]:
    """The state file, and where a damaged one lies now; none where its disk is full. Raises
    StateError.
    """
    try:
        return open_or_replace(layout.state, time.time())
    except StateUnavailable:
        if not is_without_room(layout.state):
            raise
        return None, None


def begin_without_room(ledger: Ledger) -> None:
    """A full disk costs no tunnel: what is known can still be read, and what is seen waits in
    memory.
    """
    ledger.awaits_store = True
    with (
        contextlib.suppress(StateError),
        contextlib.closing(open_reader(ledger.layout.state)) as reader,
    ):
        ledger.load(reader)
