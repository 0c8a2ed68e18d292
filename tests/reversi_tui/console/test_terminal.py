"""The terminal that goes away, errors, and what a terminal may send."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from reversi_tui.exit_codes import ExitCode
from reversi_tui.terminal.environment import HUNG_UP, PoorTerminal, colour_system, prepare
from tests.reversi_tui.console.emulator import ON_AT_FIRST, modes
from tests.reversi_tui.console.pty_console import RUN, WITHIN_S, Terminal, on_terminal, terminal
from tests.reversi_tui.console.states import demo_home

ENDED_BY_HAND_S = 1.5
"""Processor time that an orderly end may cost; a loop that spins until the watchdog comes takes two
seconds.
"""
SHELL = """#!/bin/sh
trap '' HUP TERM
echo "pid=$$;"
sleep 60 &
echo "pid=$!;"
wait
wait
"""
"""What stands for an ssh that ignores all that it is told."""


def test_ctrl_c_and_sigterm_leave_the_terminal_as_it_was(tmp_path: Path) -> None:
    demo_home(tmp_path)

    with terminal(tmp_path) as console:
        console.until(b"garage")
        console.process.send_signal(signal.SIGTERM)
        assert console.ended() == 128 + signal.SIGTERM
        console.take(0.2)
        assert b"\x1b[?1049l" in console.written
    with terminal(tmp_path) as console:
        console.until(b"garage")
        console.press(b"\x03")
        assert console.ended() == 0


def test_sighup_ends_it_though_the_terminal_is_there(tmp_path: Path) -> None:
    demo_home(tmp_path)

    with terminal(tmp_path) as console:
        console.until(b"garage")
        console.process.send_signal(signal.SIGHUP)
        assert console.ended() == HUNG_UP


@contextmanager
def dropped(home: Path, **environ: str) -> Iterator[tuple[Terminal, ...]]:
    """Consoles for which the link drops: one hears a hang-up, one was started with that ignored,
    one gets no signal at all.
    """
    with ExitStack() as stack:
        kinds = ((True, False), (True, True), (False, False))
        yield tuple(
            stack.enter_context(
                terminal(
                    home,
                    "--no-remember",
                    environ=environ,
                    controlling=controlling,
                    hup_ignored=hup_ignored,
                )
            )
            for controlling, hup_ignored in kinds
        )


def ends_by_itself(console: Terminal) -> None:
    console.hang_up()
    status, spent_s = console.ended_and_spent()
    assert status in (HUNG_UP, -signal.SIGHUP)
    assert spent_s < ENDED_BY_HAND_S


def test_a_terminal_that_goes_takes_an_idle_console_with_it(tmp_path: Path) -> None:
    demo_home(tmp_path)

    with dropped(tmp_path) as consoles:
        for console in consoles:
            console.until(b"garage")
        for console in consoles:
            ends_by_itself(console)


def test_a_terminal_that_goes_while_a_question_is_asked_does_nothing_and_ends(
    tmp_path: Path,
) -> None:
    demo_home(tmp_path)

    with dropped(tmp_path) as consoles:
        for console in consoles:
            console.until(b"garage")
            console.press(b"k")
        for console in consoles:
            console.until(b"Cancel")
            ends_by_itself(console)


def test_a_terminal_that_goes_while_an_act_is_under_way_ends_it(tmp_path: Path) -> None:
    layout = demo_home(tmp_path)
    with socket.socket(socket.AF_UNIX) as deaf, dropped(tmp_path) as consoles:
        deaf.bind(str(layout.socket))
        deaf.listen(20)
        for console in consoles:
            console.until(b"garage")
            console.press(b"p")
        for console in consoles:
            console.until(b"under way")
            ends_by_itself(console)


def test_a_terminal_that_goes_while_a_shell_has_it_leaves_neither(tmp_path: Path) -> None:
    demo_home(tmp_path / "home")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(SHELL, encoding="ascii")
    (programs / "ssh").chmod(0o755)

    with dropped(tmp_path / "home", PATH=f"{programs}:{os.environ['PATH']}") as consoles:
        for console in consoles:
            console.until(b"garage")
            console.press(b"s")
        children = [child for console in consoles for child in lent_to(console)]
        for console in consoles:
            ends_by_itself(console)
        eventually(
            lambda: not any(child.is_running() for child in children), "what was started is gone"
        )


def lent_to(console: Terminal) -> list[psutil.Process]:
    """The program that has the terminal, and its child."""
    pids: list[bytes] = []

    def told() -> bool:
        console.take(0.05)
        pids[:] = [part.partition(b";")[0] for part in console.written.split(b"pid=")[1:]]
        return len(pids) == 2

    eventually(told, "two processes")
    return [psutil.Process(int(pid)) for pid in pids]


def eventually(claim: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not claim():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_over_ssh_the_mouse_is_left_alone(tmp_path: Path) -> None:
    demo_home(tmp_path)

    with terminal(tmp_path, environ={"SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"}) as console:
        console.until(b"garage")
        assert b"\x1b[?1000h" not in console.written
    with terminal(tmp_path, environ={"SSH_CONNECTION": ""}) as console:
        console.until(b"garage")
        assert b"\x1b[?1000h" in console.written


def test_settings_of_the_user_stand() -> None:
    environ = {"SSH_CONNECTION": "x", "TEXTUAL_FPS": "10"}

    prepare(environ)

    assert environ["TEXTUAL_FPS"] == "10"
    assert environ["TEXTUAL_ANIMATIONS"] == "none"


@pytest.mark.parametrize(
    ("environ", "colours"),
    [
        pytest.param({"TERM": "xterm"}, "standard", id="plain"),
        pytest.param({"TERM": "tmux-256color"}, "256", id="tmux"),
        pytest.param(
            {"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor", id="truecolor"
        ),
        pytest.param(
            {"TERM": "screen", "COLORTERM": "truecolor"},
            "standard",
            id="screen in a truecolor terminal",
        ),
        pytest.param(
            {"TERM": "screen-256color", "COLORTERM": "truecolor", "TMUX": "x"},
            "truecolor",
            id="tmux that calls itself screen",
        ),
        pytest.param({"TERM": "linux", "COLORTERM": "truecolor"}, "standard", id="Linux console"),
        pytest.param(
            {"TERM": "linux", "TEXTUAL_COLOR_SYSTEM": "256"}, "256", id="as the user says"
        ),
        pytest.param({}, "standard", id="nothing known"),
    ],
)
def test_colours_are_those_of_the_terminal(environ: dict[str, str], colours: str) -> None:
    assert colour_system(environ) == colours

    prepare(environ)

    assert environ["TEXTUAL_COLOR_SYSTEM"] == colours


def test_a_terminal_without_colours_is_one_where_none_are_wanted() -> None:
    old, empty, wanted = (
        {"TERM": "vt100"},
        {"TERM": "xterm", "NO_COLOR": ""},
        {"TERM": "xterm", "NO_COLOR": "1"},
    )

    for environ in (old, empty, wanted):
        prepare(environ)

    assert (old.get("NO_COLOR"), empty.get("NO_COLOR"), wanted.get("NO_COLOR")) == ("1", None, "1")


def test_a_terminal_that_cannot_position_text_is_refused() -> None:
    with pytest.raises(
        PoorTerminal,
        match=r"'dumb' \(TERM\) cannot position text .*; use another terminal, or --once",
    ):
        prepare({"TERM": "dumb"})


def test_leaving_twice_leaves_nothing_behind(tmp_path: Path) -> None:
    demo_home(tmp_path)

    with terminal(tmp_path) as console:
        console.until(b"garage")
        console.press(b"q")
        assert console.ended() == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(console.process.pid, 0)


ORPHAN = """
import os, pty, signal, sys
from reversi_tui.terminal.environment import Watchdog
ready, told = os.pipe()
if os.fork() == 0:
    Watchdog(pty.openpty()[1], every_s=0.02).start()
    os.write(told, b"x")
    signal.alarm(120)
    signal.pause()
