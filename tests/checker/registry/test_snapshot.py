"""The copy of the registry: the same nodes, and never used once a file changed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.model import (
    Forward,
    Node,
    NodeName,
    Port,
    Publication,
    parse_expect,
    parse_target,
)
from checker.registry.file_stamps import SETTLED_NS, is_settled, stamp
from checker.registry.last_good import renew_copy
from checker.registry.node_file import node_toml
from checker.registry.reading import Cache, read_registry
from checker.registry.snapshot import copied_nodes, copy_path
from tests.strategies import public_key

EXPECTS = ("banner:SSH-2.0", "http", "tls", r"send:QUIT\r\n expect:221", "open")


def node(name: str, number: int, **more: object) -> Node:
    """A node with a forward for each way to expect something."""
    forwards = tuple(
        Forward(
            node=NodeName(name),
            port=Port(20000 + 10 * number + place),
            target=parse_target("[::1]:22" if place else "box.lan:22"),
            expect=parse_expect(expect),
            deadline_s=8.0 if place else None,
            host_key=public_key(90) if place else "",
            public=bool(place),
            published=(
                (Publication(port=Port(443), sni=f"{name}-{place}.example.org", send_proxy=True),)
                if place
                else ()
            ),
        )
        for place, expect in enumerate(EXPECTS)
    )
    return Node(
        name=NodeName(name),
        public_key=public_key(number),
        forwards=forwards,
        added_at=number,
        **more,  # type: ignore[arg-type]
    )


def write(layout: Layout, *nodes: Node) -> None:
    for each in nodes:
        (layout.nodes / f"{each.name}.toml").write_bytes(node_toml(each))


def renew(layout: Layout, cache: Cache | None = None) -> None:
    """Copy the registry as if its files were old enough."""
    assert renew_copy(layout, {} if cache is None else cache, time.time_ns() + 2 * SETTLED_NS)


def settle(path: Path) -> None:
    """Wait until the file is old enough."""
    give_up_at = time.monotonic() + 10
    while not is_settled(path.stat().st_ctime_ns, time.time_ns()):
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A registry that uses all that a node's file can hold."""
    tmp_path.chmod(0o755)
    made = home_layout(tmp_path)
    made.nodes.mkdir()
    made.run.mkdir()
    write(
        made,
        node(
            "attic", 1, next_key=public_key(101), key_since=7, enabled=False, expires="2031-12-31"
        ),
        node("attic-2", 2, tags=("openwrt", "site-a"), note="key at the bäckerei"),
        Node(name=NodeName("barn"), public_key="shared", forwards=(), added_at=0),
    )
    return made


def test_the_copy_is_the_registry(layout: Layout) -> None:
    renew(layout)

    copied = copied_nodes(layout)
    registry = read_registry(layout.nodes)
    assert copied == dict(registry.nodes)
    assert list(copied or ()) == list(registry.nodes)


def test_there_is_no_copy_until_one_is_made(layout: Layout) -> None:
    assert copied_nodes(layout) is None


def test_files_that_changed_just_now_are_not_copied_yet(layout: Layout) -> None:
    (layout.nodes / "barn.toml").touch()

    assert not renew_copy(layout, {}, time.time_ns())
    assert not copy_path(layout).exists()


def edited(path: Path) -> None:
    """Change a file, but neither its size nor its mtime."""
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"22", b"23", 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda nodes: (nodes / "barn.toml").unlink(), id="removed"),
        pytest.param(lambda nodes: (nodes / "new.toml").write_text(""), id="added"),
        pytest.param(
            lambda nodes: (nodes / "attic.toml").rename(nodes / "other.toml"), id="renamed"
        ),
        pytest.param(
            lambda nodes: (nodes / "attic.toml").replace(nodes / "barn.toml"), id="replaced"
        ),
        pytest.param(lambda nodes: edited(nodes / "attic.toml"), id="edited, its time put back"),
        pytest.param(lambda nodes: (nodes / "attic.toml").chmod(0), id="closed"),
        pytest.param(lambda nodes: nodes.rename(nodes.with_name("gone")), id="all gone"),
    ],
)
def test_a_copy_that_is_out_of_date_is_not_used(layout: Layout, change: object) -> None:
    assert callable(change)
    renew(layout)
    assert copied_nodes(layout) is not None

    change(layout.nodes)

    assert copied_nodes(layout) is None


