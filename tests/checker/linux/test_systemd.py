"""What systemd is told."""

from __future__ import annotations

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest

from checker.linux.systemd import notify


def test_systemd_hears_what_it_is_told_and_silence_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ears:
        ears.bind(str(tmp_path / "s"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "s"))
        notify("READY=1", "STATUS=x")
        assert ears.recv(100) == b"READY=1\nSTATUS=x"
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as ears:
        name = f"reversi-test-{os.getpid()}"
        ears.bind(f"\0{name}")
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("STOPPING=1")
        assert ears.recv(100) == b"STOPPING=1"
