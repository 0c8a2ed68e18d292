"""Unix sockets: addresses that are too long for one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from checker.linux.unix_socket import listen


def test_a_socket_may_lie_deeper_than_its_address_has_room_for(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / "y"
    deep.mkdir(parents=True)

    with closing(listen(deep / "checker.sock")):
        assert (deep / "checker.sock").is_socket()
