"""When all files of the registry are looked at: one `stat` decides if nothing happened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checker.config.layout import Layout
from checker.registry.generation import bump, generation, lock_path
from checker.registry.lock import locked
from checker.registry.looks import A_FILE_S, WATCHED_EVERY_S, Looks, Watch, has_links


class Told:
    """A watch that says what the test tells it."""

    def __init__(self) -> None:
        self.names: set[str] | None = set()
        self.is_closed = False

    def changed_names(self) -> set[str] | None:
        names, self.names = self.names, set()
        return names

    def close(self) -> None:
        self.is_closed = True


class Watches:
    """Opens watches, and keeps them."""

    def __init__(self) -> None:
        self.opened: list[Told] = []

    def __call__(self, folder: Path) -> Watch:
        self.opened.append(Told())
        return self.opened[-1]


@pytest.fixture
def folder(layout: Layout) -> Path:
    layout.nodes.mkdir(parents=True)
    with locked(layout):
        pass
    return layout.nodes


def looked(looks: Looks, now: float, files: int = 3) -> None:
    assert looks.is_due(now)
    looks.looked(now, files)


def none(folder: Path) -> Watch:
    raise OSError(28, "no space left for a watch")


def test_nothing_is_due_until_something_changed(folder: Path) -> None:
    watches = Watches()
    looks = Looks(folder, watches, 2.0)

    looked(looks, 100.0)

    assert not looks.is_due(103.0)
    assert not looks.is_due(100.0 + WATCHED_EVERY_S - 0.1)
    assert looks.is_due(100.0 + WATCHED_EVERY_S), "for what a watch cannot see"
    assert len(watches.opened) == 1


def test_an_edit_of_ours_makes_a_look_due_once(folder: Path, layout: Layout) -> None:
    looks = Looks(folder, None, 2.0)
    looked(looks, 100.0)

    with locked(layout):
        pass

    looked(looks, 100.1)
    assert not looks.is_due(100.2)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param({"office.toml"}, True, id="a node"),
        pytest.param({"office.next"}, True, id="what waits"),
        pytest.param({""}, True, id="the directory"),
        pytest.param(None, True, id="too much to tell"),
        pytest.param({".office.toml.x1", ".lock", ".index", "office.key"}, False, id="others"),
        pytest.param({".office.toml"}, False, id="hidden"),
    ],
)
def test_what_the_watch_tells_makes_a_look_due(
    folder: Path, names: set[str] | None, expected: bool
) -> None:
    watches = Watches()
    looks = Looks(folder, watches, 2.0)
    looked(looks, 100.0)

    watches.opened[-1].names = names

    assert looks.is_due(100.1) is expected


def test_a_watch_that_lost_count_is_opened_again(folder: Path) -> None:
    watches = Watches()
    looks = Looks(folder, watches, 2.0)
    looked(looks, 100.0)

    watches.opened[-1].names = None
    looked(looks, 100.1)

    assert [one.is_closed for one in watches.opened] == [True, False]


def test_another_directory_in_its_place_is_watched(folder: Path) -> None:
    watches = Watches()
    looks = Looks(folder, watches, 2.0)
    looked(looks, 100.0)

    folder.rename(folder.with_name("before"))
    folder.mkdir()
    looked(looks, 100.1)

    assert [one.is_closed for one in watches.opened] == [True, False]
    folder.rmdir()
    assert not looks.is_due(100.2), "nobody has changed that one, and its watch tells the rest"
    watches.opened[-1].names = {""}
    assert looks.is_due(100.3)
    assert len(watches.opened) == 2, "there is nothing to watch"


def test_many_files_are_looked_at_less_often_if_they_are_watched(folder: Path) -> None:
    looks = Looks(folder, Watches(), 2.0)

    looked(looks, 100.0, 30_000)

    assert not looks.is_due(159.9)
    assert looks.is_due(160.0)


@pytest.mark.parametrize(("files", "after_s"), [(3, 2.0), (30_000, 30_000 * A_FILE_S)])
def test_without_a_watch_all_files_are_looked_at_now_and_then(
    folder: Path, files: int, after_s: float
) -> None:
    looks = Looks(folder, none, 2.0)

    looked(looks, 100.0, files)

    assert not looks.is_due(100.0 + after_s - 0.01)
    assert looks.is_due(100.0 + after_s)


def test_files_behind_links_are_looked_at_as_without_a_watch(folder: Path) -> None:
    (folder / "office.toml").write_text("x")
    assert not has_links(folder)
    for name in ("beside", ".office.toml"):
        (folder / name).symlink_to(folder / "office.toml")
    assert not has_links(folder), "the registry does not read those"
    (folder / "shed.toml").symlink_to(folder / "office.toml")
    assert has_links(folder)
    assert not has_links(folder / "missing")
    looks = Looks(folder, Watches(), 2.0)
    assert looks.is_due(100.0)

    looks.looked(100.0, 3, has_links=True)

    assert not looks.is_due(101.9)
    assert looks.is_due(102.0)


def test_what_could_not_be_used_is_looked_at_again(folder: Path) -> None:
    looks = Looks(folder, Watches(), 2.0)
    looked(looks, 100.0)

    looks.look_again()

    assert looks.is_due(100.0)


def test_each_generation_differs_also_if_the_clock_was_set_back(folder: Path) -> None:
    late_ns = 4_000_000_000 * 10**9
    os.utime(lock_path(folder), ns=(late_ns, late_ns))
    seen = {generation(folder)}

    for _ in range(3):
        handle = os.open(lock_path(folder), os.O_RDWR)
        bump(handle)
        os.close(handle)
        seen.add(generation(folder))

    assert len(seen) == 4


def test_a_registry_that_nobody_changed_has_no_generation(tmp_path: Path) -> None:
    assert generation(tmp_path) is None
