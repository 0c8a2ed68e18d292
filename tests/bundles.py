"""Devices for bundles: a root directory, a PATH with only the chosen programs, and a shell."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import pytest

from tests.programs import require, run_program
from tests.system.accounts import Account, me
from tests.system.waiting import until

SHELLS = {
    "dash": ("dash",),
    "ash": ("busybox", "ash"),
    "bash": ("bash", "--posix"),
    "mksh": ("mksh",),
    "yash": ("yash",),
}
EACH_SHELL = [pytest.param(words, id=name) for name, words in SHELLS.items()]


def applets(folder: Path) -> Path:
    """Make a directory with busybox's applets and nothing else."""
    require("busybox")
    folder.mkdir()
    busybox = shutil.which("busybox") or "busybox"
    for name in subprocess.run(
        [busybox, "--list"], capture_output=True, text=True, check=True
    ).stdout.split():
        if name != "sh":
            (folder / name).symlink_to(busybox)
    return folder


def is_over(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Box:
    """One device. All of its processes have its directory in their environment, to find them."""

    def __init__(
        self,
        folder: Path,
        shell: Sequence[str],
        *,
        path: Sequence[Path | str],
        account: Account | None = None,
    ) -> None:
        require(shell[0])
        self.account = account or me()
        folder.mkdir()
        self.root = folder / "a root"
        self.root.mkdir()
        self.folder = folder
        self.shell = [shutil.which(shell[0]) or shell[0], *shell[1:]]
        self.user_home = folder / "a home"
        self.user_home.mkdir()
        self.environment = {
            "PATH": os.pathsep.join(map(str, path)),
            "BOX": str(folder),
            "HOME": str(self.user_home),
        }
        self.started: list[subprocess.Popen[bytes]] = []

    @property
    def is_root(self) -> bool:
        return self.account.uid == 0

    @property
    def installed(self) -> Path:
        """The directory of the installed files."""
        return self.root / "etc/reversi" if self.is_root else self.user_home / ".reversi"

    def live(self, node: str = "office") -> Path:
        """The directory of the files that a running bundle needs."""
        return self.root / (
            f"var/run/reversi-{node}"
            if self.is_root
            else f"dev/shm/reversi-{self.account.uid}-{node}"
        )

    def write(self, text: str, name: str = "office bundle.sh") -> Path:
        """Write a bundle, as scp does."""
        path = self.folder / name
        path.write_text(text, encoding="ascii")
        path.chmod(0o600)
        self.hand_over()
        return path

    def hand_over(self) -> None:
        """Give the device's files to the user who runs the bundle."""
        if not self.account.is_me:
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def sh(
        self, bundle: Path, *words: str, within_s: float = 120.0, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one verb of a bundle, and wait for it."""
        return run_program(
            [*self.shell, str(bundle), *words],
            env={**self.environment, **extra},
            cwd=self.folder,
            timeout=within_s,
            **self.account.spawn_options(),
        )

    def start(
        self, bundle: Path, *, without: Sequence[str] = (), inside: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """Start `run` in the background."""
        environment: Mapping[str, str] = {
            name: value for name, value in self.environment.items() if name not in without
        }
        words = [*inside, *self.shell, str(bundle), "run"]
        with (self.folder / "log").open("ab") as log:
            self.started.append(
                subprocess.Popen(
                    words,
                    env=environment,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )
        return self.started[-1]

    def log(self) -> str:
        return (
            (self.folder / "log").read_text(encoding="utf-8", errors="replace")
            if (self.folder / "log").exists()
            else ""
        )

    def state(self, node: str = "office") -> dict[str, str]:
        """Return the state file of the running bundle."""
        try:
            lines = (self.live(node) / "state").read_text(encoding="utf-8").splitlines()
        except OSError:
            return {}
        return {word: rest for word, _, rest in (line.partition(" ") for line in lines)}

    def await_state(self, state: str, node: str = "office", *, saying: str = "") -> dict[str, str]:
        """Wait until the state file has this state, with an error that says so; return its
        content. A machine that stood still may lead to other errors before.
        """

        def fact() -> dict[str, str] | None:
            found = self.state(node)
            is_so = found.get("state") == state and saying in found.get("error", "")
            return found if is_so else None

        try:
            return until(fact, f"state {state}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.state(node)}\n{self.log()}") from None

    def processes(self) -> list[psutil.Process]:
        """Return all processes of this device."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("BOX") == str(self.folder) and not is_over(process):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found

    def command_lines(self) -> list[list[str]]:
        """Return their command lines, without those that end meanwhile."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                found.append(process.cmdline())
        return found

    def naps(self) -> list[int]:
        """Return the seconds of each sleep that runs now."""
        return [int(words[-1]) for words in self.command_lines() if "sleep" in words]

    def client(self, name: str) -> psutil.Process:
        """Wait for the client that carries the tunnel, and return it."""

        def fact() -> psutil.Process | None:
            for process in self.processes():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if process.name() == name and "hold" in " ".join(process.cmdline()):
                        return process
            return None

        return until(fact, f"{name} runs")

    def stop(self) -> int:
        """End the last `run` as a service manager does; return its exit status.

        Fail if a process or a FIFO is left.
        """
        process = self.started[-1]
        process.terminate()
        status = process.wait(150)
        self.await_nothing_left()
        return status

    def await_nothing_left(self) -> None:
        """Wait until no process is left; fail if a FIFO is."""
        until(lambda: not self.processes(), "all processes have ended")
        assert not [path for path in self.folder.rglob("*") if path.is_fifo()]

    def lose_power(self) -> None:
        """Kill all processes of this device, also those that begin meanwhile; wait until none is
        left.
        """

        def is_off() -> bool:
            found = self.processes()
            for process in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            return not found

        until(is_off, "the power is off")

    def close(self) -> None:
        self.lose_power()
        for started in self.started:
            started.wait()