def test_the_next_copy_has_a_change_even_with_a_cache(layout: Layout) -> None:
    cache: Cache = {}
    settle(layout.nodes / "barn.toml")
    renew(layout, cache)
    assert len(cache) == 3

    edited(layout.nodes / "attic.toml")
    renew(layout, cache)

    copied = copied_nodes(layout)
    assert copied == dict(read_registry(layout.nodes).nodes)
    assert copied is not None
    assert copied[NodeName("attic")].forwards[0].target == parse_target("box.lan:23")


def test_a_file_that_changed_just_now_is_not_cached(layout: Layout) -> None:
    path = layout.nodes / "barn.toml"
    path.touch()
    cache: Cache = {}

    read_registry(layout.nodes, cache)

    assert NodeName("barn") not in cache
    assert not is_settled(path.stat().st_ctime_ns, time.time_ns())
    assert is_settled(path.stat().st_ctime_ns, time.time_ns() + 2 * SETTLED_NS)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda text: "", id="empty"),
        pytest.param(lambda text: text[: len(text) // 2], id="half"),
        pytest.param(lambda text: "[" * 100_000, id="too deep"),
        pytest.param(lambda text: json.dumps([1]), id="a list"),
        pytest.param(
            lambda text: json.dumps({**json.loads(text), "format": 0}), id="another format"
        ),
        pytest.param(
            lambda text: json.dumps({**json.loads(text), "nodes": [["attic"]]}),
            id="a node of another shape",
        ),
        pytest.param(lambda text: json.dumps({**json.loads(text), "nodes": 3}), id="no nodes"),
        pytest.param(lambda text: text.replace('"banner"', '"flag"'), id="an unknown word"),
    ],
)
def test_a_damaged_copy_is_not_used(layout: Layout, damage: object) -> None:
    assert callable(damage)
    renew(layout)

    copy_path(layout).write_text(damage(copy_path(layout).read_text()))

    assert copied_nodes(layout) is None


def test_a_registry_with_a_broken_file_has_no_copy(layout: Layout) -> None:
    renew(layout)
    (layout.nodes / "attic.toml").write_text("nonsense")

    renew(layout)

    assert not copy_path(layout).exists()


@pytest.mark.parametrize(
    ("closed", "mode", "expected"),
    [
        pytest.param("nodes", 0o755, 0o644, id="open to all"),
        pytest.param("nodes/attic.toml", 0o640, 0o600, id="a closed file"),
        pytest.param("nodes", 0o750, 0o600, id="a closed folder"),
        pytest.param("nodes", 0o754, 0o600, id="a folder that nobody may enter"),
        pytest.param(".", 0o700, 0o600, id="a closed home"),
    ],
)
def test_the_copy_shows_nobody_more_than_the_files_do(
    layout: Layout, closed: str, mode: int, expected: int
) -> None:
    assert layout.home is not None
    (layout.home / closed).chmod(mode)

    renew(layout)

    assert copy_path(layout).stat().st_mode & 0o777 == expected


def test_a_link_in_the_way_of_the_new_copy_is_not_followed(layout: Layout, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    copy_path(layout).with_name("._registry.new").symlink_to(other)

    renew(layout)

    assert other.read_text() == "mine"
    assert copied_nodes(layout) is not None


def test_permissions_count_as_a_change_of_the_registry(layout: Layout) -> None:
    before = stamp(layout.nodes)

    (layout.nodes / "attic.toml").chmod(0o600)

    assert stamp(layout.nodes) != before
