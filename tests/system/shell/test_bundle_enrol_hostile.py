"""A device that waits meets a hostile gateway; and what it keeps of the enrolment's key."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import psutil
import pytest

from tests.bundles import SHELLS, Box
from tests.system.shell.enrolling import (
    ACCEPTED,
    PRINT,
    REJECTED,
    WAIT,
    WAITING,
    asked,
    enrolment,
    is_over,
)
from tests.system.shell.running import set_answer
from tests.system.waiting import until

pytestmark = pytest.mark.shell
KEY = "an OpenSSH key"
"""In the private key of the samples."""
MANY = " ".join(f"{port}:127.0.0.1:22" for port in range(20_000, 29_000))
ANSWERS = {
    "a long name": f"enrol: wait 1 {'a' * 200_000} {PRINT}\n",
    "many lines": "enrol: \n" * 20_000,
    "too many forwards": f"enrol: accepted roof {MANY}\n",
    "escapes": f"\x1b]0;enrol: accepted roof\x07 \x1b[2J20010:127.0.0.1:22 $(id) {PRINT}\n",
    "two in one line": "enrol: accepted roof 20010:127.0.0.1:22 enrol: rejected for now\n",
}


def with_key(box: Box) -> list[Path]:
    """The device's files that contain the enrolment's private key."""
    found = []
    for path in box.folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and KEY.encode() in path.read_bytes():
                found.append(path)
    return found


def words_of(box: Box) -> str:
    """The command lines and environments of its processes."""
    words = []
    for process in box.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            words += [*process.cmdline(), *process.environ().values()]
    return " ".join(words)


@pytest.mark.parametrize("box", [pytest.param(SHELLS["ash"], id="ash")], indirect=True)
def test_a_strange_answer_ends_no_device_and_installs_nothing(box: Box) -> None:
    file = enrolment(box)
    set_answer(box, "enrol", WAIT)
    assert box.sh(file, "install").returncode == 0
    before = box.await_state("pending", WAITING)
    for answer in ANSWERS.values():
        count = len(asked(box))

        set_answer(box, "enrol", answer)
        until(lambda count=count: len(asked(box)) > count, "it asks")  # type: ignore[misc]
        box.await_state("waiting", WAITING)

        assert not list(box.installed.glob("roof*")), answer[:60]
        shown = box.log() + box.sh(file, "status").stdout
        assert re.fullmatch(r"[ -~\n]*", shown)
        set_answer(box, "enrol", WAIT)
        for process in box.processes():  # it sleeps for a minute
            with contextlib.suppress(psutil.NoSuchProcess, IndexError):
                if process.cmdline()[-2:-1] == ["sleep"] and int(process.cmdline()[-1]) > 50:
                    process.kill()
        found = box.await_state("pending", WAITING)
        assert found["pid"] == before["pid"]
    box.sh(file, "uninstall")
    box.await_nothing_left()


def test_the_bundles_key_is_in_two_private_files_and_then_in_none(box: Box) -> None:
    file = enrolment(box)
    box.sh(file, "install")
    box.await_state("pending", WAITING)
    held = with_key(box)
    assert {path.name for path in held} <= {file.name, f"{WAITING}.sh", "key"}
    assert {path.stat().st_mode & 0o777 for path in held} == {0o600}
    assert {path.parent.stat().st_mode & 0o077 for path in held if path != file} == {0}
    assert KEY not in words_of(box)

    set_answer(box, "enrol", ACCEPTED)

    box.await_state("up", "roof")
    until(lambda: is_over(box), "the wait is over")
    assert with_key(box) == [file]
    assert KEY not in words_of(box)
    box.sh(file, "uninstall", "--name", "roof")
    box.await_nothing_left()


def test_a_rejected_device_keeps_the_bundles_key_nowhere(box: Box) -> None:
    file = enrolment(box)
    box.sh(file, "install")
    box.await_state("pending", WAITING)

    set_answer(box, "enrol", REJECTED)

    box.await_nothing_left()
    assert with_key(box) == [file]
    box.sh(file, "uninstall")
