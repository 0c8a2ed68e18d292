"""The daemon's socket: at a path of any length, open to all, with the peer's credentials."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from checker.linux.unix_socket import credentials, listen, reachable


@pytest.mark.parametrize("depth", [1, 12], ids=["short path", "path of more than 107 bytes"])
async def test_a_peer_is_known_by_its_credentials(tmp_path: Path, depth: int) -> None:
    path = tmp_path.joinpath(*["twelve-bytes"] * depth, "socket")
    path.parent.mkdir(parents=True)
    path.write_text("left by an earlier daemon")
    met: asyncio.Future[tuple[int, int, int]] = asyncio.get_running_loop().create_future()

    async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.set_result(credentials(writer))
        writer.close()

    server = await asyncio.start_unix_server(meet, sock=listen(path))
    async with server:
        with reachable(path) as address:
            _, writer = await asyncio.open_unix_connection(address)
        found = await met
        writer.close()

    assert found == (os.getpid(), os.geteuid(), os.getegid())
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


def test_a_socket_in_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), reachable(tmp_path / "none" / "socket"):
        pass
