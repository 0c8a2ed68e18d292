from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from checker.config import home_layout
from checker.model import Status
from checker.store import Batch
from reversi_tui.terminal import HUNG_UP, prepare
from tests.tui.pty_console import terminal
from tests.tui.states import demo_home, many, write

ALL_READ = b"2,000 forwards"
ONE_ROW_BYTES = 1500
WATCHED_S = 3.0


def test_nothing_new_writes_nothing_and_one_row_of_2000_little(tmp_path: Path) -> None:
    layout = home_layout(tmp_path)
    seen = many(layout, 2000)

    with terminal(tmp_path) as console:
        console.until(ALL_READ)
        console.until(b"127.0.0.1:22")
        console.until(b"not running")
        console.settle()
        idle = console.take(WATCHED_S)
        before = len(console.written)
        write(layout, Batch(tunnels=(replace(seen[3], status=Status.HUNG),)))
        console.until(b"! hung")
        console.settle()
        changed = len(console.written) - before
        console.press(b"q")
        assert console.ended() == 0

    assert idle == b""
    assert 0 < changed <= ONE_ROW_BYTES


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


@pytest.mark.parametrize("controlling", [pytest.param(True, id="with a hang-up signal"), pytest.param(False, id="without any signal")])
def test_a_terminal_that_goes_takes_the_console_with_it(tmp_path: Path, *, controlling: bool) -> None:
    demo_home(tmp_path)

    with terminal(tmp_path, controlling=controlling) as console:
        console.until(b"garage")
        console.hang_up()
        assert console.ended() != 0


def test_over_ssh_the_mouse_is_left_alone(tmp_path: Path) -> None:
    demo_home(tmp_path)

    with terminal(tmp_path, environ={"SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"}) as console:
        console.until(b"garage")
        assert b"\x1b[?1000h" not in console.written
    with terminal(tmp_path, environ={"SSH_CONNECTION": ""}) as console:
        console.until(b"garage")
        assert b"\x1b[?1000h" in console.written


def test_no_color_means_no_colour(tmp_path: Path) -> None:
    demo_home(tmp_path)

    with terminal(tmp_path, environ={"NO_COLOR": "1"}) as console:
        console.until(b"! hung")
        console.settle()
        painted = console.written

    assert not any(code in painted for code in (b";31;", b"[31", b";31m", b"38;2", b"38;5", b";32;", b"[32"))


def test_settings_of_the_user_stand() -> None:
    environ = {"SSH_CONNECTION": "x", "TEXTUAL_FPS": "10"}

    prepare(environ)

    assert environ["TEXTUAL_FPS"] == "10"
    assert environ["TEXTUAL_ANIMATIONS"] == "none"


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
from reversi_tui.terminal import Watchdog
ready, told = os.pipe()
if os.fork() == 0:
    Watchdog(pty.openpty()[1], every_s=0.02).start()
    os.write(told, b"x")
    signal.alarm(20)
    signal.pause()
os.read(ready, 1)
"""


def test_a_console_whose_starter_is_gone_ends_too() -> None:
    started = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    begun = time.monotonic()
    output, _ = started.communicate(timeout=30)

    assert output == b""
    assert time.monotonic() - begun < 15, "the pipe stayed open: the orphan lived on"
