"""hold.sh, the beat loop of `hold`, under each shell of a gateway."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from checker.tunnels.beat_loops import MOVE
from checker.tunnels.sent_away import DRAINS
from tests.programs import require

pytestmark = pytest.mark.shell
HOLD = Path(__file__).parents[3] / "checker" / "hold.sh"
SHELLS = [
    pytest.param(("dash",), id="dash"),
    pytest.param(("busybox", "sh"), id="busybox"),
    pytest.param(("bash", "--posix"), id="bash"),
    pytest.param(("mksh",), id="mksh"),
]
WITHIN_S = 150.0


def uptime_s() -> int:
    return int(Path("/proc/uptime").read_text().split(".")[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The files of one connection's beat loop."""

    verdicts: Path
    beat: Path
    asked: Path
    """A line for each run of the real check's stand-in."""

    def sweep(self, text: str) -> None:
        (self.verdicts / "_sweep").write_text(text)

    def verdict(self, text: str) -> None:
        (self.verdicts / "office").write_text(text)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """The files after a sweep just now, with a verdict of 7."""
    made = Home(
        verdicts=tmp_path / "ver dicts", beat=tmp_path / "beat.1.2", asked=tmp_path / "asked"
    )
    made.verdicts.mkdir()
    made.sweep(f"{uptime_s()} 600\n")
    made.verdict("7\n")
    return made


@contextmanager
def holding(
    shell: tuple[str, ...], home: Home, answer: str = "42", since: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a beat loop whose real check gives this answer."""
    require(shell[0])
    check = (
        f'printf "%s\\n" "$SSH_ORIGINAL_COMMAND" >>{shlex.quote(str(home.asked))}; printf "%s\\n"'
        f" {shlex.quote(answer)}"
    )
    command = [
        *shell,
        str(HOLD),
        str(home.verdicts),
        "office",
        str(home.beat),
        str(since),
        "/bin/sh",
        "-c",
        check,
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as loop:
        try:
            yield loop
        finally:
            loop.kill()


def beat(loop: subprocess.Popen[bytes], line: bytes = b"\n") -> bytes:
    assert loop.stdin is not None
    assert loop.stdout is not None
    loop.stdin.write(line)
    loop.stdin.flush()
    return loop.stdout.readline()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, "timed out"
        time.sleep(0.01)


def signal_when_it_waits(loop: subprocess.Popen[bytes], number: int) -> None:
    """Signal the loop once it waits for a line. A signal that comes just before is noticed only at
    the next line.
    """
    wait_until(lambda: psutil.Process(loop.pid).status() == psutil.STATUS_SLEEPING)
    loop.send_signal(number)


def processes_of_session(leader: int) -> list[int]:
    """Return the PIDs of the loop's session (setsid), without zombies."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def names_of(processes: list[int]) -> list[str]:
    """Return the names of the programs that the processes run; an ended one is left out."""
    found = []
    for pid in processes:
        with suppress(OSError):
            found.append(Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip())
    return found


def test_shellcheck_accepts_the_script() -> None:
    require("shellcheck")

    subprocess.run(["shellcheck", "--shell=sh", str(HOLD)], check=True, timeout=200)


@pytest.mark.parametrize("shell", SHELLS)
def test_each_beat_is_answered_with_the_verdict_of_the_last_sweep(
    shell: tuple[str, ...], home: Home
) -> None:
    with holding(shell, home) as loop:
        first = beat(loop)
        home.verdict("0\n")
        second = beat(loop, b"a line with \\ and ' in it\n")

    assert (first, second) == (b"7\n", b"0\n")
    assert not home.asked.exists()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "sweep",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("0 0\n", id="old"),
        pytest.param("soon 60\n", id="not a number"),
        pytest.param("7\n", id="no limit"),
        pytest.param("7 60 9\n", id="one more"),
        pytest.param("-5 60\n", id="negative"),
        pytest.param("7 $(id)\n", id="a command"),
        pytest.param("08 60\n", id="not octal"),
        pytest.param("7 99999999999999999999\n", id="too long"),
        pytest.param("9999999999 60\n", id="before a reboot, with a longer uptime"),
    ],
)
def test_without_a_fresh_sweep_a_real_check_runs(
    shell: tuple[str, ...], home: Home, sweep: str | None
) -> None:
    (home.verdicts / "_sweep").unlink()
    if sweep is not None:
        home.sweep(sweep)

    with holding(shell, home) as loop:
        answers = [beat(loop), beat(loop)]

    assert answers == [b"42\n", b"42\n"]
    assert home.asked.read_text() == "beat\nbeat\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_sweep_before_the_connection_does_not_count(shell: tuple[str, ...], home: Home) -> None:
    began = uptime_s()
    home.sweep(f"{began} 60\n")

    with holding(shell, home, since=began) as loop:
        before = beat(loop)
        wait_until(lambda: uptime_s() > began)
        home.sweep(f"{began + 1} 60\n")
        after = beat(loop)

    assert (before, after) == (b"42\n", b"7\n")


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("verdict", [None, "", "up\n", "-1\n", "1.5\n", "1 2\n"])
def test_a_verdict_that_is_not_a_number_runs_a_real_check(
    shell: tuple[str, ...], home: Home, verdict: str | None
) -> None:
    (home.verdicts / "office").unlink()
    if verdict is not None:
        home.verdict(verdict)

    with holding(shell, home) as loop:
        answer = beat(loop)

    assert answer == b"42\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("said", ["", "error", "-1", "1 2"])
