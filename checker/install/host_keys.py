"""Where the gateway's host keys are: the usual files, and those that sshd names."""

from __future__ import annotations

import os
from pathlib import Path

from checker.config.layout import Layout
from checker.install.archive import HOST_KEY
from checker.model import CheckerError
from checker.sshd.host_key_files import ask_for_host_keys


def host_keys(layout: Layout) -> tuple[Path, ...]:
    """Return the private host keys, one of each name; if there are two, the one that sshd uses."""
    usual = sorted(layout.host_key.parent.glob("ssh_host_*_key"))
    found = {path.name: path for path in (*usual, *used_keys(layout)) if is_key(path)}
    return tuple(path for _, path in sorted(found.items()))


def is_key(path: Path) -> bool:
    return path.is_file() and HOST_KEY.fullmatch(path.name) is not None


def used_keys(layout: Layout) -> tuple[Path, ...]:
    """Return the host keys that this machine's sshd names, also those that are missing; none if it
    cannot be asked, and for a home.
    """
    if layout.home is not None or os.geteuid() != 0:
        return ()
    try:
        return ask_for_host_keys().files
    except CheckerError:
        return ()
