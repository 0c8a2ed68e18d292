"""Writing files: the whole new file, or the one before."""

from __future__ import annotations

import json
import os
import pwd
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from checker.config.files import replace_text, unreachable_part, write_atomically
from checker.config.toml_file import ConfigError


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"one", mode=0o640)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640

    path.chmod(0o604)
    write_atomically(path, b"two", mode=0o600)

    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    assert path.read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_new_file_in_a_closed_directory_is_closed_to_others(tmp_path: Path) -> None:
    for mode, wanted in ((0o2751, 0o640), (0o2750, 0o640), (0o2755, 0o644), (0o711, 0o644)):
        folder = tmp_path / f"{mode:o}"
        folder.mkdir()
        folder.chmod(mode)

        write_atomically(folder / "file", b"one", mode=0o644)
        write_atomically(folder / "file", b"two", mode=0o644)

        assert stat.S_IMODE((folder / "file").stat().st_mode) == wanted


def test_a_replaced_file_keeps_its_group(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give a file to any group")
    os.chown(tmp_path, 0, 4101)
    tmp_path.chmod(0o2750)
    path = tmp_path / "file"

    write_atomically(path, b"one", mode=0o644)
    assert path.stat().st_gid == 4101

    os.chown(path, 4102, 4103)
    write_atomically(path, b"two", mode=0o644)
    assert (path.stat().st_uid, path.stat().st_gid) == (4102, 4103)


def test_a_directory_may_be_entered_by_a_member_of_its_group(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give a directory to any group")
    tmp_path.chmod(0o755)
    user = next(found for found in pwd.getpwall() if found.pw_uid > 0)
    place = tmp_path / "closed"
    place.mkdir()
    place.chmod(0o750)

    blocked = unreachable_part(place / "file", user.pw_uid)
    os.chown(place, 0, user.pw_gid)

    # pytest's own directories may be closed, too
    assert blocked is not None
    assert unreachable_part(place / "file", user.pw_uid) != place


def test_a_file_under_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(ConfigError, match="cannot be written"):
        write_atomically(tmp_path / "file" / "below", b"x", mode=0o600)


def test_a_directory_is_not_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()

    with pytest.raises(ConfigError, match="cannot be written"):
        write_atomically(tmp_path / "place", b"x", mode=0o600)

    assert [path.name for path in tmp_path.iterdir()] == ["place"]


WRITE_TOO_MUCH = """
import json, sys
from pathlib import Path
from checker.config.files import write_atomically
from checker.config.toml_file import ConfigError
try:
    write_atomically(Path(sys.argv[1]), b"x" * 100_000, mode=0o600)
except ConfigError as error:
    print(json.dumps(str(error)))
"""


def limit_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_a_file_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    said = subprocess.run(
        [sys.executable, "-c", WRITE_TOO_MUCH, str(path)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=200,
        preexec_fn=limit_files,
    )

    assert "cannot be written (File too large)" in json.loads(said.stdout)
    assert path.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_text_is_replaced_whole(tmp_path: Path) -> None:
    replace_text(tmp_path / "office", "1\n")
    replace_text(tmp_path / "office", "60\n")

    assert (tmp_path / "office").read_text() == "60\n"
    assert [path.name for path in tmp_path.iterdir()] == ["office"]