os.read(ready, 1)
"""


def test_a_console_whose_starter_is_gone_ends_too() -> None:
    started = subprocess.Popen(
        [sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )

    begun = time.monotonic()
    output, _ = started.communicate(timeout=200)

    assert output == b""
    assert time.monotonic() - begun < 100, "the pipe stayed open: the orphan lived on"


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        pytest.param(
            "from reversi_tui.screens.main import Main; Main.pause = lambda _: 1 / 0",
            (),
            id="a key",
        ),
        pytest.param(
            "from reversi_tui.screens.main import Main; Main.pause = lambda _: 1 / 0",
            ("--debug",),
            id="a key, --debug",
        ),
        pytest.param(
            "from reversi_tui.reader.source import Source; Source.run = lambda self, report: 1 / 0",
            (),
            id="the reader",
        ),
        pytest.param(
            "from reversi_tui.terminal.driver import Driver;"
            " Driver.run_input_thread = lambda self: 1 / 0",
            (),
            id="the keyboard",
        ),
        pytest.param(
            "from reversi_tui.app import Console; Console.get_default_screen = lambda self: 1 / 0",
            (),
            id="the first moment",
        ),
    ],
)
def test_a_bug_is_a_sentence_and_an_exit_status_of_its_own_and_leaves_the_terminal_as_it_was(
    tmp_path: Path, broken: str, words: tuple[str, ...]
) -> None:
    demo_home(tmp_path)
    program = [
        sys.executable,
        "-c",
        f"{broken}\n{RUN}",
        "--home",
        str(tmp_path),
        "--no-remember",
        *words,
    ]

    with on_terminal(program) as console:
        console.press(b"z")
        status = console.ended()
        console.take(0.2)

    left = console.written.rpartition(b"\x1b[?1049l")[2].decode()
    assert status == ExitCode.BUG
    assert "reversi-tui: error: a bug in reversi: ZeroDivisionError" in left
    assert ("Traceback" in left) is bool(words)
    assert modes(console.written) == ON_AT_FIRST


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(b"\xe9", id="another character set"),
        pytest.param(b"\x1b[999999999999u", id="no character"),
    ],
)
def test_a_key_that_cannot_be_read_harms_nothing(tmp_path: Path, key: bytes) -> None:
    demo_home(tmp_path)

    with terminal(tmp_path, "--no-remember") as console:
        console.until(b"garage")
        console.press(key)
        console.settle(0.3)
        console.press(b"/")
        console.until(b"earlier ones")
        console.press(b"\x03")
        assert console.ended() == 0
