"""Running an operator's own command: limits, output, and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from reversi_tui.actions.own_commands import Ran, Stop, run
from reversi_tui.terminal.process_group import how_it_ended
from tests.programs import require

SOON_S = 150.0


def eventually(claim: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SOON_S
    while not claim():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def pid_in(path: Path) -> int:
    eventually(lambda: path.exists() and path.read_text().endswith("\n"), f"{path} is written")
    return int(path.read_text())


def test_both_streams_are_shown_and_nothing_of_them_can_steer_a_terminal() -> None:
    ran = run(["sh", "-c", r"printf 'a\tb\r\n\033[31mr\303\244d[b]\377\n'; echo late >&2; exit 3"])

    assert ran.output.split("\n") == ["a       b", r"\x1b[31mr\xe4d[b]\xff", "late"]
    assert (ran.status, ran.sentence) == (3, "sh ended with exit status 3")


def test_arguments_are_the_programs_own_and_no_shell_reads_them() -> None:
    ran = run(["printf", "%s|", "a b", "$(id)", "; true", "*"])

    assert ran.output == "a b|$(id)|; true|*|"


def test_there_is_no_input_and_a_process_group_of_its_own() -> None:
    ran = run(
        [
            sys.executable,
            "-c",
            (
                "import os, sys; print(repr(sys.stdin.read()), os.getpgrp() == os.getpid(),"
                " os.getpgrp())"
            ),
        ]
    )

    said, own, group = ran.output.split()
    assert (said, own) == ("''", "True")
    assert int(group) != os.getpgrp()


def test_signals_are_as_a_shell_would_leave_them() -> None:
    ran = run(
        [
            sys.executable,
            "-c",
            (
                "print([line for line in open('/proc/self/status') if"
                " line.startswith('SigIgn')][0].split()[1])"
            ),
        ]
    )

    python_itself = (1 << (signal.SIGPIPE - 1)) | (1 << (signal.SIGXFSZ - 1))
    assert int(ran.output, 16) & ~python_itself == 0
    assert run(["sh", "-c", "yes | head -n 1; kill -PIPE $$"]).status == -signal.SIGPIPE


def test_no_more_than_the_first_bytes_are_kept() -> None:
    ran = run(["head", "-c", "100000", "/dev/zero"], kept_bytes=1000)

    assert ran.status == 0
    assert ran.output == r"\x00" * 1000
    assert "the first 1000 of 100000 bytes are shown" in ran.sentence


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    ran = run(
        [
            "sh",
            "-c",
            f"sh -c 'trap \"\" TERM; echo $$ >{tmp_path}/pid; sleep 3600' & echo begun; sleep 3600",
        ],
        within_s=5.0,  # a busy machine may need some to start it
    )

    assert ran.status is None
    assert "sh took longer than 5 s and was killed" in ran.sentence
    assert ran.output == "begun"
    left = pid_in(tmp_path / "pid")
    eventually(lambda: gone(left), "what ignores SIGTERM is killed")


def test_what_a_command_leaves_running_is_ended(tmp_path: Path) -> None:
    ran = run(["sh", "-c", f"sleep 3600 >/dev/null 2>&1 & echo $! >{tmp_path}/pid"])

    assert ran.status == 0
    eventually(lambda: gone(pid_in(tmp_path / "pid")), "the program left behind is ended")


def test_output_that_is_closed_early_is_not_the_end() -> None:
    assert run(["sh", "-c", "echo x; exec >&- 2>&-; sleep 0.3; exit 4"]).status == 4


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        pytest.param(
            ["no-such-program-here"], "program 'no-such-program-here' not found", id="nowhere"
        ),
        pytest.param(["/"], "program '/' not found", id="no program"),
        pytest.param([], "there is no program to run", id="nothing"),
        pytest.param(["true", "a\0b"], "could not be started", id="a NUL byte"),
        pytest.param(["\x1b[31m"], r"program '\x1b[31m' not found", id="escaped"),
    ],
)
def test_what_cannot_be_started_is_a_sentence(argv: list[str], says: str) -> None:
    ran = run(argv)

    assert ran.status is None
    assert says in ran.sentence


def test_a_signal_is_named() -> None:
    assert how_it_ended(["/usr/bin/ssh"], -9) == "ssh was killed by SIGKILL"
    assert how_it_ended(["x"], -63) == "x was killed by signal 63"
    assert how_it_ended(["ssh"], 255) == "ssh ended with exit status 255"


def group_is_empty(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return True
    return False


STARTER = (
    "import sys; from reversi_tui.actions.own_commands import run; run(['sh', '-c', sys.argv[1]])"
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_a_console_that_is_gone_takes_its_commands_along(
    tmp_path: Path, number: signal.Signals
) -> None:
    require("sh", "sleep")
    script = f"sleep 3600 & echo $! >{tmp_path}/child; echo $$ >{tmp_path}/own; wait"
    console = subprocess.Popen([sys.executable, "-c", STARTER, script])
    try:
        pids = [pid_in(tmp_path / name) for name in ("child", "own")]
    finally:
        console.send_signal(number)
        console.wait(SOON_S)

    eventually(lambda: all(map(gone, pids)), "both are ended")
    eventually(lambda: group_is_empty(pids[1]), "who watched them is gone too")


def test_a_stop_ends_each_program_that_waits_for_it_with_its_children(tmp_path: Path) -> None:
    stop, ran = Stop(), list[Ran]()
    paths = [tmp_path / name for name in ("first", "second")]

    def one(path: Path) -> None:
        ran.append(run(["sh", "-c", f"sleep 36000 & echo $! > {path}; wait"], stop=stop))

    threads = [threading.Thread(target=one, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    children = [pid_in(path) for path in paths]

    stop.pull()
    for thread in threads:
        thread.join(SOON_S)

    stop.close()
    assert [(each.status, each.sentence) for each in ran] == [(None, "sh was stopped")] * 2
    for child in children:
        eventually(lambda child=child: gone(child), "the child ends")  # type: ignore[misc]


def test_what_starts_after_a_stop_ends_at_once() -> None:
    stop = Stop()
    stop.pull()

    assert run(["sleep", "600"], stop=stop).sentence == "sleep was stopped"
    stop.close()
