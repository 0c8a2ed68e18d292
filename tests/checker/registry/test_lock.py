"""The lock of the registry: one writer, or several readers."""

from __future__ import annotations

import fcntl
import os
import pwd
from pathlib import Path

import pytest

from checker.config.layout import SYSTEM, Layout
from checker.config.toml_file import ConfigError
from checker.registry.key_lines import render_lines
from checker.registry.lock import (
    NotYours,
    is_ours,
    locked,
    refuse_others,
    undisturbed,
    who_may_change,
)
from tests.checker.registry.registry_files import COMMAND
from tests.strategies import node


def may_lock(layout: Layout, how: int) -> bool:
    """Try the lock as another process would, without waiting."""
    with (layout.nodes / ".lock").open("rb") as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_a_writer_keeps_writers_and_readers_out(layout: Layout) -> None:
    with locked(layout):
        assert not may_lock(layout, fcntl.LOCK_EX)
        assert not may_lock(layout, fcntl.LOCK_SH)

    assert may_lock(layout, fcntl.LOCK_EX)


def test_a_reader_keeps_only_writers_out(layout: Layout) -> None:
    with locked(layout):
        pass

    with undisturbed(layout):
        assert not may_lock(layout, fcntl.LOCK_EX)
        assert may_lock(layout, fcntl.LOCK_SH)

    assert may_lock(layout, fcntl.LOCK_EX)


def test_a_writer_that_fails_gives_the_lock_back(layout: Layout) -> None:
    with pytest.raises(ZeroDivisionError), locked(layout):
        raise ZeroDivisionError

    assert may_lock(layout, fcntl.LOCK_EX)


def test_a_registry_that_nobody_changed_yet_is_read_without_a_lock(layout: Layout) -> None:
    with undisturbed(layout):
        assert not layout.nodes.exists()


def test_the_first_change_makes_the_folder(layout: Layout) -> None:
    assert not is_ours(layout)

    with locked(layout):
        assert is_ours(layout)


def test_a_lock_that_is_a_link_is_refused(layout: Layout, tmp_path: Path) -> None:
    layout.nodes.mkdir(parents=True)
    (layout.nodes / ".lock").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="cannot be opened"), locked(layout):
        pass

    assert not (tmp_path / "elsewhere").exists()


def test_a_file_in_the_place_of_the_registry_cannot_be_locked(layout: Layout) -> None:
    layout.nodes.parent.mkdir()
    layout.nodes.write_text("a file")

    with pytest.raises(ConfigError, match="check the permissions"), locked(layout):
        pass


def test_who_may_not_change_the_registry_learns_who_may() -> None:
    assert who_may_change(SYSTEM) == "only root"
    assert str(NotYours(SYSTEM)) == (
        "/etc/reversi/nodes: only root may change nodes here: run it with sudo"
    )


def test_a_home_belongs_to_its_owner(layout: Layout) -> None:
    layout.nodes.mkdir(parents=True)
    refuse_others(layout)

    me = pwd.getpwuid(os.geteuid()).pw_name
    assert who_may_change(layout) == ("only root" if me == "root" else f"only {me} and root")


def test_nobody_changes_a_registry_whose_files_are_gone_while_its_keys_are_there(
    layout: Layout,
) -> None:
    layout.authorized_keys.parent.mkdir(parents=True)
    layout.authorized_keys.write_text("\n".join(render_lines(node(), COMMAND)))

    with (
        pytest.raises(ConfigError, match=r"is gone, though .* has keys of 1 node; "),
        locked(layout),
    ):
        pass
    assert not layout.nodes.exists()

    layout.nodes.mkdir()
    with locked(layout):
        pass
