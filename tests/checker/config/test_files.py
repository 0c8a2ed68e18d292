"""Writing files: the whole new file, or the one before."""

from __future__ import annotations

import json
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from checker.config.files import replace_text, write_atomically
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
        timeout=20,
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
