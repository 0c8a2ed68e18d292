"""A namespace where a test replaces files of the machine (/etc/hosts), with its own loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.waiting import until


class Room:
    """A mount and a network namespace; they live as long as a process that sleeps in them."""

    def __init__(self) -> None:
        self.sleeper = subprocess.Popen(
            ["unshare", "--net", "--mount", "sleep", "3600"], stdin=subprocess.DEVNULL
        )
        space = f"/proc/{self.sleeper.pid}"
        self.inside = (
            "nsenter",
            f"--net={space}/ns/net",
            f"--mount={space}/ns/mnt",
            f"--wd={Path.cwd()}",
            "--",
        )
        """The command prefix that enters the room."""

    def build(self) -> None:
        # then unshare has made its mounts private, too
        name = Path(f"/proc/{self.sleeper.pid}/comm")
        until(lambda: name.read_text(encoding="ascii") == "sleep\n", "the namespaces")
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *words: str | Path) -> None:
        subprocess.run([*self.inside, *words], check=True)

    def replace(self, path: str, by: Path) -> None:
        """Replace this file or directory, only in the room."""
        self.run("mount", "--bind", by, path)

    def close(self) -> None:
        self.sleeper.kill()
        self.sleeper.wait()


@contextmanager
def room() -> Iterator[Room]:
    found = Room()
    try:
        found.build()
        yield found
    finally:
        found.close()
