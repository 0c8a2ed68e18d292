"""The daemon's socket: at a path of any length, open to all, with the peer's credentials."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import closing
from pathlib import Path

import pytest

from checker.linux.unix_socket import connect, credentials, listen, reachable


@pytest.mark.parametrize("depth", [1, 12], ids=["short path", "path of more than 107 bytes"])
def test_a_peer_is_known_by_its_credentials(tmp_path: Path, depth: int) -> None:
    path = tmp_path.joinpath(*["twelve-bytes"] * depth, "socket")
    path.parent.mkdir(parents=True)
    path.write_text("left by an earlier daemon")

    with closing(listen(path)) as listener, socket.socket(socket.AF_UNIX) as caller:
        connect(caller, path, 5.0)
        with closing(listener.accept()[0]) as peer:
            assert credentials(peer) == (os.getpid(), os.geteuid(), os.getegid())
            peer.sendall(b"answer")
            assert caller.recv(100) == b"answer"
        assert caller.gettimeout() == 5.0

    assert stat.S_IMODE(path.stat().st_mode) == 0o666


def test_a_socket_in_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), reachable(tmp_path / "none" / "socket"):
        pass


def test_nobody_listens_on_a_socket_that_is_left(tmp_path: Path) -> None:
    listen(tmp_path / "socket").close()

    with socket.socket(socket.AF_UNIX) as caller, pytest.raises(ConnectionRefusedError):
        connect(caller, tmp_path / "socket", 1.0)
