"""What the daemon looks at of the registry and the keys, and when: with a clock of the test's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.config.layout import Layout, home_layout
from checker.config.settings import Config, current_user
from checker.daemon.daemon import REGISTRY_EVERY_S
from checker.daemon.first_look import FirstLook, first_look
from checker.daemon.key_lag import COMPLAIN_AFTER_S
from checker.daemon.registry_watch import ALL_AFTER_S, INDEX_AFTER_S, RegistryWatch
from checker.daemon.sweep import Sweeper
from checker.daemon.verdicts import Verdicts
from checker.model import CheckerError, EventKind
from checker.registry.authorized_keys import gate_command, keys_lag
from checker.registry.changes import add
from checker.registry.file_stamps import stamp
from checker.registry.index import FEWEST, load_index
from checker.registry.key_places import read_places
from checker.registry.lock import locked
from checker.registry.looks import WATCHED_EVERY_S
from checker.registry.nodes import Registry
from checker.registry.reading import read_registry
from checker.state.ledger import Ledger
from checker.tunnels.gateway import Gateway
from tests.checker.registry.indexed_homes import make, name_of, wait_until_settled
from tests.checker.registry.registry_files import node_text, write
from tests.strategies import node


class Follower:
    """A watch of a home, at a time that the test sets."""

    def __init__(self, layout: Layout, first: FirstLook | None = None) -> None:
        self.now = 1000.0
        self.layout = layout
        self.ledger = Ledger(layout, None)
        config = Config(tunnel_user=current_user())
        registry = first.registry if first else read_registry(layout.nodes)
        gateway = Gateway(layout, config, self.ledger, registry)
        verdicts = Verdicts(gateway)
        self.watch = RegistryWatch(
            layout, gateway, Sweeper(gateway, verdicts), verdicts, clock=lambda: self.now
        )
        if first:
            self.watch.begin(first)

    def update(self, after_s: float = 1.0) -> None:
        self.now += after_s
        asyncio.run(self.watch.update())

    @property
    def events(self) -> list[str]:
        return [
            event.text for event in self.ledger.pending.events if event.kind is EventKind.GATEWAY
        ]

    @property
    def registry(self) -> Registry:
        return self.watch.gateway.registry


@pytest.fixture
def home(tmp_path: Path) -> Layout:
    layout = home_layout(tmp_path / "home")
    make(layout)
    layout.run.mkdir()
    return layout


def added(layout: Layout, number: int) -> None:
    with locked(layout):
        new = node(f"new-{number}", 100 + number, (21000 + number,))
        add(layout, new, gate_command(layout))


def without_new_line(layout: Layout) -> None:
    """Take a key away behind the registry's back."""
    content = layout.key_list.read_bytes()
    layout.key_list.write_bytes(content + b"#- box-09\n")


def test_an_edit_is_followed_without_a_look_at_all_lines_and_they_are_looked_at_later(
    home: Layout,
) -> None:
    follower = Follower(home)
    follower.update()
    added(home, 1)

    follower.update()

    assert "new-1" in follower.registry.nodes
    assert follower.watch.all_at == follower.now + ALL_AFTER_S
    assert follower.watch.in_line is follower.watch.registry
    follower.update(after_s=ALL_AFTER_S)
    assert follower.watch.all_at > follower.now + ALL_AFTER_S


def test_an_edit_is_read_without_a_look_at_all_files_and_they_are_looked_at_later(
    home: Layout,
) -> None:
    follower = Follower(home)
    follower.update()
    whole, next_look = follower.watch.stamp, follower.watch.looks.next_at
    added(home, 1)

    follower.update()

    assert "new-1" in follower.registry.nodes
    assert follower.watch.looks.next_at == next_look
    partly, seen = follower.watch.stamp, follower.registry
    assert partly != whole
    follower.update(after_s=WATCHED_EVERY_S)
    assert follower.watch.stamp == stamp(home.nodes)
    assert follower.registry is seen, "nothing changed since"


def test_what_was_read_and_compared_before_the_daemon_began_is_not_again(home: Layout) -> None:
    first = first_look(home)
    follower = Follower(home, first)
    node_of = dict(follower.registry.nodes)

    follower.update()

    assert follower.watch.in_line is first.registry
    assert all(follower.registry.nodes[name] is one for name, one in node_of.items())
    added(home, 1)
    follower.update()
    assert follower.watch.in_line is follower.registry


