"""Both paths of a node on one device: two services that leave each other alone. No network."""

from __future__ import annotations

from pathlib import Path

import pytest

from checker.model.instance import device_of, is_other_path
from checker.wire import INSTANCE
from client.bundle.compose import render
from tests.bundles import EACH_SHELL, Box
from tests.client.bundle.samples import changed
from tests.system.shell.installing import (
    OPENWRT,
    PLATFORMS,
    Platform,
    become,
    bundle,
    files,
    needs_root,
)
from tests.system.shell.running import requests
from tests.system.shell.stand_ins import KEYGEN, program
from tests.system.waiting import until

pytestmark = pytest.mark.shell
ONE, TWO = "office", "office_2"
GATEWAYS = {1: "one:22", 2: "two:22"}


def path_bundle(box: Box, path: int, /, **fields: object) -> Path:
    """Write the bundle of a path, with a gateway of its own."""
    settings = {"root": str(box.root), "beat": "1"}
    made = changed(path=path, gateways=(GATEWAYS[path],), settings=settings, **fields)
    return box.write(render(made), f"{made.name}.sh")


def instances(box: Box) -> dict[str, str]:
    """Return the last instance that each gateway was told."""
    held = (line.split() for line in requests(box) if " hold " in line)
    return {words[0]: words[words.index("hold") + 1] for words in held}


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_two_paths_run_side_by_side_and_end_one_by_one(box: Box) -> None:
    one, two = path_bundle(box, 1), path_bundle(box, 2)
    assert box.sh(one, "install").returncode == 0
    first = box.await_state("up", ONE)
    assert box.sh(two, "install").returncode == 0
    second = box.await_state("up", TWO)

    assert (first["gateway"], second["gateway"]) == ("one:22", "two:22")
    told = instances(box)
    assert is_other_path(told["one"], told["two"]), told
    assert (told["one"][-2:], told["two"][-2:]) == (".1", ".2")
    assert all(INSTANCE.match(instance) for instance in told.values())
    assert box.state(ONE) == first

    assert box.sh(one, "uninstall").returncode == 0
    assert not (box.installed / f"{ONE}.sh").exists()
    assert box.state(TWO) == second
    assert box.sh(box.installed / f"{TWO}.sh", "status").returncode == 0

    assert box.sh(one, "install").returncode == 0
    first = box.await_state("up", ONE)
    assert box.sh(two, "uninstall").returncode == 0
    assert box.state(ONE) == first
    assert box.sh(one, "uninstall").returncode == 0
    box.await_nothing_left()
    assert [path for path in box.root.rglob("*") if path.is_file()] == []
    assert "boot # reversi-" not in (box.folder / "programs/crontab.txt").read_text()


@needs_root
@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_path_has_a_service_of_its_own_and_takes_nothing_else_away(
    box: Box, platform: Platform
) -> None:
    become(box, platform)
    clean = files(box)
    one, two = path_bundle(box, 1), path_bundle(box, 2)
    box.sh(one, "install")
    only_one = files(box)

    box.sh(two, "install")

    both = files(box)
    unit = platform.unit.replace("reversi-office", "reversi-office_2")
    assert {unit, platform.unit} <= both.keys()
    assert f"{TWO}.sh" in both[unit].decode()
    kept = "etc/sysupgrade.conf"
    assert {name: text for name, text in both.items() if name in only_one and name != kept} == {
        name: text for name, text in only_one.items() if name != kept
    }
    box.sh(two, "uninstall")
    assert {name: sorted(text.splitlines()) for name, text in files(box).items()} == {
        name: sorted(text.splitlines()) for name, text in only_one.items()
    }
    box.sh(one, "uninstall")
    assert files(box) == clean
    box.await_nothing_left()


def with_own_key(box: Box) -> tuple[Path, Path]:
    """Write the bundles of both paths of a device that makes its own key."""
    program(box.folder / "programs", "ssh-keygen", KEYGEN)
    (box.folder / "programs/types").write_text("ssh-ed25519\n")
    return path_bundle(box, 1, key=None), path_bundle(box, 2, key=None)


@needs_root
@pytest.mark.parametrize("first", [ONE, TWO])
def test_a_key_that_the_device_made_serves_both_paths_until_the_last_one_goes(
    box: Box, first: str
) -> None:
    become(box, OPENWRT)
    clean = files(box)
    one, two = with_own_key(box)
    key = box.installed / "office.key"
    assert box.sh(two, "install").returncode == 0
    made = key.read_bytes()
    assert box.sh(one, "install").returncode == 0
    assert [path.name for path in box.installed.iterdir() if path.suffix == ".key"] == [key.name]
    conf = box.root / "etc/sysupgrade.conf"
    assert conf.read_text().splitlines().count(str(key)) == 1

    order = [one, two] if first == ONE else [two, one]
    assert box.sh(order[0], "uninstall").returncode == 0

    assert key.read_bytes() == made
    assert str(key) in conf.read_text().splitlines()
    assert box.sh(order[1], "uninstall").returncode == 0
    assert files(box) == clean
    box.await_nothing_left()


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_an_upgrade_of_one_path_leaves_the_other_alone(box: Box) -> None:
    """Path 1 takes the place of a bundle without a path."""
    old = bundle(box)
    assert box.sh(old, "install").returncode == 0
    before = box.await_state("up", ONE)
    assert box.sh(path_bundle(box, 2), "install").returncode == 0
    second = box.await_state("up", TWO)

    assert box.sh(path_bundle(box, 1), "upgrade").returncode == 0

    until(
        lambda: (
            box.state(ONE).get("state") == "up"
            and box.state(ONE).get("pid") != before["pid"]
            and not (box.installed / f"{ONE}.sh.old").exists()
        ),
        "path 1 is confirmed",
    )
    assert box.state(ONE)["gateway"] == "one:22"
    assert box.state(TWO) == second
    told = instances(box)
    assert device_of(told["one"]) == device_of(told["two"])

    newer = path_bundle(box, 2, user="another")
    first = box.state(ONE)
    assert box.sh(newer, "upgrade").returncode == 0
    until(lambda: box.sh(newer, "confirmed").returncode == 0, "path 2 is confirmed")
    assert box.state(ONE) == first
    assert box.await_state("up", TWO)["pid"] != second["pid"]
    for file in (path_bundle(box, 1), newer):
        assert box.sh(file, "uninstall").returncode == 0
    box.await_nothing_left()


@needs_root
@pytest.mark.parametrize("path", [1, 2])
def test_the_installed_script_of_a_path_is_small(box: Box, path: int) -> None:
    become(box, OPENWRT)
    file = path_bundle(box, path)

    box.sh(file, "install")

    assert (box.installed / file.name).stat().st_size < 16_000
    box.sh(file, "uninstall")
    box.await_nothing_left()
