"""The tunnel user owns the spool; nothing in it makes root touch files elsewhere."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from checker.config.layout import home_layout
from checker.control.client import Control
from checker.daemon.startup import prepare_folders
from checker.model import CheckerError, Event, EventKind, ProcessId
from checker.state.beats import all_beats, remove_dead
from checker.state.rows import Batch
from checker.state.spool import FILE, MAX_BYTES, collect, leave
from tests.strategies import NOW
from tests.system.harness import Gateway
from tests.system.waiting import until

LEFT = Event(at=NOW, kind=EventKind.GATEWAY, text="left behind", actor="daemon")
DEAD = ProcessId(pid=2**22 + 1, start_ticks=1)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that does not belong to the tunnel user."""
    path = tmp_path / "secret"
    path.write_text("precious\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    path = tmp_path / "spool"
    path.mkdir()
    return path


TRAPS = pytest.mark.parametrize(
    "trap",
    [
        pytest.param("ln -s {secret} {spool}/left", id="link"),
        pytest.param(
            "ln -s {secret} {spool}/left.taken; : >{spool}/left",
            id="link in place of the taken file",
        ),
        pytest.param("mkfifo {spool}/left", id="pipe"),
        pytest.param(
            "mkfifo {spool}/left.taken; : >{spool}/left", id="pipe in place of the taken file"
        ),
        pytest.param("mkdir {spool}/left", id="directory"),
        pytest.param("truncate -s 1G {spool}/left", id="huge"),
        pytest.param(
            "ln -s {secret} {spool}/beat.1.1; ln -s / {spool}/beat.2.2", id="beats that are links"
        ),
        pytest.param("ln -s {spool} {spool}/left", id="link to itself"),
    ],
)


@TRAPS
def test_nothing_outside_the_spool_is_touched(spool: Path, secret: Path, trap: str) -> None:
    before = secret.stat()
    subprocess.run(
        ["sh", "-c", trap.format(secret=shlex.quote(str(secret)), spool=shlex.quote(str(spool)))],
        check=True,
    )

    assert not collect(spool, os.geteuid())
    all_beats(spool)
    remove_dead(spool)

    assert secret.read_text() == "precious\n"
    assert secret.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.sshd
@pytest.mark.parametrize(
    "trap",
    [
        pytest.param("ln -s {secret} {spool}/left; ln -s {secret} {spool}/beat.1.1", id="links"),
        pytest.param("mkfifo {spool}/left; mkfifo {spool}/beat.1.1", id="pipes"),
    ],
)
def test_the_daemon_survives_traps_in_the_spool(gateway: Gateway, secret: Path, trap: str) -> None:
    places = {"secret": shlex.quote(str(secret)), "spool": shlex.quote(str(gateway.layout.spool))}
    script = (
        "import subprocess; print(subprocess.run(['sh', '-c',"
        f" {trap.format(**places)!r}]).returncode)"
    )
    laid = gateway.python_as(gateway.mode.tunnel, script)
    assert laid.communicate(timeout=200)[0] == "0\n"
    before = secret.stat()

    until(
        lambda: (
            not (gateway.layout.spool / FILE).is_symlink()
            and not (gateway.layout.spool / FILE).exists()
        ),
        "the file is taken",
    )

    assert Control(layout=gateway.layout).daemon_pid() is not None
    assert secret.read_text() == "precious\n"
    assert (secret.stat().st_mode, secret.stat().st_uid) == (before.st_mode, before.st_uid)
    assert "Traceback" not in gateway.log()
    for path in gateway.layout.spool.iterdir():
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def test_a_directory_in_place_of_the_taken_file_stops_only_the_spool(spool: Path) -> None:
    leave(spool, Batch(events=[LEFT]))
    (spool / f"{FILE}.taken").mkdir()

    assert not collect(spool, os.geteuid())

    (spool / f"{FILE}.taken").rmdir()
    assert [event.text for event in collect(spool, os.geteuid()).events] == ["left behind"]


def test_only_the_start_of_a_huge_file_is_read(spool: Path) -> None:
    leave(spool, Batch(events=[LEFT]))
    with (spool / FILE).open("ab") as file:
        file.truncate(64 * MAX_BYTES)

    assert len(collect(spool, os.geteuid()).events) == 1
    assert list(spool.iterdir()) == []


def test_beat_files_of_dead_processes_are_removed_but_not_what_they_link_to(
    spool: Path, secret: Path
) -> None:
    (spool / f"beat.{DEAD.pid}.{DEAD.start_ticks}").symlink_to(secret)
    (spool / "beat.99999999.7").symlink_to(spool.parent)

    remove_dead(spool)

    assert list(spool.iterdir()) == []
    assert secret.read_text() == "precious\n"


def test_a_directory_named_like_a_beat_file_stays_and_harms_nothing(spool: Path) -> None:
    (spool / "beat.99999998.7").mkdir()
    (spool / "beat.99999999.7").touch()

    remove_dead(spool)

    assert [path.name for path in spool.iterdir()] == ["beat.99999998.7"]


def test_a_beat_file_with_an_impossible_number_is_ignored(spool: Path) -> None:
    (spool / f"beat.{'9' * 200}.1").touch()
    (spool / f"beat.1.{'9' * 200}").touch()
    (spool / "beat.\u0661.\u0661").touch()

    all_beats(spool)
    remove_dead(spool)


def test_a_spool_that_is_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """Otherwise root would give the tunnel user the directory that the link leads to."""
    home = tmp_path / "home"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    home.mkdir()
    (home / "spool").symlink_to(elsewhere)

    with pytest.raises(CheckerError, match="cannot prepare"):
        prepare_folders(home_layout(home), 12345)

    assert (elsewhere.stat().st_uid, elsewhere.stat().st_mode & 0o777) == (os.geteuid(), 0o755)
