"""Prepare a home for the daemon: its lock, directories, descriptors and state file."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import resource
import time
from pathlib import Path

from checker.config.files import make_readable_folder
from checker.config.layout import Layout
from checker.daemon.tunnel_user import prepare_spool
from checker.model import CheckerError
from checker.state.errors import StateError, StateUnavailable
from checker.state.ledger import Ledger
from checker.state.store import StateFile, is_without_room, open_or_replace, open_reader

log = logging.getLogger(__name__)


class DaemonRuns(CheckerError):
    """Another daemon serves this home."""

    def __init__(self, layout: Layout, pid: str) -> None:
        super().__init__(
            f"a daemon (process {pid or 'unknown'}) already serves {layout.socket.parent}; stop it,"
            " or choose another --home"
        )


def lock_home(layout: Layout) -> int:
    """Lock the home as long as this process lives; return the descriptor. Raises DaemonRuns."""
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
    """Take all descriptors that we may have: each probe needs one, and 1,000 may hang at once."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def prepare_folders(layout: Layout, tunnel_uid: int, *, is_closed: bool = False) -> None:
    """Make the daemon's directories and the tunnel user's spool, with the modes that they need.

    `is_closed`: only readers may look. Raises CheckerError.
    """
    try:
        layout.run.mkdir(parents=True, exist_ok=True)
        layout.run.chmod(run_mode(is_closed=is_closed))
        prepare_spool(layout.spool, tunnel_uid)
        layout.state.parent.mkdir(parents=True, exist_ok=True)
        make_readable_folder(layout.nodes)
    except OSError as error:
        # an error of a descriptor names no file, and only the spool is used by one
        place = error.filename or layout.spool
        raise CheckerError(
            f"cannot prepare {place} ({error.strerror}); check its permissions"
        ) from error


def run_mode(*, is_closed: bool) -> int:
    """Return the mode of the verdicts' directory: the tunnel user must always enter it."""
    return 0o751 if is_closed else 0o755


def make_run_again(layout: Layout, *, is_closed: bool = False) -> bool:
    """Make the daemon's directory and lock again if somebody removed them; return whether so."""
    if layout.run.is_dir():
        return False
    try:
        layout.run.mkdir()
        layout.run.chmod(run_mode(is_closed=is_closed))
        lock_home(layout)
    except (OSError, DaemonRuns):
        return False  # the next write there reports it
    return True


def open_state(layout: Layout) -> tuple[StateFile | None, Path | None]:
    """Open the state file; None if its disk is full. Raises StateError.

    The second value is where a damaged one was moved to, if it was.
    """
    try:
        return open_or_replace(layout.state, time.time())
    except StateUnavailable:
        if not is_without_room(layout.state):
            raise
        return None, None


def begin_without_room(ledger: Ledger) -> None:
    """Start without a writable state file: read what it has, and keep what is seen in memory."""
    ledger.awaits_store = True
    with (
        contextlib.suppress(StateError),
        contextlib.closing(open_reader(ledger.layout.state)) as reader,
    ):
        ledger.load(reader)
