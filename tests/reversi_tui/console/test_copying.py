"""The clipboard, through a real tmux and a real screen."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reversi_tui.terminal.clipboard import copy_sequence
from tests.programs import require
from tests.reversi_tui.console.pty_console import WITHIN_S, Terminal

TEXT = "ssh -p 20010 -o HostKeyAlias=office " + "-o X=y " * 60 + "-- office"


def printer(folder: Path, environ: dict[str, str]) -> str:
    """A command that writes the sequence to its terminal again and again: the first may come before
    anybody is attached.
    """
    sequence = copy_sequence(TEXT, environ)
    assert sequence is not None
    (folder / "sequence").write_text(sequence)
    return f"while cat {folder}/sequence; do sleep 0.2; done"


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param("set -s set-clipboard on", id="takes it"),
        pytest.param("set -s set-clipboard off\nset -wg allow-passthrough on", id="passes it on"),
    ],
)
def test_tmux_takes_the_text_or_passes_it_on(tmp_path: Path, settings: str) -> None:
    require("tmux")
    kind = {"TERM": "tmux-256color", "TMUX": "x"}
    config = tmp_path / "conf"
    config.write_text(f"{settings}\n")
    tmux = ["tmux", "-S", str(tmp_path / "socket"), "-f", str(config)]

    with on_terminal([*tmux, "new-session", printer(tmp_path, kind)]) as console:
        plain = copy_sequence(TEXT, {"TERM": "xterm"})
        assert plain is not None
        try:
            console.until(plain.removeprefix("\x1b]52;c;").rstrip("\x07").encode())
        finally:
            subprocess.run(
                [*tmux, "kill-server"], check=False, capture_output=True, timeout=WITHIN_S
            )


def test_screen_passes_it_on_whole(tmp_path: Path) -> None:
    require("screen")
    folder = tmp_path / "sockets"
    folder.mkdir(mode=0o700)
    plain = copy_sequence(TEXT, {"TERM": "xterm"})
    assert plain is not None
    words = printer(tmp_path, {"TERM": "screen", "STY": "1.x"})

    with on_terminal(
        ["screen", "-c", "/dev/null", "sh", "-c", words], SCREENDIR=str(folder)
    ) as console:
        try:
            console.until(plain.encode())
        finally:
            for session in folder.iterdir():
                quitting = ["screen", "-S", session.name, "-X", "quit"]
                subprocess.run(
                    quitting,
                    check=False,
                    capture_output=True,
                    timeout=WITHIN_S,
                    env={**os.environ, "SCREENDIR": str(folder)},
                )


@contextmanager
def on_terminal(argv: list[str], **environ: str) -> Iterator[Terminal]:
    """A program on a pseudo-terminal of its own, which ends with the block."""
    master, slave = pty.openpty()
    take = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        " os.execvp(sys.argv[1], sys.argv[1:])"
    )
    inherited = {name: value for name, value in os.environ.items() if name not in ("TMUX", "STY")}
    process = subprocess.Popen(
        [sys.executable, "-c", take, *argv],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**inherited, "TERM": "xterm-256color", **environ},
    )
    os.close(slave)
    opened = Terminal(master, process)
    try:
        yield opened
    finally:
        deadline = time.monotonic() + WITHIN_S
        while process.poll() is None and time.monotonic() < deadline:
            opened.take(0.05)
        if process.poll() is None:
            process.kill()
        process.wait(WITHIN_S)
        os.close(master)
