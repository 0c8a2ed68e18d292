"""`backup` and `restore` of a gateway under a home, without root."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import socket
import sqlite3
import stat
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.cli.main import run
from checker.config.layout import Layout, home_layout
from checker.install.archive import ABOUT, BadBackup
from checker.install.backup import CannotBackUp, back_up
from checker.install.restore import (
    Drop,
    Put,
    RestoreFailed,
    plan_restore,
    put_back,
    survey_restore,
)
from checker.install.unpack import Member, unpack
from checker.model import Event, EventKind
from checker.registry.authorized_keys import gate_command, move_keys, present_keys, update_keys
from checker.registry.enrolling import end_enrolment, make_enrolment
from checker.registry.enrolments import enrolment_key_path, read_enrolments
from checker.registry.key_files import Stand
from checker.sshd.keygen import make_host_key
from checker.state.rows import Batch
from checker.state.store import open_reader, open_store
from tests.enrolled import FIELD, enrolment
from tests.host_keys import put_host_keys

ENDED = (0, 1)
"""As `doctor` ends, with which `restore` ends: here no daemon runs."""
NODE = "etc/reversi/nodes/office.toml"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gateway with a node, host keys, and an event."""
    layout = home_layout(tmp_path_factory.mktemp("first") / "home")
    layout.config.parent.mkdir(mode=0o755)
    layout.config.write_text("deadline_s = 7\n")
    put_host_keys(layout)
    add_node(layout, "office", 20010)
    assert cli(layout, "enrol", "new", "x", "--forward", "127.0.0.1:22,hostkey") == 0
    with contextlib.closing(open_store(layout.state)) as store:
        event = Event(at=time.time(), kind=EventKind.GATEWAY, text="the one before")
        store.write(Batch(events=(event,)))
    return layout.config.parent


@pytest.fixture
def home(first: Path, tmp_path: Path) -> Layout:
    layout = home_layout(shutil.copytree(first, tmp_path / "home"))
    update_keys(layout)
    return layout


def add_node(layout: Layout, name: str, port: int) -> None:
    place = str(layout.config.parent)
    words = ["--home", place, "node", "add", name, "--forward", f"{port}=127.0.0.1:22,open"]
    client = str(layout.config.parent.with_name(f"{name}.toml"))
    assert run([*words, "--keep-key", "--gateway", "gw:22", "--client-config", client]) == 0


def cli(layout: Layout, *words: str) -> int:
    return int(run(["--home", str(layout.config.parent), *words]))


def texts(layout: Layout) -> list[str]:
    with contextlib.closing(open_reader(layout.state)) as reader:
        return [event.text for event in reader.events()]


def content(layout: Layout) -> dict[str, bytes]:
    """All files of settings, registry and host keys."""
    found = [layout.config, layout.authorized_keys, *layout.nodes.glob("*.*")]
    found += layout.enrolments.iterdir()
    found += layout.config.parent.glob("ssh_host_*")
    return {path.name: path.read_bytes() for path in found if path.name != ".lock"}


def test_a_backup_is_secret_whole_and_a_plain_tar(home: Layout, tmp_path: Path) -> None:
    archive = tmp_path / "gateway.tar.gz"
    before = os.umask(0)
    try:
        assert cli(home, "backup", str(archive)) == 0
    finally:
        os.umask(before)

    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert names[0] == ABOUT
    assert {NODE, "etc/ssh/ssh_host_ed25519_key", "var/lib/reversi/state.db"} <= set(names)
    assert not {one for one in names if one.endswith((".lock", "-wal", ".installed.json"))}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gateway.tar.gz", "home"]


def test_keys_by_fingerprint_are_in_the_key_file_of_the_archive(
    home: Layout, tmp_path: Path
) -> None:
    """So every release can restore it, and what a broken node may do is not lost."""
    lines = home.authorized_keys.read_bytes()
    for stand in (Stand.TO_FINGERPRINT, Stand.FINGERPRINT):
        move_keys(home, gate_command(home), stand)
    assert home.authorized_keys.read_bytes() == b""
    archive = tmp_path / "gateway.tar.gz"

    assert cli(home, "backup", str(archive)) == 0
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        packed = tar.extractfile("etc/reversi/authorized_keys")
        assert packed is not None
        assert packed.read() == lines
    assert not [one for one in names if one.startswith("etc/reversi/keys")]
    add_node(home, "later", 20011)
    assert cli(home, "restore", str(archive), "--yes") in ENDED

    assert home.authorized_keys.read_bytes() == lines
    assert not home.keys.exists()
    assert present_keys(home) == lines


