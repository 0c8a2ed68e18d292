"""A bundle without a key takes over that of the installed one, or leaves all as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from client.bundle.compose import Bundle, render
from tests.bundles import EACH_SHELL, SHELLS, Box
from tests.client.bundle.samples import changed, released
from tests.system.shell.installing import files, needs_root
from tests.system.shell.stand_ins import KEYGEN, program
from tests.system.waiting import until

pytestmark = pytest.mark.shell
KEEP = ("KEY", "BEAT", "RETRY", "FIRST_WAIT", "CLIENT", "STARTED_BY")
LONG_KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\nAQIDBAU=\n-----END OPENSSH PRIVATE KEY-----"
)
"""A key with a line that looks like an assignment."""


def bundle(box: Box, make: Callable[[Bundle], str], name: str, **fields: object) -> Path:
    settings = {"root": str(box.root), "trial": "30", **dict(fields.pop("settings", {}))}  # type: ignore[call-overload]
    return box.write(make(changed(**fields, settings=settings)), name)


def keeping(box: Box, name: str = "newer.sh", **fields: object) -> Path:
    """A bundle that keeps the key, for another gateway."""
    other = {"gateways": ("new.example.org:22", "gateway.example.org:22"), **fields}
    return bundle(box, render, name, key=None, keep=KEEP, **other)


def older(box: Box, make: Callable[[Bundle], str]) -> Path:
    key = changed().key
    assert key is not None
    odd = {"beat": "1", "retry": "7", "client": "ssh"}
    own = type(key)(openssh=LONG_KEY, dropbear=key.dropbear, public=key.public)
    return bundle(box, make, "older.sh", key=own, settings=odd)


def await_confirmed(box: Box, file: Path) -> None:
    until(lambda: box.sh(file, "confirmed").returncode == 0, "the new bundle is confirmed")


@pytest.mark.parametrize(
    ("box", "make"),
    [
        pytest.param(SHELLS["ash"], released, id="ash, 0.1.0"),
        pytest.param(SHELLS["yash"], released, id="yash, 0.1.0"),
        pytest.param(SHELLS["dash"], render, id="dash, this release"),
    ],
    indirect=["box"],
)
def test_an_upgrade_keeps_key_and_settings(box: Box, make: Callable[[Bundle], str]) -> None:
    first = older(box, make)
    assert box.sh(first, "install").returncode == 0
    box.await_state("up")
    newer = keeping(box)

    done = box.sh(newer, "upgrade")

    assert done.returncode == 0, done.stderr
    await_confirmed(box, newer)
    assert box.await_state("up")["gateway"] == "new.example.org:22"
    script = (box.installed / "office.sh").read_text().splitlines()
    assert {"KEY=embed", "BEAT=1", "RETRY=7", "CLIENT=ssh"} <= set(script)
    assert [line for line in script if line.startswith(("KEY=", "KEEP=", "BEAT="))] == [
        "KEY=embed",
        "BEAT=1",
    ]
    keys = (box.installed / "office.keys").read_text()
    assert keys.startswith(f"KEY_OPENSSH='{LONG_KEY}'\nHOST_KEYS=")
    assert keys.count("KEY_OPENSSH=") == keys.count("KEY_DROPBEAR=") == 1
    assert (box.live() / "key").read_text() == f"{LONG_KEY}\n"
    assert box.sh(newer, "upgrade").stderr == "office: this bundle is installed already\n"
    assert box.sh(newer, "check").returncode == 0
    assert not list(box.live().glob("kept*"))
    assert box.sh(newer, "uninstall").returncode == 0
    box.await_nothing_left()


def test_an_upgrade_keeps_the_key_that_the_device_made(box: Box) -> None:
    program(box.folder / "programs", "ssh-keygen", KEYGEN)
    (box.folder / "programs/types").write_text("ssh-ed25519\n")
    assert box.sh(bundle(box, released, "older.sh", key=None), "install").returncode == 0
    box.await_state("up")
    key = (box.installed / "office.key").read_text()

    done = box.sh(keeping(box), "install")

    assert done.returncode == 0, done.stderr
    await_confirmed(box, box.folder / "newer.sh")
    assert "\nKEY=device\n" in (box.installed / "office.sh").read_text()
    assert (box.installed / "office.key").read_text() == key
    assert (box.live() / "key").read_text() == key
    box.sh(box.folder / "newer.sh", "uninstall")
    box.await_nothing_left()


@pytest.mark.parametrize("verb", ["install", "upgrade", "check", "confirmed"])
def test_without_an_installed_bundle_there_is_no_key_to_keep(box: Box, verb: str) -> None:
    said = box.sh(keeping(box), verb)

    assert said.returncode == 2
    assert "no bundle is installed here" in said.stderr
    assert files(box) == {}


def test_a_refused_upgrade_leaves_every_file_as_it_was(box: Box) -> None:
    first = older(box, released)
    box.sh(first, "install")
    before = box.await_state("up")
    there = {path: path.read_bytes() for path in box.installed.iterdir()}
    (box.folder / "programs/refusal").write_text("ssh: connect to host new: No route to host\n")

    said = box.sh(keeping(box), "upgrade")

    assert said.returncode == 2
    assert "the installed bundle stays" in said.stderr
    assert {path: path.read_bytes() for path in box.installed.iterdir()} == there
    assert box.state() == before
    assert box.sh(box.folder / "newer.sh", "confirmed").returncode == 2
    (box.folder / "programs/refusal").unlink()
    box.sh(first, "uninstall")
    box.await_nothing_left()


def test_a_bundle_of_0_1_0_comes_back_after_a_trial_without_a_verdict(box: Box) -> None:
    first = older(box, released)
    box.sh(first, "install")
    before = box.await_state("up")
    there = {path: path.read_bytes() for path in box.installed.iterdir()}
    newer = keeping(box, settings={"trial": "6"})
    (box.folder / "programs/verdict").write_text("1\n")

    assert box.sh(newer, "upgrade", "--offline").returncode == 0

    until(lambda: box.sh(newer, "confirmed").returncode == 1, "it is on trial")
    until(lambda: box.sh(newer, "confirmed").returncode == 2, "the old bundle comes back")
    until(lambda: not (box.installed / "office.sh.old").exists(), "both of its files are back")
    assert {path: path.read_bytes() for path in box.installed.iterdir()} == there
    (box.folder / "programs/verdict").write_text("0\n")
    assert box.await_state("up")["pid"] != before["pid"]
    box.sh(first, "uninstall")
    box.await_nothing_left()


@pytest.mark.parametrize("box", [SHELLS["ash"]], indirect=True, ids=["ash"])
def test_a_power_cut_between_the_two_files_brings_the_old_bundle_back(box: Box) -> None:
    place = box.installed
    box.sh(keeper := bundle(box, render, "newer.sh"), "install", "--offline")
    box.await_state("up")
    new_script = (place / "office.sh").read_bytes()
    box.sh(keeper, "uninstall")
    first = older(box, released)
    box.sh(first, "install")
    box.await_state("up")
    for name in ("office.sh", "office.keys"):
        (place / f"{name}.old").write_bytes((place / name).read_bytes())
    there = {name: (place / f"{name}.old").read_bytes() for name in ("office.sh", "office.keys")}
    box.lose_power()

    (place / "office.sh").write_bytes(new_script)
    running = box.start(place / "office.sh")

    until(
        lambda: {path.name: path.read_bytes() for path in place.iterdir()} == there,
        "the old bundle is back",
    )
    until(lambda: box.state().get("pid", "").startswith(f"{running.pid} "), "it runs")
    box.await_state("up")
    assert box.stop() == 0


def test_a_bundle_in_a_directory_for_temporary_files_is_removed_with_its_key(box: Box) -> None:
    (box.root / "tmp").mkdir()
    text = render(changed(settings={"root": str(box.root), "beat": "1"}))
    there, elsewhere = box.root / "tmp/office.sh", box.write(text)
    there.write_text(text)

    said = [box.sh(file, "install") for file in (there, elsewhere)]

    assert [one.returncode for one in said] == [0, 0]
    assert f"office: removed {there}, as it holds the private key\n" in said[0].stderr
    assert not there.exists()
    assert said[1].stderr.endswith(
        f"office: {elsewhere} holds the private key: remove it, or keep it secret\n"
    )
    assert elsewhere.exists()
    box.sh(elsewhere, "uninstall")
    box.await_nothing_left()


@needs_root
@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_lines_that_end_in_cr_lf_are_said(box: Box) -> None:
    file = box.folder / "dos.sh"
    file.write_bytes(render(changed()).replace("\n", "\r\n").encode())

    said = box.sh(file, "install")

    assert said.returncode == 2
    assert said.stdout == ""
    assert said.stderr.startswith("the lines of this file end in CR LF: ")
    assert said.stderr.count("\n") == 1


def test_a_byte_order_mark_does_not_get_installed(box: Box) -> None:
    file = box.folder / "marked.sh"
    text = render(changed(settings={"root": str(box.root), "beat": "1"}))
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert box.sh(file, "install").returncode == 0

    assert (box.installed / "office.sh").read_bytes().startswith(b"#!/bin/sh\n")
    box.await_state("up")
    box.sh(file, "uninstall")
    box.await_nothing_left()
