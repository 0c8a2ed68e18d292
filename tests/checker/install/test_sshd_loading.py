"""sshd reads its files again; nobody may remove one of them meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from checker.install import sshd_loading
from checker.install.sshd_loading import reload_sshd, sockets_listened_on
from tests.programs import require
from tests.system.ports import free_port
from tests.system.processes import end_one
from tests.system.waiting import until

CONFIG = """
Include {folder}/drop-ins/*.conf
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
PidFile none
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """One that stops at its first drop-in, a FIFO, until somebody writes to it."""

    process: subprocess.Popen[bytes]
    fifo: Path
    second: Path
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def reads(self) -> None:
        """Let it read on."""
        with self.fifo.open("w") as fifo:
            fifo.write("UseDNS no\n")

    def stops_listening(self) -> None:
        until(lambda: not sockets_listened_on(self.pid), "sshd is reading its files")

    def listens(self) -> None:
        until(lambda: sockets_listened_on(self.pid), "sshd listens")


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    require("sshd", "ssh-keygen")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (tmp_path / "drop-ins").mkdir()
    first, second = tmp_path / "drop-ins/a.conf", tmp_path / "drop-ins/b.conf"
    os.mkfifo(first)
    second.write_text("LogLevel INFO\n")
    key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "host")]
    subprocess.run(key, check=True)
    config, log = tmp_path / "config", tmp_path / "log"
    config.write_text(CONFIG.format(folder=tmp_path, port=free_port()))
    monkeypatch.setattr(sshd_loading, "main_pid", int)
    words = [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    started = Sshd(process=process, fifo=first, second=second, log=log)
    try:
        started.reads()
        started.listens()
        yield started
    finally:
        end_one(process)


def test_it_waits_until_sshd_has_read_its_files(sshd: Sshd) -> None:
    ended: list[str] = []
    words = ("kill", "-HUP", str(sshd.pid))
    loading = threading.Thread(target=lambda: ended.append(reload_sshd(words)), daemon=True)

    loading.start()
    sshd.stops_listening()
    assert ended == []
    sshd.reads()
    loading.join()
    sshd.second.unlink()

    assert ended == [""]
    sshd.listens()


def test_sshd_ends_if_a_file_goes_meanwhile(sshd: Sshd) -> None:
    """What the wait is for: sshd lists its drop-ins first, and opens each of them later."""
    subprocess.run(["kill", "-HUP", str(sshd.pid)], check=True)

    with sshd.fifo.open("w"):  # sshd has opened it, too: so it has listed both
        sshd.second.unlink()

    until(lambda: f"{sshd.second}: No such file" in sshd.log.read_text(), "sshd says why it ends")


def test_it_does_not_wait_for_an_sshd_that_has_ended(sshd: Sshd) -> None:
    ends = threading.Thread(target=sshd.process.wait)
    ends.start()

    assert reload_sshd(("kill", "-9", str(sshd.pid))) == ""
    ends.join()


def test_what_the_command_complains_about_is_returned() -> None:
    assert "nonsense" in reload_sshd(("kill", "-HUP", "nonsense"))
    assert reload_sshd(()) == ""
