"""A running bundle: how it reacts to the gateway's answers and to its device. No network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess

import pytest

from client.bundle.compose import render
from tests.bundles import EACH_SHELL, Box
from tests.client.bundle.samples import changed
from tests.programs import require
from tests.system.processes import still_there
from tests.system.shell.running import bundle, requests, set_answer, verbs
from tests.system.shell.stand_ins import CLIENT, TAKEN, program
from tests.system.shell.test_bundle_lifetime import is_up
from tests.system.waiting import until

pytestmark = pytest.mark.shell


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_verdict_is_obeyed(box: Box) -> None:
    box.start(bundle(box))
    box.await_state("up")

    set_answer(box, "verdict", "60\n")

    found = box.await_state("waiting", saying="asks to wait 60 s")
    assert found["verdict"] == "60"
    until(
        lambda: any(60 <= nap <= 75 for nap in box.naps()),
        "it sleeps for a minute and a quarter at most",
    )
    assert not [words for words in box.command_lines() if "hold" in " ".join(words)]
    assert box.stop() == 0


def test_a_deferred_claim_starts_no_tunnel(box: Box) -> None:
    set_answer(box, "claim", "45\n")
    set_answer(box, "taken", TAKEN)

    box.start(bundle(box))

    box.await_state("waiting", saying="asks to wait 45 s")
    until(lambda: any(45 <= nap <= 57 for nap in box.naps()), "it sleeps so long")
    assert verbs(box) == ["hold", "claim"]
    box.stop()


OPENSSH_REFUSES = "root@gw: Permission denied (publickey).\r"
DROPBEAR_REFUSES = (
    "/usr/bin/dbclient: Connection to root@gw:22 exited: No auth methods could be used."
)
DROPBEAR = CLIENT.replace("OpenSSH_9.2p1", "Dropbear v2022.83")


@pytest.mark.parametrize(
    ("client", "line", "status"),
    [
        pytest.param(CLIENT, OPENSSH_REFUSES, "255", id="openssh"),
        pytest.param(DROPBEAR, DROPBEAR_REFUSES, "1", id="dropbear"),
    ],
)
def test_a_refused_key_is_not_tried_again_for_five_minutes(
    box: Box, client: str, line: str, status: str
) -> None:
    program(box.folder / "programs", "ssh", client)
    set_answer(box, "status", status)
    set_answer(box, "refusal", f"{line}\n")

    box.start(bundle(box, auth_wait="300"))

    box.await_state("waiting")
    until(lambda: any(295 <= nap <= 330 for nap in box.naps()), "it sleeps for five minutes")
    assert len(requests(box)) == 1
    box.stop()


@pytest.mark.parametrize("client", [CLIENT, DROPBEAR], ids=["openssh", "dropbear"])
@pytest.mark.parametrize(
    "line", ["sh: 1: exec: /usr/bin/python3: Permission denied", OPENSSH_REFUSES, DROPBEAR_REFUSES]
)
def test_a_failing_forced_command_is_not_a_refused_key(box: Box, client: str, line: str) -> None:
    program(box.folder / "programs", "ssh", client)
    set_answer(box, "status", "126")
    set_answer(box, "refusal", f"{line}\n")

    box.start(bundle(box))
    until(lambda: len(requests(box)) >= 3, "three tries")
    (box.folder / "programs/refusal").unlink()

    box.await_state("up")
    assert "enied" in box.log() or "auth methods" in box.log()
    box.stop()


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_output_of_the_gateway_cannot_control_the_terminal(box: Box) -> None:
    set_answer(box, "refusal", "no \x1b]2;title\x07route\n")

    box.start(bundle(box))

    assert box.await_state("waiting")["error"] == "gw:22: no ]2;titleroute"
    assert "\x1b" not in box.log()
    box.stop()


def test_gateways_are_tried_in_turn(box: Box) -> None:
    set_answer(box, "refusal", "connect: No route to host\n")

    box.start(bundle(box, "one:22", "two:2222", "[fd00::3]:22"))
    until(lambda: len(requests(box)) >= 4, "four tries")
    (box.folder / "programs/refusal").unlink()
    found = box.await_state("up")

    hosts = [line.split()[0] for line in requests(box)[:4]]
    assert hosts == ["one", "two", "fd00::3", "one"]
    assert found["gateway"] in ("one:22", "two:2222", "[fd00::3]:22")
    box.stop()


def test_a_client_that_hangs_is_killed_and_replaced(box: Box) -> None:
    box.start(bundle(box))
    box.await_state("up")
    first = box.client("ssh")

    first.send_signal(signal.SIGSTOP)

    until(lambda: not still_there(first), "the frozen one is killed")
    until(lambda: sum("hold" in line for line in requests(box)) == 2, "another one")
    box.await_state("up")
    assert "no answer to a beat" in box.log()
    box.stop()


def test_each_end_of_a_tunnel_is_logged(box: Box) -> None:
    box.start(bundle(box))

    for times in (1, 2):
        box.await_state("up")
        until(lambda times=times: box.log().count("up, at") >= times, "it is up")  # type: ignore[misc]
        box.client("ssh").kill()
        until(
            lambda times=times: box.log().count("the connection ended") >= times,  # type: ignore[misc]
            "the log says why it ended",
        )

    box.stop()


def test_garbage_is_not_a_verdict(box: Box) -> None:
    set_answer(box, "verdict", "banana\n007\n99999999999\n-1\n0x10\n")

    box.start(bundle(box, setup="2"))

    until(lambda: "no answer to a beat" in box.log(), "it is not taken for an answer")
    set_answer(box, "verdict", "0\n")
    box.await_state("up")
    box.stop()


def test_forged_internal_lines_kill_nothing(box: Box) -> None:
    decoy = subprocess.Popen(["sleep", "3600"])
    try:
        forged = "".join(
            f"@{word} {turn} {decoy.pid}\n"
            for word in ("pid", "nap", "tick", "end")
            for turn in range(5)
        )
        set_answer(box, "verdict", f"{forged}0\n")
        box.start(bundle(box))
        box.await_state("up")

        set_answer(box, "verdict", "1\n")

        box.await_state("waiting")
        box.stop()
        assert decoy.poll() is None
    finally:
        decoy.kill()
        decoy.wait()


@pytest.mark.parametrize("home", ["/", None], ids=["root", "unset"])
@pytest.mark.skipif(os.geteuid() != 0, reason="without root the home is where it is installed")
def test_home_is_not_needed(box: Box, home: str | None) -> None:
    if home:
        box.environment["HOME"] = home

    box.start(bundle(box), without=() if home else ("HOME",))

    box.await_state("up")
    box.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace takes root")
def test_it_runs_on_a_read_only_root_file_system(box: Box) -> None:
    require("unshare", "mount", "nsenter")
    memory = box.root / "var/run"
    memory.mkdir(parents=True)
    (box.folder / "programs/ssh.log").symlink_to(memory / "ssh.log")
    mount = shutil.which("mount")
    script = f"""{mount} --bind "$1" "$1" && {mount} -o remount,ro,bind "$1" && {mount} -t tmpfs none "$2" && shift 2 && exec "$@" """  # noqa: E501 - one line of what runs
    file = bundle(box)
    inside = [
        shutil.which("unshare") or "",
        "-m",
        "--propagation",
        "private",
        shutil.which("sh") or "",
        "-c",
        script,
        "sh",
    ]

    process = box.start(file, inside=[*inside, str(box.folder), str(memory)])

    status = [
        shutil.which("nsenter") or "",
        "-t",
        str(process.pid),
        "-m",
        *box.shell,
        str(file),
        "status",
    ]
    said = until(
        lambda: is_up(
            subprocess.run(status, env=box.environment, capture_output=True, text=True, check=False)
        ),
        "it is up",
    )
    assert "up for" in said
    box.stop()


@pytest.mark.parametrize(
    ("key", "used"),
    [
        pytest.param(b"\0\0\0\x0bssh-ed25519\0\0\0@" + bytes(range(64)), "dbclient", id="dropbear"),
        pytest.param(b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "ssh", id="openssh"),
    ],
)
@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_device_key_is_used_only_with_the_client_that_reads_it(
    box: Box, key: bytes, used: str
) -> None:
    program(box.folder / "programs", "dbclient", DROPBEAR)
    box.installed.mkdir(parents=True)
    (box.installed / "office.key").write_bytes(key)
    file = box.write(render(changed(key=None, settings={"root": str(box.root), "beat": "1"})))

    box.start(file)

    box.await_state("up")
    assert box.client(used).is_running()
    assert (box.live() / "key").read_bytes() == key
    box.stop()