def test_a_real_check_without_a_number_is_answered_with_0(
    shell: tuple[str, ...], home: Home, said: str
) -> None:
    (home.verdicts / "_sweep").unlink()

    with holding(shell, home, answer=said) as loop:
        answer = beat(loop)

    assert answer == b"0\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_each_beat_touches_the_beat_file_and_the_end_removes_it(
    shell: tuple[str, ...], home: Home
) -> None:
    with holding(shell, home) as loop:
        beat(loop)
        first = home.beat.stat()
        os.utime(home.beat, (1, 1))
        beat(loop)
        second = home.beat.stat()
        assert loop.stdin is not None
        loop.stdin.close()
        status = loop.wait(WITHIN_S)

    assert first.st_mode & 0o077 == 0
    assert second.st_mtime > 1
    assert status == 0
    assert not home.beat.exists()
    assert processes_of_session(loop.pid) == []


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_nothing(
    shell: tuple[str, ...], home: Home, number: signal.Signals
) -> None:
    with holding(shell, home) as loop:
        beat(loop)
        signal_when_it_waits(loop, number)
        loop.wait(WITHIN_S)
        wait_until(lambda: processes_of_session(loop.pid) == [])

    assert not home.beat.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_gateway_that_drains_ends_it_with_exit_status_75_and_says_why(
    shell: tuple[str, ...], home: Home
) -> None:
    with holding(shell, home) as loop:
        beat(loop)
        signal_when_it_waits(loop, MOVE)
        printed, said = loop.communicate(timeout=WITHIN_S)

    assert (loop.returncode, printed) == (75, b"")
    assert said.decode() == f"reversi: {DRAINS}\n"
    assert not home.beat.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_client_that_stops_reading_ends_it(shell: tuple[str, ...], home: Home) -> None:
    with holding(shell, home) as loop:
        beat(loop)
        assert loop.stdin is not None
        assert loop.stdout is not None
        loop.stdout.close()
        loop.stdin.write(b"\n\n")
        loop.stdin.flush()
        loop.wait(WITHIN_S)

    assert not home.beat.exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_a_hanging_check_ends_with_its_session(shell: tuple[str, ...], home: Home) -> None:
    (home.verdicts / "_sweep").unlink()
    require(shell[0])
    command = [*shell, str(HOLD), str(home.verdicts), "office", str(home.beat), "0", "sleep", "60"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as loop:
        assert loop.stdin is not None
        loop.stdin.write(b"\n")
        loop.stdin.flush()
        # before exec the shell's child may take the signal and forget it
        wait_until(lambda: "sleep" in names_of(processes_of_session(loop.pid)))

        os.killpg(loop.pid, signal.SIGHUP)

        loop.wait(WITHIN_S)
        wait_until(lambda: processes_of_session(loop.pid) == [])
    assert not home.beat.exists()
