"""A bundle's processes and files while it runs: signals, reboots, a second run, status."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile

import psutil
import pytest

from tests.bundles import EACH_SHELL, Box
from tests.programs import require
from tests.system.shell.running import bundle, requests, set_answer
from tests.system.shell.stand_ins import CLIENT, program
from tests.system.waiting import until

pytestmark = pytest.mark.shell


def is_up(said: subprocess.CompletedProcess[str]) -> str:
    return said.stdout if said.returncode == 0 else ""


def test_a_clock_at_1970_changes_nothing(box: Box) -> None:
    date = """#!/bin/sh
case $1 in +%s) printf '%s\\n' 12 ;; *) printf '%s\\n' '1970-01-01 00:00' ;; esac
"""
    program(box.folder / "programs", "date", date)

    box.start(bundle(box))

    assert box.await_state("up")["since"].endswith("1970-01-01 00:00")
    box.stop()


def test_a_second_run_leaves_the_first_running(box: Box) -> None:
    file = bundle(box)
    box.start(file)
    box.await_state("up")

    said = box.sh(file, "run")

    assert said.returncode == 0
    assert "already running, as process" in said.stderr
    assert box.sh(file, "status").returncode == 0
    box.stop()


def test_status_shows_how_it_ended(box: Box) -> None:
    file = bundle(box)
    box.start(file)
    box.await_state("up")
    box.stop()

    said = box.sh(file, "status")

    assert said.returncode == 1
    assert re.match(
        r"office: not running; last state: stopped since \d{4}-\d\d-\d\d \d\d:\d\d\n", said.stdout
    )
    assert "\nlast verdict: 0\nlast error: none\n" in said.stdout


def test_a_removed_run_directory_is_made_again(box: Box) -> None:
    set_answer(box, "refusal", "no route\n")
    box.start(bundle(box))
    box.await_state("waiting")

    shutil.rmtree(box.live().rename(box.folder / "tidied"))
    (box.folder / "programs/refusal").unlink()

    box.await_state("up")
    assert (box.live() / "key").exists()
    box.stop()


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_run_directory_removed_while_the_tunnel_is_up_is_made_again(box: Box) -> None:
    file = bundle(box)
    box.start(file)
    box.await_state("up")
    before = until(box.log, "it says that it is up")

    shutil.rmtree(box.live().rename(box.folder / "tidied"))

    box.await_state("up")
    until(lambda: is_up(box.sh(file, "status")), "status finds it")
    assert (box.live() / "key").exists()
    assert box.log() == before
    box.stop()


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_run_directory_removed_between_claim_and_hold_is_made_again(box: Box) -> None:
    tidied = 'claim*) [ -e "$here/tidied" ] || { touch "$here/tidied"; rm -rf "$PWD"; }; cat'
    dropbear = CLIENT.replace("OpenSSH_9.2p1", "Dropbear v2014.63")  # it always claims
    program(box.folder / "programs", "ssh", dropbear.replace("claim*) cat", tidied))

    box.start(bundle(box))

    box.await_state("up")
    assert (box.folder / "programs/tidied").exists()
    assert "cannot make a FIFO" in box.log()
    box.stop()


def test_the_instance_outlives_the_process_but_not_the_boot(box: Box) -> None:
    file = bundle(box)

    def used() -> str:
        box.start(file)
        box.await_state("up")
        box.stop()
        return next(line.split()[-2] for line in reversed(requests(box)) if "hold" in line)

    first, second = used(), used()
    note = box.live() / "instance"
    note.write_text(f"another-boot {first}\n")
    third = used()

    assert first == second
    assert third != first


@pytest.mark.parametrize("box", EACH_SHELL[:2], indirect=True)
def test_sigkill_leaves_no_process(box: Box) -> None:
    process = box.start(bundle(box))
    box.await_state("up")

    process.kill()
    process.wait()

    box.await_nothing_left()
    assert box.sh(bundle(box), "status").returncode == 1


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_signal_to_all_processes_stops_it_in_order(box: Box) -> None:
    process = box.start(bundle(box))
    box.await_state("up")

    for one in box.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            one.send_signal(signal.SIGTERM)

    assert process.wait(150) == 0
    box.await_nothing_left()
    assert box.state()["state"] == "stopped"


@pytest.mark.parametrize(("verdict", "state"), [("0\n", "up"), ("60\n", "waiting")])
def test_a_signal_stops_it_even_if_read_hangs_afterwards(
    box: Box, verdict: str, state: str
) -> None:
    """In busybox 1.38, `read` never returns after a trapped signal."""
    file = bundle(box)
    text = file.read_text()
    for line, lines in {
        "set -u": (
            "set -u\ncaught=''\nread() { while [ -n \"$caught\" ]; do sleep 1; done; command read"
            ' "$@"; }'
        ),
        "end_all() {": "end_all() {\n    caught=yes",
    }.items():
        assert text.count(f"\n{line}\n") == 1
        text = text.replace(f"\n{line}\n", f"\n{lines}\n")
    set_answer(box, "verdict", verdict)
    box.start(box.write(text))
    box.await_state(state)

    assert box.stop() == 0
    assert box.state()["state"] == "stopped"


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
@pytest.mark.parametrize("line", ['sleep "$wait_s" &', 'run_client "$@" &', 'tick "$late_s" &'])
def test_a_signal_during_a_fork_also_ends_the_new_process(box: Box, line: str) -> None:
    text = bundle(box).read_text()
    assert text.count(f"{line}\n") == 1
    set_answer(box, "verdict", "60\n")

    process = box.start(box.write(text.replace(f"{line}\n", f"{line}\nkill $$\n")))

    assert process.wait(150) == 0
    box.await_nothing_left()
    assert box.state()["state"] == "stopped"


def test_it_runs_as_three_shells_a_sleep_and_the_client(box: Box) -> None:
    box.start(bundle(box, beat="10"))
    box.await_state("up")

    def kinds() -> list[bool]:
        return sorted("sleep" in " ".join(words[:2]) for words in box.command_lines())

    until(lambda: kinds() == [False] * 4 + [True], "it rests until the next beat")
    assert not [path for path in box.folder.rglob("*") if path.is_fifo()]
    box.stop()


def test_stop_removes_the_key_from_memory(box: Box) -> None:
    box.start(bundle(box))
    box.await_state("up")
    assert (box.live() / "key").stat().st_mode & 0o777 == 0o600
    assert box.live().stat().st_mode & 0o777 == 0o700

    box.stop()

    assert not (box.live() / "key").exists()


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(
            "ssh: Could not resolve hostname gw: Temporary failure in name resolution\n",
            id="no DNS, OpenSSH",
        ),
        pytest.param(
            "connect to host gw port 22: Network is unreachable\n", id="no route, OpenSSH"
        ),
        pytest.param(
            "dbclient: Exited: Error resolving 'gw' port '22'. Temporary failure in name"
            " resolution\n",
            id="no DNS, dropbear",
        ),
        pytest.param(
            "dbclient: Connection to root@gw:22 exited: Connect failed: Network is unreachable\n",
            id="no route, dropbear",
        ),
    ],
)
def test_a_device_that_boots_before_its_network_comes_up_later(box: Box, refusal: str) -> None:
    set_answer(box, "refusal", refusal)

    box.start(bundle(box))
    until(lambda: len(requests(box)) >= 3, "three tries")
    (box.folder / "programs/refusal").unlink()

    box.await_state("up")
    assert refusal.rsplit(": ", maxsplit=1)[-1].strip() in box.log()
    box.stop()


def test_in_screen_one_window_keeps_the_tunnel_and_another_shows_its_status(box: Box) -> None:
    require("screen")
    (box.folder / "programs/screen").symlink_to(shutil.which("screen") or "")
    with tempfile.TemporaryDirectory(prefix="reversi-") as sockets:
        done = box.sh(bundle(box), "run", "--screen", SCREENDIR=sockets, TERM="vt100")

        assert done.returncode == 0, done.stderr
        box.await_state("up")
        until(
            lambda: {"keep", "watch"} <= {words[-1] for words in box.command_lines() if words},
            "two windows",
        )
        again = box.sh(
            box.folder / "office bundle.sh", "run", "--screen", SCREENDIR=sockets, TERM="vt100"
        )
        assert (again.returncode, sum("hold" in line for line in requests(box))) == (0, 1)
        quitting = {**os.environ, "SCREENDIR": sockets, "TERM": "vt100"}
        subprocess.run(
            ["screen", "-S", "reversi-office", "-X", "quit"],
            env=quitting,
            check=True,
            capture_output=True,
        )
        box.await_nothing_left()
