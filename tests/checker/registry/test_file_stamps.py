"""Noticing that a file of the registry changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.registry.file_stamps import SETTLED_NS, is_settled, signs, stamp
from tests.checker.registry.registry_files import node_text, write


def test_the_stamp_differs_once_a_file_changes(layout: Layout) -> None:
    path = write(layout, "a", node_text())
    (layout.nodes / "link.toml").symlink_to(layout.nodes / "gone")
    before = stamp(layout.nodes)

    path.write_text(node_text(more='expect = "tls"'))

    assert stamp(layout.nodes) != before


def test_files_of_nodes_and_what_waits_count_and_others_do_not(layout: Layout) -> None:
    write(layout, "a", node_text())
    before = stamp(layout.nodes)

    (layout.nodes / "a.key").write_text("x")
    (layout.nodes / ".a.toml").write_text("x")
    assert stamp(layout.nodes) == before

    (layout.nodes / "a.next").write_text("x")
    assert stamp(layout.nodes).files == before.files + 1


@pytest.mark.parametrize(
    ("part", "mode"),
    [
        pytest.param("a.toml", 0o600, id="file"),
        pytest.param("", 0o700, id="folder"),
        pytest.param("..", 0o711, id="folder above"),
    ],
)
def test_a_registry_that_not_everyone_may_read_is_not_public(
    layout: Layout, part: str, mode: int
) -> None:
    path = write(layout, "a", node_text())
    for place, usual in ((path, 0o644), (layout.nodes, 0o755), (layout.nodes.parent, 0o755)):
        place.chmod(usual)
    assert signs(layout.nodes)[1]

    (layout.nodes / part).chmod(mode)

    assert not signs(layout.nodes)[1]


def test_a_missing_folder_has_no_signs(tmp_path: Path) -> None:
    assert not stamp(tmp_path / "none").files
    with pytest.raises(FileNotFoundError):
        signs(tmp_path / "none")


def test_a_file_is_settled_once_file_times_must_differ() -> None:
    now_ns = 10 * SETTLED_NS

    assert not is_settled(now_ns - SETTLED_NS, now_ns)
    assert is_settled(now_ns - SETTLED_NS - 1, now_ns)
    assert not is_settled(now_ns + 1, now_ns), "a clock that was set back"
