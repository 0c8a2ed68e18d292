"""Noticing that a file of the registry changed."""

from __future__ import annotations

from checker.config.layout import Layout
from checker.registry.file_stamps import stamp
from tests.checker.registry.registry_files import node_text, write


def test_the_stamp_differs_once_a_file_changes(layout: Layout) -> None:
    path = write(layout, "a", node_text())
    (layout.nodes / "link.toml").symlink_to(layout.nodes / "gone")
    before = stamp(layout.nodes)

    path.write_text(node_text(more='expect = "tls"'))

    assert stamp(layout.nodes) != before
