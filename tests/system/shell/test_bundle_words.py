"""Text that a login prints before the gateway's answer, and slow logins. No network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from client.bundle.compose import render
from tests.bundles import EACH_SHELL, Box
from tests.client.bundle.samples import changed
from tests.system.shell.stand_ins import CLIENT, TAKEN, program
from tests.system.waiting import until

pytestmark = pytest.mark.shell


def bundle(box: Box, **settings: str) -> Path:
    return box.write(
        render(
            changed(
                gateways=("gw:22",),
                settings={"root": str(box.root), "beat": "1", "retry": "1", **settings},
            )
        )
    )


def greet(box: Box, text: str) -> None:
    """Make each login print this before anything else, as /etc/ssh/sshrc can."""
    program(
        box.folder / "programs",
        "ssh",
        CLIENT.replace("case $last in\n", f"printf '{text}'\ncase $last in\n"),
    )


TEXTS = {
    "line": "hello\\n",
    "number": "42\\n",
    "numbers": "7\\nhello\\n600\\n",
    "tail": "hello ",
    "digits": "hello 5 ",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_text_that_a_login_prints_is_not_the_answer(box: Box, text: str) -> None:
    greet(box, text)
    file = bundle(box)

    box.start(file)

    assert box.await_state("up")["verdict"] == "0"
    checked = box.sh(file, "check")
    assert (checked.returncode, checked.stdout) == (0, "office: gw:22 says that the tunnel works\n")
    (box.folder / "programs/verdict").write_text("60\n")
    box.await_state("waiting", saying="asks to wait 60 s")
    box.stop()


def test_a_requested_wait_is_found_after_other_numbers(box: Box) -> None:
    greet(box, "0\\n0\\n")
    (box.folder / "programs/claim").write_text("45\n")
    (box.folder / "programs/taken").write_text(TAKEN)

    box.start(bundle(box))

    box.await_state("waiting", saying="asks to wait 45 s")
    box.stop()


def test_a_lost_answer_does_not_end_the_tunnel(box: Box) -> None:
    once = 'hold*)\n    [ -e "$here/once" ] || { touch "$here/once"; read -r _; }\n'
    program(
        box.folder / "programs",
        "ssh",
        CLIENT.replace("hold*)\n", once).replace("claim*) ", "claim*) printf '7\\n'; "),
    )

    box.start(bundle(box, setup="20"))

    box.await_state("up")
    (box.folder / "programs/verdict").write_text("60\n")
    box.await_state("waiting")
    assert "hangs" not in box.log()
    box.stop()


@pytest.mark.parametrize("box", EACH_SHELL, indirect=True)
def test_a_login_that_timed_out_gets_more_time(box: Box) -> None:
    program(box.folder / "programs", "ssh", CLIENT.replace("hold*)\n", "hold*)\n    sleep 3\n"))

    box.start(bundle(box, setup="2"))

    box.await_state("up")
    assert "no answer" in box.log()
    assert int((box.live() / "pace").read_text()) > 1
    logins = [
        line
        for line in (box.folder / "programs/ssh.log").read_text().splitlines()
        if "hold" in line
    ]
    assert "ConnectTimeout=10 " in logins[0]
    assert "ConnectTimeout=20 " in logins[1]
    box.stop()


def test_a_quick_login_lowers_the_limit(box: Box) -> None:
    (box.live()).mkdir(parents=True)
    (box.live() / "pace").write_text("6\n")
    file = bundle(box)

    box.start(file)
    box.await_state("up")

    until(lambda: (box.live() / "pace").read_text() == "3\n", "it is less")
    box.stop()


def test_no_keepalive_runs_beside_the_beats(box: Box) -> None:
    box.start(bundle(box, beat="60"))

    box.await_state("up")
    box.stop()

    (hold,) = (
        line
        for line in (box.folder / "programs/ssh.log").read_text().splitlines()
        if "hold" in line
    )
    asked = re.search(r"ServerAliveInterval=(\d+) ", hold)
    assert asked
    assert int(asked[1]) > 60
