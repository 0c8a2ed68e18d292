"""Keys in the key file, in a file each, or on their way; and what a power cut leaves."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import NodeName, fingerprint
from checker.registry import authorized_keys
from checker.registry.authorized_keys import (
    gate_command,
    key_sign,
    keys_lag,
    move_keys,
    present_keys,
    write_keys,
)
from checker.registry.broken_nodes import disable_broken
from checker.registry.changes import change, remove
from checker.registry.key_files import Stand, files_for, ours_in
from checker.registry.key_folder import put_file
from checker.registry.key_places import faults, in_both, mark_of, read_places
from checker.registry.last_good import read_known
from checker.registry.lock import locked, refuse_vanished
from checker.sshd.lockdown import keys_command
from tests.checker.registry.registry_files import node_text, write
from tests.strategies import OFFICE, public_key

ADMIN = b"ssh-ed25519 AAAA admin\n"
WRITES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
NAMES = ("office", "shed", "barn")


@pytest.fixture
def made(layout: Layout) -> Layout:
    """Three nodes, and a line of the admin's."""
    for number, name in enumerate(NAMES):
        write(layout, name, node_text(number + 1, 20010 + number))
    layout.authorized_keys.write_bytes(ADMIN)
    write_keys(layout, gate_command(layout))
    return layout


def by_fingerprint(layout: Layout) -> None:
    for stand in (Stand.TO_FINGERPRINT, Stand.FINGERPRINT):
        move_keys(layout, gate_command(layout), stand)


def read_by_command(layout: Layout) -> bytes:
    """All that sshd can read by fingerprint."""
    return b"".join(path.read_bytes() for path in sorted(layout.keys.rglob("*.pub")))