def test_an_existing_file_is_replaced_only_with_force(home: Layout, tmp_path: Path) -> None:
    archive = tmp_path / "gateway.tar.gz"
    archive.write_text("precious")

    assert cli(home, "backup", str(archive)) == 2
    assert archive.read_text() == "precious"
    with pytest.raises(CannotBackUp, match="--force"):
        back_up(home, archive, force=False, now=0.0)

    assert cli(home, "backup", str(archive), "--force") == 0
    assert unpack(archive, tmp_path / "out").nodes == 1


def test_a_backup_is_not_written_into_what_it_backs_up(home: Layout) -> None:
    with pytest.raises(CannotBackUp, match="part of itself"):
        back_up(home, home.nodes / "a.tar.gz", force=False, now=0.0)


def test_a_backup_has_what_the_daemon_wrote_last(home: Layout, tmp_path: Path) -> None:
    """The write-ahead log of the open state file is in it, too."""
    with contextlib.closing(open_store(home.state)) as store:
        event = Event(at=time.time(), kind=EventKind.GATEWAY, text="only in the log")
        store.write(Batch(events=(event,)))
        back_up(home, tmp_path / "a.tar.gz", force=False, now=0.0)

    unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    with contextlib.closing(open_reader(tmp_path / "out/var/lib/reversi/state.db")) as reader:
        assert [one.text for one in reader.events()][-1] == "only in the log"


