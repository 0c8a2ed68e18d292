"""What a home must have before a daemon runs: its lock and its directories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.daemon.startup import (
    DaemonRuns,
    lock_home,
    prepare_folders,
)
from checker.model import (
    CheckerError,
)
from checker.registry.lock import locked


def test_the_lock_lasts_as_long_as_its_descriptor(layout: Layout) -> None:
    lock = lock_home(layout)
    with pytest.raises(DaemonRuns, match=rf"a daemon \(process {os.getpid()}\) already serves"):
        lock_home(layout)

    os.close(lock)
    os.close(lock_home(layout))


def test_directories_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(CheckerError, match="cannot prepare"):
        prepare_folders(home_layout(tmp_path / "file"), os.geteuid())


def test_the_tunnel_user_may_read_the_registry_whatever_the_umask_of_who_made_it(
    tmp_path: Path,
) -> None:
    by_daemon, by_admin = home_layout(tmp_path / "daemon"), home_layout(tmp_path / "admin")
    before = os.umask(0o077)
    try:
        prepare_folders(by_daemon, os.geteuid())
        with locked(by_admin):
            pass
    finally:
        os.umask(before)

    assert [made.nodes.stat().st_mode & 0o777 for made in (by_daemon, by_admin)] == [0o755, 0o755]