def test_an_edit_between_the_first_look_and_the_next_is_followed(home: Layout) -> None:
    follower = Follower(home, first_look(home))
    write(home, name_of(8), node_text(9, 20999))

    follower.update()

    assert follower.registry.nodes[name_of(8)].ports == (20999,)
    assert not keys_lag(home)


def test_keys_that_somebody_changed_beside_an_edit_are_found(home: Layout) -> None:
    follower = Follower(home)
    follower.update()
    added(home, 1)
    without_new_line(home)

    follower.update()

    assert not keys_lag(home)
    assert b"reversi:box-09" in read_places(home.authorized_keys).present


def test_an_error_does_not_count_as_followed_and_is_looked_at_again(home: Layout) -> None:
    follower = Follower(home)
    follower.update()
    follower.watch.lag.is_noted = True
    (home.nodes / f"{name_of(3)}.toml").unlink()
    config = home.config
    config.write_text("probe_every_s = 'often'\n")

    follower.update()

    assert not any("follows the registry" in text for text in follower.events)
    assert keys_lag_or_error(home)
    config.unlink()
    follower.update()
    assert keys_lag(home), "nothing changed, and it is not time to look again"
    follower.update(after_s=COMPLAIN_AFTER_S)
    assert not keys_lag(home)
    assert sum("follows the registry" in text for text in follower.events) == 1


def keys_lag_or_error(layout: Layout) -> bool:
    try:
        return keys_lag(layout)
    except CheckerError:
        return True


@pytest.mark.parametrize(
    "by_hand",
    [
        pytest.param(lambda path: path.write_text(node_text(9, 20999)), id="written in place"),
        pytest.param(lambda path: path.unlink(), id="removed"),
        pytest.param(
            lambda path: write_beside(path).replace(path), id="replaced by one of the same time"
        ),
        pytest.param(lambda path: path.chmod(0), id="closed"),
    ],
)
def test_an_edit_by_hand_is_seen_at_the_next_look(
    home: Layout, by_hand: Callable[[Path], object]
) -> None:
    follower = Follower(home)
    follower.update()
    before = follower.watch.stamp

    by_hand(home.nodes / f"{name_of(8)}.toml")
    follower.update()

    assert follower.watch.stamp != before


def test_an_edit_behind_a_link_is_seen_within_seconds(home: Layout, tmp_path: Path) -> None:
    path, elsewhere = home.nodes / f"{name_of(8)}.toml", tmp_path / "elsewhere.toml"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    follower = Follower(home)
    follower.update()

    elsewhere.write_text(elsewhere.read_text().replace("20108", "20999"))
    follower.update(after_s=REGISTRY_EVERY_S)

    (forward,) = follower.registry.nodes[name_of(8)].forwards
    assert forward.port == 20999


def write_beside(path: Path) -> Path:
    other = path.with_name("beside")
    other.write_text(path.read_text().replace("20108", "20999"))
    found = path.stat()
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    return other


def test_a_directory_that_was_put_in_the_place_of_the_registry_is_seen_and_watched(
    home: Layout,
) -> None:
    follower = Follower(home)
    follower.update()
    home.nodes.rename(home.nodes.with_name("before"))
    write(home, "restored", node_text(50, 20950))

    follower.update()
    assert set(follower.registry.nodes) == {"restored"}

    write(home, "another", node_text(51, 20951))
    follower.update()
    assert set(follower.registry.nodes) == {"another", "restored"}


def test_many_files_that_the_index_lacks_are_taken_up_once_they_are_old_enough(
    tmp_path: Path,
) -> None:
    layout = home_layout(tmp_path / "home")
    for number in range(FEWEST):
        write(layout, f"n{number}", node_text(number + 1, 20000 + number))
    layout.run.mkdir()
    follower = Follower(layout)
    follower.update()
    wait_until_settled(layout)

    follower.update(after_s=INDEX_AFTER_S)

    assert len(load_index(layout.nodes)[0]) == FEWEST
    assert read_registry(layout.nodes).indexed.basis.reread == {}
