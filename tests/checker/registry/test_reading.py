"""Reading the registry: broken files are named, and cost the other nodes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import (
    ForwardRequest,
    Port,
    PortRanges,
    Target,
)
from checker.registry.file_stamps import stamp
from checker.registry.nodes import (
    Registry,
    allot,
)
from checker.registry.reading import Cache, read_registry
from tests.checker.registry.registry_files import node_text, write
from tests.strategies import OFFICE, public_key

TARGET = Target(host="127.0.0.1", port=Port(22))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        pytest.param("office", "", "public_key must be a text", id="empty"),
        pytest.param(
            "office",
            'public_kye = "x"',
            "public_key is missing: unknown key 'public_kye' (did you mean 'public_key'?)",
            id="nearest",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\n[[forwards]]\nport = 20010\ntarget = "x:1"',
            "forward is missing: unknown key 'forwards' (did you mean 'forward'?)",
            id="plural",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\nforward = 1',
            "forward must be a list of tables; write [[forward]]",
            id="no list",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\nforward = [1]',
            "forward 1: must be a table",
            id="no table",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\n[[forward]]\nport = 20010',
            "forward 1: target is missing",
            id="no target",
        ),
        pytest.param(
            "office",
            f'public_key = "{public_key()}"\n[[forward]]\ntarget = "x:1"',
            "forward 1: port is missing",
            id="no port",
        ),
        pytest.param(
            "office",
            node_text(port=70000),
            "forward 1: port must be a whole number from 1 to 65535",
            id="port too high",
        ),
        pytest.param(
            "office",
            node_text(more='expect = "ftp"'),
            "forward 1: expect 'ftp' is not known",
            id="expect",
        ),
        pytest.param(
            "office",
            node_text(more="deadline_s = 0"),
            "forward 1: deadline_s must be a number from 0.5 to 60",
            id="deadline",
        ),
        pytest.param(
            "office",
            "added_at = -1\n" + node_text(),
            "added_at must be a whole number",
            id="added_at",
        ),
        pytest.param("office", 'public_key = "ssh-ed25519 AAAA"', "is not whole", id="key"),
        pytest.param(
            "office",
            'enabled = "no"\n' + node_text(),
            "enabled must be true or false, not 'no'",
            id="enabled",
        ),
        pytest.param(
            "office",
            'expires = "2026-02-30"\n' + node_text(),
            "'2026-02-30' is not a day; write YYYY-MM-DD",
            id="no such day",
        ),
        pytest.param(
            "office",
            "expires = 2026-02-03T04:05:06\n" + node_text(),
            "is not a day; write YYYY-MM-DD",
            id="a time of day",
        ),
        pytest.param(
            "office", 'next_key = "x"\n' + node_text(), "not a public key: 'x'", id="next key"
        ),
        pytest.param(
            "office",
            node_text(more="public = 1"),
            "forward 1: public must be true or false, not 1",
            id="public",
        ),
        pytest.param("check", node_text(), "a word of the protocol", id="a word of the protocol"),
        pytest.param("Of Fice", node_text(), "cannot name a node", id="name"),
    ],
)
def test_a_broken_file_is_named_and_leaves_the_good_ones(
    layout: Layout, name: str, text: str, says: str
) -> None:
    write(layout, "good", node_text(2, 20020))
    path = write(layout, name, text)

    registry = read_registry(layout.nodes)

    assert list(registry.nodes) == ["good"]
    assert registry.broken == {name}
    assert len(registry.problems) == 1
    assert registry.problems[0].startswith(f"{path}: ")
    assert says in registry.problems[0]


def test_a_file_that_asks_for_anothers_port_or_key_is_left_out_and_reported(layout: Layout) -> None:
    write(layout, "a", node_text(1, 20010))
    write(layout, "b", node_text(2, 20010))
    write(layout, "c", node_text(1, 20011))
    write(layout, "d", node_text(3, 20013) + '[[forward]]\nport = 20013\ntarget = "x:1"')

    registry = read_registry(layout.nodes)

    assert list(registry.nodes) == ["a"]
    assert ["belongs to node a" in problem for problem in registry.problems] == [True, True, False]
    assert "asks for port 20013 twice" in registry.problems[2]


def test_with_a_cache_only_changed_files_are_read_again(layout: Layout) -> None:
    write(layout, "a", node_text(1, 20010))
    cache: Cache = {}
    first = read_registry(layout.nodes, cache)

    write(layout, "a", node_text(1, 20011, 'expect = "tls"\n'))
    write(layout, "b", node_text(2, 20012))

    again = read_registry(layout.nodes, cache)
    assert [forward.port for forward in first.forwards] == [20010]
    assert [forward.port for forward in again.forwards] == [20011, 20012]
    assert again.nodes == read_registry(layout.nodes).nodes


def test_hidden_and_other_files_are_not_nodes(layout: Layout) -> None:
    write(layout, "a", node_text())
    (layout.nodes / ".#a.toml").symlink_to("nowhere")
    (layout.nodes / "README").write_text("x")

    assert list(read_registry(layout.nodes).nodes) == ["a"]
    assert stamp(layout.nodes).files == 1


def test_a_missing_folder_is_an_empty_registry(layout: Layout) -> None:
    assert read_registry(layout.nodes) == Registry()
    assert not stamp(layout.nodes).files


def test_a_folder_that_cannot_be_listed_is_an_error_not_an_empty_registry(
    layout: Layout,
) -> None:
    layout.nodes.parent.mkdir()
    layout.nodes.write_text("a file")

    with pytest.raises(ConfigError, match="cannot be listed"):
        read_registry(layout.nodes)
    assert not stamp(layout.nodes).files


class MovesTheFolder(dict[Any, Any]):
    """A cache that moves the folder as soon as it is asked for a node."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def get(self, name: Any, default: Any = None) -> Any:
        if self.folder.exists():
            self.folder.rename(self.folder.with_name("moved"))
        return super().get(name, default)