def test_restore_brings_all_back_and_a_second_restore_undoes_it(
    home: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "gateway.tar.gz"
    assert cli(home, "backup", str(archive)) == 0
    before = content(home)
    add_node(home, "barn", 20011)
    home.config.write_text("deadline_s = 9\n")
    home.host_key.unlink()
    make_host_key(home.host_key)
    after = content(home)
    capsys.readouterr()

    assert cli(home, "restore", str(archive), "--dry-run") == 0
    assert content(home) == after
    told = capsys.readouterr().out.splitlines()
    assert f"would replace {home.config}" in told
    assert f"would remove {home.nodes}/barn.toml" in told
    assert f"would replace {home.host_key}" in told
    assert not [line for line in told if "office.toml" in line]
    assert told[-1] == "nothing was done"

    assert cli(home, "restore", str(archive), "--yes") in ENDED
    assert content(home) == before
    assert texts(home)[-1].startswith("restored gateway.tar.gz, made on ")
    (kept,) = (home.config.parent / "backups").iterdir()
    assert str(kept) in capsys.readouterr().err

    assert cli(home, "restore", str(kept), "--yes") in ENDED
    assert content(home) == after


def test_restore_into_an_empty_home_makes_the_gateway(home: Layout, tmp_path: Path) -> None:
    archive = tmp_path / "gateway.tar.gz"
    assert cli(home, "backup", str(archive)) == 0
    other = home_layout(tmp_path / "other")

    assert cli(other, "restore", str(archive), "--yes") in ENDED

    present, wanted = content(other), content(home)
    for found in (present, wanted):
        found["authorized_keys"] = found["authorized_keys"].replace(b"/other", b"/home")
    assert present == wanted
    assert stat.S_IMODE(other.host_key.stat().st_mode) == 0o600
    assert stat.S_IMODE((other.nodes / "office.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((other.enrolments / "x.key").stat().st_mode) == 0o600
    assert "the one before" in texts(other)


def test_a_broken_gateway_can_be_restored(home: Layout, tmp_path: Path) -> None:
    archive = tmp_path / "gateway.tar.gz"
    assert cli(home, "backup", str(archive)) == 0
    before = content(home)
    home.config.write_text("deadline_s =\n")
    (home.nodes / "office.toml").write_bytes(b"\xff")
    home.state.write_bytes(b"no database" * 1000)

    assert cli(home, "restore", str(archive), "--yes") in ENDED

    assert content(home) == before
    assert "the one before" in texts(home)
    assert list(home.state.parent.glob("state.db.replaced-*"))


def repacked(archive: Path, change: Callable[[tarfile.TarFile], None]) -> Path:
    """Copy an archive, and add what `change` adds."""
    other = archive.with_name("changed.tar.gz")
    plain = io.BytesIO(gzip.decompress(archive.read_bytes()))
    with tarfile.open(fileobj=plain, mode="a") as tar:
        change(tar)
    other.write_bytes(gzip.compress(plain.getvalue()))
    return other


def entry(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname = kind, to
    return found


@pytest.mark.parametrize(
    ("added", "why"),
    [
        pytest.param(entry("etc/passwd"), "does not belong to a gateway", id="another file"),
        pytest.param(entry("/etc/reversi/x.toml"), "leads out of it", id="absolute"),
        pytest.param(entry("etc/reversi/../x"), "leads out of it", id="dots"),
        pytest.param(
            entry("etc/reversi/x", tarfile.SYMTYPE, "/etc/shadow"), "neither a file", id="link"
        ),
        pytest.param(
            entry("etc/reversi/x", tarfile.LNKTYPE, NODE), "neither a file", id="hard link"
        ),
        pytest.param(entry("etc/reversi/x", tarfile.CHRTYPE), "neither a file", id="device"),
        pytest.param(entry("etc/reversi/x.toml"), "not what was backed up", id="added"),
        pytest.param(entry(NODE), "cannot be unpacked", id="twice"),
    ],
)
def test_an_archive_with_what_does_not_belong_there_is_refused_whole(
    home: Layout, tmp_path: Path, added: tarfile.TarInfo, why: str
) -> None:
    archive = tmp_path / "gateway.tar.gz"
    assert cli(home, "backup", str(archive)) == 0
    before = content(home)

    changed = repacked(archive, lambda tar: tar.addfile(added, io.BytesIO()))
    with pytest.raises(BadBackup, match=why):
        unpack(changed, tmp_path / "out")

    assert cli(home, "restore", str(changed), "--yes") == 2
    assert content(home) == before


@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_a_file_that_was_cut_off_is_refused(home: Layout, tmp_path: Path, kept: float) -> None:
    archive = tmp_path / "gateway.tar.gz"
    assert cli(home, "backup", str(archive)) == 0
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(BadBackup):
        unpack(archive, tmp_path / "out")


def test_a_tar_of_ones_own_is_refused(home: Layout, tmp_path: Path) -> None:
    archive = tmp_path / "own.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(home.config, "etc/reversi/reversi.toml")

    with pytest.raises(BadBackup, match="was not written by `backup`"):
        unpack(archive, tmp_path / "out")


def test_a_history_of_a_newer_release_is_refused(home: Layout, tmp_path: Path) -> None:
    archive = tmp_path / "gateway.tar.gz"
    with contextlib.closing(sqlite3.connect(home.state)) as db:
        db.execute("PRAGMA user_version = 99")
    done = back_up(home, archive, force=False, now=0.0)
    assert not done.has_history
    assert "newer reversi" in done.notes[0]


def test_restore_waits_for_the_daemon_to_be_stopped(home: Layout, tmp_path: Path) -> None:
    archive = tmp_path / "gateway.tar.gz"
    assert cli(home, "backup", str(archive)) == 0
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home.socket))
        listener.listen()

        def answer() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b'{"pid": 7}')

        thread = threading.Thread(target=answer)
        thread.start()
        assert cli(home, "restore", str(archive), "--yes") == 2
        thread.join()


def test_a_restore_that_fails_says_where_the_earlier_state_is(
    home: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "gateway.tar.gz"
    assert cli(home, "backup", str(archive)) == 0
    add_node(home, "barn", 20011)
    (home.nodes / "office.toml").unlink()
    (home.nodes / "office.toml").mkdir()

    unpacked = unpack(archive, tmp_path / "out")
    planned = survey_restore(home, unpacked)
    with pytest.raises(RestoreFailed, match="cannot be changed"):
        put_back(home, unpacked, planned)
    assert cli(home, "restore", str(archive), "--yes") == 2

    (kept,) = (home.config.parent / "backups").iterdir()
    assert f"restore {kept}" in capsys.readouterr().err


def test_only_what_differs_is_planned() -> None:
    def put(name: str, sha256: str) -> Put:
        member = Member(name=name, mode=0o644, owner="root", group="root", sha256=sha256)
        return Put(member=member, path=Path("/") / name, is_new=name == "new")

    puts = [put("same", "a"), put("other", "b"), put("new", "c")]
    present = {Path("/same"): "a", Path("/other"): "x", Path("/gone"): "y"}

    planned = plan_restore(puts, present, [Path("/same"), Path("/gone")])

    assert [one.path.name for one in planned.puts] == ["other", "new"]
    assert planned.drops == [Drop(path=Path("/gone"))]
    assert list(planned.lines()) == [
        "replace /other",
        "write /new",
        "remove /gone",
    ]


def test_enrolments_are_backed_up_with_their_keys_and_restored(
    home: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = str(tmp_path / "gateway.tar.gz")
    make_enrolment(home, FIELD, b"secret", gate_command(home))
    before = home.authorized_keys.read_bytes()
    found = read_enrolments(home.enrolments).found
    assert cli(home, "backup", archive) == 0
    assert "3 private keys" in capsys.readouterr().out
    end_enrolment(home, "field", gate_command(home))
    make_enrolment(home, enrolment(id="later"), b"later", gate_command(home))

    assert cli(home, "restore", archive, "--yes") in ENDED

    assert read_enrolments(home.enrolments).found == found
    assert found["field"] == FIELD
    assert enrolment_key_path(home, "field").read_bytes() == b"secret"
    assert stat.S_IMODE(enrolment_key_path(home, "field").stat().st_mode) == 0o600
    assert not enrolment_key_path(home, "later").exists()
    assert home.authorized_keys.read_bytes() == before
