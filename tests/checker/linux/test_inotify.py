"""A directory's watch shows what the kernel saw."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.linux.inotify import DirectoryWatch


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: path.write_text("y"), id="written in place"),
        pytest.param(lambda path: path.unlink(), id="removed"),
        pytest.param(lambda path: path.chmod(0o600), id="closed"),
        pytest.param(lambda path: os.utime(path, ns=(5, 5)), id="time"),
        pytest.param(lambda path: path.rename(path.parent.parent / "x"), id="moved away"),
        pytest.param(lambda path: Path(f"{path}.new").replace(path), id="replaced"),
    ],
)
def test_a_change_of_a_file_is_told_once(tmp_path: Path, change: Callable[[Path], object]) -> None:
    folder = tmp_path / "nodes"
    folder.mkdir()
    path = folder / "office.toml"
    for name in ("office.toml", "office.toml.new"):
        (folder / name).write_text("x")
    watch = DirectoryWatch(folder)
    assert watch.changed_names() == set()

    change(path)

    assert "office.toml" in (watch.changed_names() or set())
    assert watch.changed_names() == set()
    watch.close()


def test_a_directory_that_is_gone_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "nodes"
    folder.mkdir()
    watch = DirectoryWatch(folder)

    folder.rename(tmp_path / "other")

    assert watch.changed_names() is None
    watch.close()


def test_more_changes_than_the_kernel_keeps_are_told_as_unknown(tmp_path: Path) -> None:
    kept = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    if kept > 1 << 17:
        pytest.skip(f"this kernel keeps {kept} changes")
    names = [tmp_path / "office.toml", tmp_path / "shed.toml"]
    for name in names:
        name.touch()
    watch = DirectoryWatch(tmp_path)

    for number in range(kept + 2):  # of two files in turn: the kernel joins what is alike
        os.utime(names[number % 2])

    assert watch.changed_names() is None
    watch.close()


@pytest.mark.parametrize("name", ["missing", "file"])
def test_what_is_not_a_directory_cannot_be_watched(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    before = len([*Path("/proc/self/fd").iterdir()])

    with pytest.raises(OSError, match="directory"):
        DirectoryWatch(tmp_path / name)

    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_process_that_may_open_nothing_more_gets_an_error(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            DirectoryWatch(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
