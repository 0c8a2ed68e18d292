"""What a daemon needs of its home before it runs: the lock, its directories, and descriptors enough."""

from __future__ import annotations

import fcntl
import os
import resource
from pathlib import Path

from checker.config import Layout
from checker.model import CheckerError
from checker.registry import make_readable_folder


class DaemonRuns(CheckerError):
    """A second daemon on one home."""

    def __init__(self, layout: Layout, pid: str) -> None:
        super().__init__(f"a daemon (process {pid or 'unknown'}) already serves {layout.socket.parent}; stop it, or choose another --home")


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
    """The daemon's own directories, the tunnel user's spool, and the modes that each needs. Raises CheckerError."""
    try:
        layout.run.mkdir(parents=True, exist_ok=True)
        layout.run.chmod(0o755)
        prepare_spool(layout.spool, tunnel_uid)
        layout.state.parent.mkdir(parents=True, exist_ok=True)
        make_readable_folder(layout.nodes)
    except OSError as error:
        place = error.filename or layout.spool  # of a descriptor the system tells no name, and only the spool is held by one
        raise CheckerError(f"{place} can not be prepared ({error.strerror}); check its permissions") from error


def prepare_spool(spool: Path, tunnel_uid: int) -> None:
    """The tunnel user's directory, which others can not enter. Raises OSError, CheckerError.

    On an installed gateway `init` made it, and its group is the daemon's, whose account is neither root nor the tunnel user.
    """
    if os.geteuid() not in (0, tunnel_uid):
        if not spool.is_dir() or spool.stat().st_uid != tunnel_uid or not os.access(spool, os.R_OK | os.W_OK | os.X_OK):
            raise CheckerError(f"{spool} must belong to the tunnel user, and be ours to clear; run: sudo reversi-checker init")
        return
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(spool, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)  # a link would give away what it leads to
    try:
        found = os.fstat(handle)
        if found.st_mode & 0o007:
            os.fchmod(handle, 0o700)
        if found.st_uid != tunnel_uid:
            os.fchown(handle, tunnel_uid, -1)
    finally:
        os.close(handle)