def test_a_folder_that_is_moved_while_it_is_read_is_an_error_not_an_empty_registry(
    layout: Layout,
) -> None:
    write(layout, "a", node_text(1, 20010))
    write(layout, "b", node_text(2, 20011))

    with pytest.raises(ConfigError, match="was moved or replaced while it was read"):
        read_registry(layout.nodes, MovesTheFolder(layout.nodes))


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_huge(path: Path) -> None:
    path.write_text("[[forward]]\nport = 20000\n", encoding="ascii")
    os.truncate(path, 100 << 20)


def make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


@pytest.mark.parametrize(
    ("make", "says", "broken_ports"),
    [
        pytest.param(
            make_pipe, "x.toml: cannot be read: it is not a regular file", set(), id="pipe"
        ),
        pytest.param(
            Path.mkdir, "x.toml: cannot be read: it is not a regular file", set(), id="directory"
        ),
        pytest.param(make_dangling, "x.toml: there is no such file", set(), id="dangling link"),
        pytest.param(make_huge, "x.toml: is larger than 1 MiB", {20000}, id="100 MiB"),
        pytest.param(
            lambda path: path.symlink_to("/dev/zero"),
            "x.toml: cannot be read: it is not a regular file",
            set(),
            id="device",
        ),
    ],
)
def test_a_pipe_directory_or_huge_file_is_reported_and_delays_nobody(
    layout: Layout, make: Callable[[Path], None], says: str, broken_ports: set[int]
) -> None:
    write(layout, "office", node_text())
    make(layout.nodes / "x.toml")

    registry = read_registry(layout.nodes)

    assert list(registry.nodes) == ["office"]
    assert registry.broken == {"x"}
    assert says in registry.problems[0]
    assert registry.broken_ports == broken_ports


def test_ports_of_a_broken_file_are_not_allotted(layout: Layout) -> None:
    write(layout, "broken", node_text(port=20000, more="nonsense"))

    registry = read_registry(layout.nodes)

    assert registry.broken_ports == {20000}
    forward = allot(
        registry,
        OFFICE,
        [ForwardRequest(port=None, target=TARGET)],
        PortRanges((range(20000, 20002),)),
    )[0]
    assert forward.port == 20001
