"""A bundle's other verbs and options, and installs that cannot be completed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from client.bundle.compose import render
from client.bundle.keyforms import KeyForms
from client.bundle.settings import Settings
from tests.bundles import EACH_SHELL, Box
from tests.client.bundle.samples import OFFICE
from tests.system.shell.installing import bundle, files

pytestmark = pytest.mark.shell


@pytest.mark.parametrize(
    ("refusal", "heard", "why"),
    [
        pytest.param(
            "ssh: connect to host gateway.example.org port 22: Network is unreachable\r\n",
            "Network is unreachable\n",
            "no gateway answers",
            id="no route",
        ),
        pytest.param(
            "reversi@gw: Permission denied (publickey).\n",
            "Permission denied (publickey).\n",
            "no gateway accepts this key",
            id="refused",
        ),
    ],
)
def test_without_an_answer_nothing_is_installed(
    box: Box, refusal: str, heard: str, why: str
) -> None:
    (box.folder / "programs/refusal").write_text(refusal)
    before = files(box)

    said = box.sh(bundle(box), "install")

    assert (said.returncode, said.stdout) == (2, "")
    assert heard in said.stderr
    assert f"{why}, so nothing was installed; use --offline to install anyway\n" in said.stderr
    assert not box.installed.exists()
    assert files(box) == before
    assert list(box.live().iterdir()) == []


def test_offline_installs_without_an_answer(box: Box) -> None:
    (box.folder / "programs/refusal").write_text("no route\n")

    said = box.sh(bundle(box), "install", "--offline")

    assert said.returncode == 0, said.stderr
    assert (box.installed / "office.sh").exists()
    box.await_state("waiting", saying="no route")
    box.sh(bundle(box), "uninstall")
    box.await_nothing_left()


def test_the_next_install_completes_a_half_finished_one(box: Box) -> None:
    file = bundle(box)
    box.installed.mkdir(parents=True)
    (box.installed / "office.sh").write_text("#!/bin/sh\n# cut o")
    (box.installed / "office.sh.new").write_text("#!/bin/sh\n# cut off earl")

    said = box.sh(file, "install")

    assert said.returncode == 0, said.stderr
    assert sorted(path.name for path in box.installed.iterdir() if path.is_file()) == [
        "office.keys",
        "office.sh",
    ]
    box.await_state("up")
    box.sh(file, "uninstall")


def test_a_file_that_cannot_be_written_ends_the_install_before_anything_starts(
    box: Box,
) -> None:
    table = box.folder / "programs/crontab.txt"
    before = table.read_text()
    box.installed.mkdir(parents=True)
    (box.installed / "office.sh.new").mkdir()

    said = box.sh(bundle(box), "install")

    assert said.returncode == 2
    assert "office.sh cannot be written" in said.stderr
    assert table.read_text() == before
    box.await_nothing_left()


def test_a_device_without_a_client_says_what_is_missing(box: Box) -> None:
    (box.folder / "programs/ssh").unlink()

    said = box.sh(bundle(box), "install")

    assert said.returncode == 2
    assert "no SSH client found" in said.stderr


@pytest.mark.parametrize("words", [("dance",), ("--version",)], ids=["word", "option"])
def test_an_unknown_verb_is_refused(box: Box, words: tuple[str, ...]) -> None:
    assert box.sh(bundle(box), *words).returncode == 2


@pytest.mark.parametrize(
    "words", ["install --ofline", "upgrade --offline now", "run --offline", "status all"]
)
def test_an_unknown_option_is_refused(box: Box, words: str) -> None:
    verb, _, option = words.partition(" ")

    done = box.sh(bundle(box), *words.split())

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{verb} has no option {option}" in done.stderr
    assert not box.installed.exists()


@pytest.mark.parametrize(
    "words", [("help",), ("--help",), ("-h",), ()], ids=lambda words: " ".join(words) or "nothing"
)
def test_help_names_every_verb(box: Box, words: tuple[str, ...]) -> None:
    said = box.sh(bundle(box), *words).stdout

    assert all(
        verb in said for verb in ("install", "uninstall", "run", "status", "check", "upgrade")
    )


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_check_asks_the_gateway(box: Box) -> None:
    file = bundle(box)
    well = box.sh(file, "check")
    (box.folder / "programs/verdict").write_text("17\n")
    ill = box.sh(file, "check")
    (box.folder / "programs/refusal").write_text("no route\n")
    none = box.sh(file, "check")

    assert (well.returncode, ill.returncode, none.returncode) == (0, 1, 3)
    assert "works" in well.stdout
    assert "17 s" in ill.stdout
    assert "no route" in none.stderr
    assert list(box.live().iterdir()) == []


@pytest.mark.parametrize("words", [("check",), ("upgrade",), ("install",)], ids=" ".join)
def test_another_bundle_does_not_change_the_files_of_the_running_one(
    box: Box, words: tuple[str, ...]
) -> None:
    box.sh(bundle(box), "install")
    box.await_state("up")
    before = {
        path: path.read_bytes() for path in (box.live() / "key", box.live() / ".ssh/known_hosts")
    }
    (box.folder / "programs/refusal").write_text("Host key verification failed.\n")
    other = replace(
        OFFICE,
        key=KeyForms(openssh="another", dropbear=b"another", public=""),
        host_keys=("ssh-ed25519 AAAAother",),
    )
    newer = box.write(render(replace(other, settings=Settings(root=str(box.root)))), "newer.sh")

    said = box.sh(newer, *words)

    assert said.returncode in (2, 3)
    assert {path: path.read_bytes() for path in before} == before
    assert not list(box.live().glob("ask*"))
    box.sh(bundle(box), "uninstall")
    box.await_nothing_left()
