"""How a bundle starts at boot, and comes back from a crash or an upgrade that fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from client.bundle.compose import render
from tests.bundles import Box, applets
from tests.client.bundle.samples import changed
from tests.system.accounts import temporary_account
from tests.system.shell.installing import RCLOCAL, bundle, files, hidden, needs_root
from tests.system.shell.stand_ins import program, programs
from tests.system.waiting import until

pytestmark = pytest.mark.shell


@needs_root
@pytest.mark.parametrize("taken", [False, True], ids=["free", "taken by another user"])
def test_without_root_it_runs_from_memory_that_other_users_cannot_write(taken: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="reversi-") as place, temporary_account() as account:
        Path(place).chmod(0o755)
        folder = Path(place) / "a box"
        box = Box(
            folder,
            ("dash",),
            path=[folder / "programs", applets(Path(place) / "bin")],
            account=account,
        )
        programs(folder / "programs")
        box.live().parent.mkdir(parents=True)
        file = bundle(box)
        if taken:
            box.live().mkdir(mode=0o777)
            box.live().chmod(0o777)
        live = box.installed / "run-office" if taken else box.live()

        said = box.sh(file, "install")

        assert said.returncode == 0, said.stderr
        until(
            lambda: (live / "state").exists() and "state up" in (live / "state").read_text(),
            "it is up",
        )
        assert (live.stat().st_uid, live.stat().st_mode & 0o777) == (account.uid, 0o700)
        assert (live / "key").stat().st_mode & 0o777 == 0o600
        assert (box.installed / "run-office").exists() == taken
        assert not taken or list(box.live().iterdir()) == []
        assert box.sh(file, "status").returncode == 0
        assert box.sh(file, "uninstall").returncode == 0
        box.await_nothing_left()
        assert not live.exists()
        assert list(box.user_home.iterdir()) == []


@needs_root
def test_rc_local_is_made_if_nothing_else_starts_at_boot_and_is_removed_again(box: Box) -> None:
    (box.folder / "programs/crontab").unlink()
    box.environment["PATH"] = hidden(box, "crontab")
    before = files(box)

    said = box.sh(bundle(box), "install")

    assert said.returncode == 0, said.stderr
    assert (box.root / RCLOCAL.unit).read_text().splitlines()[2:] == [
        f"/bin/sh '{box.installed}/office.sh' boot # reversi-office"
    ]
    assert os.access(box.root / RCLOCAL.unit, os.X_OK)
    box.await_state("up")
    assert "is unchanged" in box.sh(bundle(box), "install").stderr
    box.sh(bundle(box), "uninstall")
    assert files(box) == before
    box.await_nothing_left()


def test_a_user_without_crontab_is_told_what_to_start_at_boot(box: Box) -> None:
    (box.folder / "programs/crontab").unlink()
    box.environment["PATH"] = hidden(box, "crontab")
    file = bundle(box, started_by="cron")

    said = box.sh(file, "install")

    assert said.returncode == 0, said.stderr
    assert f"run this at boot: /bin/sh '{box.installed}/office.sh' boot" in said.stderr
    box.await_state("up")
    assert box.sh(file, "uninstall").returncode == 0
    box.await_nothing_left()


def test_the_loop_restarts_a_killed_process(box: Box) -> None:
    file = bundle(box)
    brief_naps(box)
    box.sh(file, "install")
    first = box.await_state("up")["pid"]

    os.kill(int(first.split()[0]), 9)

    until(
        lambda: box.state().get("pid") != first and box.state().get("state") == "up",
        "another process is up",
    )
    box.sh(file, "uninstall")
    box.await_nothing_left()


def brief_naps(box: Box) -> None:
    """Let the restart loop wait one second instead of ten."""
    program(
        box.folder / "programs",
        "sleep",
        f'#!/bin/sh\n[ "$1" != 10 ] || set -- 1\nexec {shutil.which("busybox")} sleep "$@"\n',
    )


def upgraded(box: Box) -> str:
    """Install a bundle, wait until it is up, and upgrade to one that finds no gateway.

    Return the first one's installed script.
    """
    older = bundle(box)
    box.sh(older, "install")
    box.await_state("up")
    before = (box.installed / "office.sh").read_text()
    (box.folder / "programs/refusal").write_text("no route\n")
    newer = box.write(
        render(changed(settings={"root": str(box.root), "beat": "1", "trial": "6"})), "newer.sh"
    )
    assert box.sh(newer, "upgrade", "--offline").returncode == 0
    until((box.live() / "trial").exists, "the newer one begins")
    return before


def test_an_upgrade_that_keeps_crashing_is_rolled_back(box: Box) -> None:
    brief_naps(box)
    before = upgraded(box)

    def killed() -> bool:
        if (box.installed / "office.sh").read_text() == before:
            return True
        with contextlib.suppress(ProcessLookupError, KeyError):
            os.kill(int(box.state()["pid"].split()[0]), signal.SIGKILL)
        return False

    until(killed, "the older one is back")
    assert not (box.installed / "office.sh.old").exists()
    box.sh(bundle(box), "uninstall")
    box.await_nothing_left()


def test_an_upgrade_that_cannot_be_rolled_back_keeps_trying(box: Box) -> None:
    upgraded(box)
    old = box.installed / "office.sh.old"
    old.unlink()
    old.mkdir()

    until(lambda: not (box.live() / "trial").exists(), "its time is over")
    (box.folder / "programs/refusal").unlink()

    box.await_state("up")
    old.rmdir()
    box.sh(bundle(box), "uninstall")
    box.await_nothing_left()