@pytest.mark.parametrize("stand", [Stand.FILE, Stand.FINGERPRINT])
def test_keys_that_follow_are_not_derived_as_a_whole(
    made: Layout, stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stand is Stand.FINGERPRINT:
        by_fingerprint(made)
    monkeypatch.setattr(authorized_keys, "keys_after", None)

    assert not keys_lag(made)
    move_keys(made, gate_command(made), stand)
    write(made, "shed", node_text(2, 20050))
    with pytest.raises(TypeError, match="not callable"):
        keys_lag(made)


def lines(content: bytes) -> set[bytes]:
    return set(ours_in(content).splitlines())


def test_keys_move_to_files_and_back_and_other_lines_stay(made: Layout) -> None:
    before = made.authorized_keys.read_bytes()

    move_keys(made, gate_command(made), Stand.TO_FINGERPRINT)

    assert made.authorized_keys.read_bytes() == before
    assert lines(read_by_command(made)) == lines(before)
    assert in_both(read_places(made.authorized_keys)) == tuple(sorted(NAMES))

    move_keys(made, gate_command(made), Stand.FINGERPRINT)

    assert made.authorized_keys.read_bytes() == ADMIN
    assert present_keys(made) == before
    assert not in_both(read_places(made.authorized_keys))
    assert not faults(made, read_places(made.authorized_keys))

    move_keys(made, gate_command(made), Stand.TO_FILE)
    move_keys(made, gate_command(made), Stand.FILE, "as asked")

    assert made.authorized_keys.read_bytes() == before
    assert not made.keys.exists()
    assert read_places(made.authorized_keys).listed.why == "as asked"


@pytest.mark.parametrize("stand", [Stand.TO_FINGERPRINT, Stand.FINGERPRINT, Stand.TO_FILE])
def test_each_edit_reaches_all_places(made: Layout, stand: Stand) -> None:
    by_fingerprint(made)
    move_keys(made, gate_command(made), stand)

    def everywhere() -> list[set[bytes]]:
        places = [lines(read_by_command(made))]
        if stand is not Stand.FINGERPRINT:
            places.append(lines(made.authorized_keys.read_bytes()))
        return places

    left: list[list[set[bytes]]] = []
    with locked(made):
        remove(made, OFFICE, gate_command(made), meanwhile=lambda: left.append(everywhere()))

    # gone before the tunnel is ended
    assert all(len(place) == 2 for place in left[0])
    assert all(b"reversi:office" not in b"".join(place) for place in everywhere())
    write(made, "office", node_text(9, 20019))
    write_keys(made, gate_command(made))
    assert all(len(place) == 3 for place in everywhere())
    assert not keys_lag(made)


def test_a_change_that_fails_leaves_the_files_as_they_were(made: Layout) -> None:
    by_fingerprint(made)
    before = read_by_command(made)
    node = read_known(made).nodes[OFFICE]

    def fail() -> None:
        raise OSError("no end")

    with pytest.raises(OSError, match="no end"), locked(made):
        change(made, OFFICE, None, gate_command(made), meanwhile=fail)
    assert read_by_command(made) == before
    write(made, "office", "broken")
    with pytest.raises(OSError, match="no end"), locked(made):
        disable_broken(made, OFFICE, gate_command(made), meanwhile=fail)
    assert read_by_command(made) == before
    # a broken node keeps what its line allows, wherever that is
    assert read_known(made).nodes[OFFICE].ports == node.ports


def test_keys_that_an_earlier_release_wrote_stay_until_sshd_is_known_to_read_the_files(
    made: Layout,
) -> None:
    before = made.authorized_keys.read_bytes()
    by_fingerprint(made)
    made.authorized_keys.write_bytes(before)

    with locked(made):
        remove(made, NodeName("shed"), gate_command(made))

    for content in (made.authorized_keys.read_bytes(), read_by_command(made)):
        assert {one.rpartition(b":")[2] for one in lines(content)} == {b"office", b"barn"}
    assert in_both(read_places(made.authorized_keys)) == ("barn", "office")


def test_an_edit_writes_only_the_files_that_change(made: Layout) -> None:
    by_fingerprint(made)
    before = {path: path.stat().st_ino for path in made.keys.rglob("*.pub")}
    sign = key_sign(made)

    write(made, "den", node_text(7, 20017))
    write_keys(made, gate_command(made))

    assert {path: path.stat().st_ino for path in before} == before
    assert key_sign(made) != sign
    assert len(list(made.keys.rglob("*.pub"))) == 4


def test_a_registry_that_vanished_withdraws_no_key(made: Layout) -> None:
    by_fingerprint(made)
    made.nodes.rename(made.nodes.with_name("elsewhere"))

    with pytest.raises(ConfigError, match="has keys of 3 nodes"):
        refuse_vanished(made)


def spoil_mode(path: Path) -> None:
    path.chmod(0o666)


def spoil_text(path: Path) -> None:
    path.write_bytes(b"restrict ssh-ed25519 AAAA reversi:x\n")


def spoil_link(path: Path) -> None:
    path.rename(path.with_name("other.pub"))
    path.symlink_to("other.pub")


def spoil_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


SPOILED: list[tuple[Callable[[Path], None], str]] = [
    (Path.unlink, "is missing"),
    (spoil_mode, "can be written by others"),
    (spoil_text, "does not follow the registry"),
    (spoil_link, "is not a file"),
    (spoil_place, "is not a file"),
]


@pytest.mark.parametrize(("spoil", "why"), SPOILED)
def test_what_a_hand_changed_is_named_and_mended(
    made: Layout, spoil: Callable[[Path], None], why: str
) -> None:
    by_fingerprint(made)
    before = read_by_command(made)
    spoil(min(made.keys.rglob("*.pub")))

    assert why in {fault for _, fault in faults(made, read_places(made.authorized_keys))}
    move_keys(made, gate_command(made), Stand.FINGERPRINT)
    assert read_by_command(made) == before
    assert not faults(made, read_places(made.authorized_keys))


def test_a_file_of_no_key_is_named_and_removed_and_a_trial_stays(made: Layout) -> None:
    by_fingerprint(made)
    put_file(made.keys, "SHA256:a/b/c.pub", b"restrict ssh-ed25519 AAAA reversi:x\n")
    put_file(made.keys, "SHA256:d.pub", b"restrict ssh-ed25519 AAAA reversi-doctor-login\n")

    found = dict(faults(made, read_places(made.authorized_keys)))
    assert found == {"SHA256:a/b/c.pub": "is of no key in the registry"}
    move_keys(made, gate_command(made), Stand.FINGERPRINT)
    assert not (made.keys / "SHA256:a").exists()
    assert (made.keys / "SHA256:d.pub").exists()


def test_a_directory_that_is_gone_is_made_again(made: Layout) -> None:
    by_fingerprint(made)
    before = read_by_command(made)
    for path in made.keys.rglob("*.pub"):
        path.unlink()
    for path in sorted(made.keys.rglob("*"), reverse=True):
        path.rmdir()
    made.keys.rmdir()

    assert keys_lag(made)
    write_keys(made, gate_command(made))
    assert read_by_command(made) == before


def test_a_closed_directory_closes_its_files(made: Layout) -> None:
    made.keys.mkdir()
    made.keys.chmod(0o2750)
    by_fingerprint(made)

    assert {path.stat().st_mode & 0o7777 for path in made.keys.rglob("*.pub")} == {0o640}
    assert not faults(made, read_places(made.authorized_keys))
    made.keys.chmod(0o755)
    assert faults(made, read_places(made.authorized_keys))
    move_keys(made, gate_command(made), Stand.FINGERPRINT)
    assert {path.stat().st_mode & 0o7777 for path in made.keys.rglob("*.pub")} == {0o644}


def cut(act: Callable[[], None], after: int) -> bool:
    """Carry out `act` in a process that loses power before its write number `after`; return whether
    it did.
    """
    child = os.fork()
    if child == 0:
        writes = 0

        def count(event: str, _: tuple[Any, ...]) -> None:
            nonlocal writes
            if event in WRITES:
                writes += 1
                if writes > after:
                    os.kill(os.getpid(), signal.SIGKILL)  # no exit, which coverage would wait for

        sys.addaudithook(count)
        try:
            act()
        except BaseException:  # noqa: BLE001 - the child must end here
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


MOVES = [
    pytest.param([], Stand.TO_FINGERPRINT, False, id="towards the files"),
    pytest.param([Stand.TO_FINGERPRINT], Stand.FINGERPRINT, True, id="out of the key file"),
    pytest.param(
        [Stand.TO_FINGERPRINT, Stand.FINGERPRINT], Stand.TO_FILE, True, id="towards the key file"
    ),
    pytest.param(
        [Stand.TO_FINGERPRINT, Stand.FINGERPRINT, Stand.TO_FILE],
        Stand.FILE,
        False,
        id="out of the files",
    ),
]


@pytest.mark.parametrize(("before", "stand", "is_command_live"), MOVES)
def test_a_power_cut_at_any_write_of_a_move_refuses_no_key_and_the_next_move_ends_it(
    made: Layout, before: list[Stand], stand: Stand, is_command_live: bool
) -> None:
    wanted = lines(made.authorized_keys.read_bytes())
    cuts = 0
    while True:
        move_keys(made, gate_command(made), Stand.FILE)
        made.key_list.unlink()
        for each in before:
            move_keys(made, gate_command(made), each)
        is_cut = cut(lambda: move_keys(made, gate_command(made), stand), cuts)

        accepted = lines(made.authorized_keys.read_bytes())
        if is_command_live:
            accepted |= lines(read_by_command(made))
        assert accepted == wanted
        # the files of keys are whole, and none is of another key
        there = {str(path.relative_to(made.keys)) for path in made.keys.rglob("*.pub")}
        assert there <= files_for(b"\n".join(wanted) + b"\n").keys()
        move_keys(made, gate_command(made), stand)
        assert not keys_lag(made)
        assert not faults(made, read_places(made.authorized_keys))
        assert not mark_of(made.authorized_keys).exists()
        if not is_cut:
            break
        cuts += 1
    assert cuts > 2


def test_a_power_cut_in_an_edit_is_noticed_and_the_next_write_mends_it(made: Layout) -> None:
    by_fingerprint(made)
    before = read_by_command(made)
    cuts = 0
    while cut(lambda: write_keys(made, gate_command(made), without={OFFICE}), cuts):
        assert read_by_command(made) == before or keys_lag(made)
        write_keys(made, gate_command(made))
        assert read_by_command(made) == before
        assert not keys_lag(made)
        cuts += 1
    assert cuts > 2
    assert b"reversi:office" not in read_by_command(made)


def test_a_broken_node_keeps_its_key_beside_lines_that_an_earlier_release_wrote(
    made: Layout,
) -> None:
    before = made.authorized_keys.read_bytes()
    by_fingerprint(made)
    stray = next(line for line in before.splitlines(keepends=True) if line.endswith(b"office\n"))
    made.authorized_keys.write_bytes(ADMIN + stray)
    write(made, "barn", "this is not TOML")

    write_keys(made, gate_command(made))

    assert lines(before) <= lines(made.authorized_keys.read_bytes())
    assert lines(before) <= lines(read_by_command(made))


def test_a_line_of_the_admins_without_an_end_stays_apart_from_ours(made: Layout) -> None:
    before = made.authorized_keys.read_bytes()
    by_fingerprint(made)
    made.authorized_keys.write_bytes(ADMIN.rstrip())

    assert present_keys(made) == before
    write_keys(made, gate_command(made))

    assert made.authorized_keys.read_bytes() == ADMIN


def test_a_removed_key_opens_nothing_though_the_list_of_keys_was_lost(made: Layout) -> None:
    by_fingerprint(made)
    made.key_list.unlink()
    (made.nodes / "office.toml").unlink()

    assert keys_lag(made)
    write_keys(made, gate_command(made))

    assert not any(line.endswith(b"office") for line in lines(read_by_command(made)))
    assert {line.split()[-1] for line in lines(read_by_command(made))} == {
        line.split()[-1] for line in lines(made.authorized_keys.read_bytes())
    }


@pytest.mark.parametrize(
    ("number", "has"),
    [
        pytest.param(20, "SHA256:/", id="a slash first"),
        pytest.param(34, "//", id="two slashes"),
        pytest.param(4, "+", id="a plus"),
    ],
)
def test_the_command_of_sshd_reads_a_key_whatever_its_fingerprint_has(
    made: Layout, number: int, has: str
) -> None:
    write(made, "office", node_text(number, 20010))
    write_keys(made, gate_command(made))
    by_fingerprint(made)
    printed = fingerprint(public_key(number))
    words = [word.replace("%f", printed) for word in shlex.split(keys_command(made.keys))]

    def read() -> bytes:
        return subprocess.run(words, capture_output=True, check=True).stdout

    assert has in printed
    assert read().endswith(f"{public_key(number)} reversi:office\n".encode())
    assert not faults(made, read_places(made.authorized_keys))

    with locked(made):
        remove(made, OFFICE, gate_command(made))

    assert read() == b""
    assert all(any(path.iterdir()) for path in made.keys.rglob("*") if path.is_dir())
