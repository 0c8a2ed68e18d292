"""What the tunnel user can read and run."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from checker.config.files import may_read
from checker.config.layout import Layout
from checker.config.settings import Config
from checker.daemon.tunnel_user import open_to_tunnel_user, prepare_spool, refuse_shell
from checker.model import (
    CheckerError,
)
from checker.registry.changes import add
from checker.registry.lock import locked
from tests.checker.daemon.running import COMMAND
from tests.strategies import node


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_what_the_gate_reads_is_made_readable_for_the_tunnel_user(
    layout: Layout, mode: int
) -> None:
    if os.geteuid() != 0:
        pytest.skip("another user's files take root")
    with locked(layout):
        add(layout, node(), COMMAND)
    layout.config.write_text("")
    for path in (layout.config, layout.nodes / "office.toml"):
        path.chmod(mode)
    layout.nodes.chmod(0o700)

    open_to_tunnel_user(layout, Config(tunnel_user="nobody"))

    modes = [
        stat.S_IMODE(path.stat().st_mode)
        for path in (layout.config, layout.nodes / "office.toml", layout.nodes)
    ]
    assert modes == [0o644, 0o644, 0o755]


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "may"),
    [
        pytest.param(0o100600, 7, 70, True, id="owner"),
        pytest.param(0o100640, 8, 70, True, id="group"),
        pytest.param(0o100640, 8, 71, False, id="other"),
        pytest.param(0o100604, 8, 71, True, id="all"),
        pytest.param(0o100604, 8, 70, False, id="all but the group"),
        pytest.param(0o040744, 8, 71, False, id="a directory that is listed and not passed"),
        pytest.param(0o040755, 8, 71, True, id="a directory"),
        pytest.param(0o100000, 0, 0, True, id="root"),
    ],
)
def test_who_may_read(mode: int, uid: int, gid: int, *, may: bool) -> None:
    found = os.stat_result((mode, 0, 0, 1, 7, 70, 0, 0, 0, 0))

    assert may_read(found, uid, {gid}) is may


def test_a_tunnel_user_whose_shell_runs_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for shell in ("/usr/sbin/nologin", "/bin/false"):
        monkeypatch.setattr("pwd.getpwnam", lambda _, shell=shell: SimpleNamespace(pw_shell=shell))
        with pytest.raises(
            CheckerError,
            match=f"the shell of device is {shell}.*; run: sudo usermod --shell /bin/sh device",
        ):
            refuse_shell("device")
    for shell in ("/bin/sh", ""):
        monkeypatch.setattr("pwd.getpwnam", lambda _, shell=shell: SimpleNamespace(pw_shell=shell))
        refuse_shell("device")


def test_the_spool_is_closed_to_others_but_keeps_the_group_that_init_gave_it(
    tmp_path: Path,
) -> None:
    spool = tmp_path / "spool"

    prepare_spool(spool, os.geteuid())
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
    spool.chmod(0o770)
    prepare_spool(spool, os.geteuid())
    assert stat.S_IMODE(spool.stat().st_mode) == 0o770
    spool.chmod(0o777)
    prepare_spool(spool, os.geteuid())
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700
