"""A program in a real terminal: tmux, with a server of its own that ends with the block."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from tests.programs import require

WITHIN_S = 150.0
LEFT = "left the console with status"
SWITCHES = {
    "alternate_on": "0",
    "cursor_flag": "1",
    "mouse_any_flag": "0",
    "keypad_cursor_flag": "0",
    "wrap_flag": "1",
}
"""What tmux says about a terminal that nobody has changed."""


def console_words(home: Path, *args: str) -> list[str]:
    """The console, sorted by node unless a view or another order is asked for."""
    order = () if "--view" in args else ("--sort", "node")
    words = ("-m", "reversi_tui", "--home", str(home), "--no-remember", *order, *args)
    return [sys.executable, *words]


class Tmux:
    """One pane, its keys and its screen."""

    def __init__(
        self, folder: Path, words: Sequence[str], size: tuple[int, int], environ: Mapping[str, str]
    ) -> None:
        self.socket = folder / "tmux"
        self.environ = {
            **os.environ,
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
            **environ,
        }
        for name in ("TMUX", "TMUX_PANE", "SSH_CONNECTION", "NO_COLOR"):
            if name not in environ:
                self.environ.pop(name, None)
        inside = f"{shlex.join(words)}; echo {LEFT} $?; exec cat"
        place = ["-x", str(size[0]), "-y", str(size[1])]
        settings = [
            "set",
            "-g",
            "default-terminal",
            environ.get("TERM", "tmux-256color"),
            ";",
            "set",
            "-s",
            "escape-time",
            "10",
            ";",
        ]
        self.tell("-f", "/dev/null", *settings, "new-session", "-d", *place, "sh", "-c", inside)
        self.server = int(self.tell("display", "-p", "#{pid}"))

    def tell(self, *words: str) -> str:
        """Run a tmux command, and return what it prints."""
        done = subprocess.run(
            ["tmux", "-u", "-S", str(self.socket), *words],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def press(self, *keys: str) -> None:
        """Keys by tmux's names, one after the other."""
        self.tell("send-keys", *keys)

    def type(self, text: str) -> None:
        self.tell("send-keys", "-l", text)

    def lines(self) -> list[str]:
        return self.tell("capture-pane", "-p").splitlines()

    def text(self) -> str:
        return "\n".join(self.lines())

    def resize(self, columns: int, rows: int) -> None:
        self.tell("resize-window", "-x", str(columns), "-y", str(rows))

    def until(self, claim: Callable[[list[str]], object], what: str) -> list[str]:
        """The screen, once the claim is true of it."""
        deadline = time.monotonic() + WITHIN_S
        while not claim(lines := self.lines()):
            in_time = time.monotonic() < deadline and not any(
                line.startswith(LEFT) for line in lines
            )
            assert in_time, f"not within {WITHIN_S:g} s: {what}; the screen shows:\n" + "\n".join(
                lines
            )
            time.sleep(0.05)
        return lines

    def shows(self, *words: str) -> list[str]:
        """Wait until all the words are there, wherever the edge breaks them."""

        def claim(lines: list[str]) -> bool:
            flat = " ".join(" ".join(lines).split())
            return all(each in flat for each in words)

        return self.until(claim, f"{words} on the screen")

    def switches(self) -> dict[str, str]:
        """How the terminal stands."""
        told = self.tell("display", "-p", " ".join(f"#{{{name}}}" for name in SWITCHES)).split()
        return dict(zip(SWITCHES, told, strict=True))

    def close(self) -> None:
        with contextlib.suppress(AssertionError):
            self.tell("kill-server")
        deadline = time.monotonic() + WITHIN_S
        while is_running(self.server):
            assert time.monotonic() < deadline, "tmux goes on"
            time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether it is there; one that is over and not yet collected is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.contextmanager
def tmux(
    folder: Path,
    words: Sequence[str],
    *,
    size: tuple[int, int] = (80, 24),
    environ: Mapping[str, str] | None = None,
) -> Iterator[Tmux]:
    """The program in a tmux of its own; what follows it in the pane tells its exit status."""
    require("tmux")
    pane = Tmux(folder, words, size, environ or {})
    try:
        yield pane
    finally:
        pane.close()
