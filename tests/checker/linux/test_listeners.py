"""Listening sockets: in the text of the kernel's tables, and as they are on this machine.

Tests checker.linux.sockets; connections are in test_sockets.py.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.linux.processes import sockets_of
from checker.linux.sockets import (
    ProcFormatError,
    address_from,
    from_tables,
    listeners,
    listening,
    read_listeners,
    read_listeners_on,
)
from checker.model import Listener, Port

HEADER = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout"
    " inode"
)
TAIL = "00000000:00000000 00:00000000 00000000"
little_endian = pytest.mark.skipif(
    sys.byteorder != "little", reason="the samples are of a little-endian machine"
)


def row(number: int, local: str, state: str = "0A", uid: int = 1000, inode: int = 4711) -> str:
    return (
        f"{number:4}: {local} 00000000:0000 {state} {TAIL} {uid:5}        0 {inode} 1"
        " 0000000000000000 100 0 0 10 0"
    )


@little_endian
def test_listeners_of_a_table_come_in_file_order_until_the_first_other_socket() -> None:
    table = "\n".join(
        [
            HEADER,
            row(0, "0100007F:4E2A", inode=1),
            row(1, "00000000:0016", uid=0, inode=2),
            row(2, "0100007F:4E2B", inode=0),
            row(3, "0100007F:4E2A", state="01", inode=3),
            row(4, "0100007F:4E2C", inode=4),
        ]
    )

    assert listeners(table) == (
        Listener(address="127.0.0.1", port=Port(20010), uid=1000, inode=1),
        Listener(address="0.0.0.0", port=Port(22), uid=0, inode=2),
    )


@little_endian
@pytest.mark.parametrize(
    ("text", "address"),
    [
        pytest.param("0100007F", "127.0.0.1", id="IPv4 loopback"),
        pytest.param("0101A8C0", "192.168.1.1", id="IPv4"),
        pytest.param("00000000000000000000000001000000", "::1", id="IPv6 loopback"),
        pytest.param("B80D0120000000000000000001000000", "2001:db8::1", id="IPv6"),
        pytest.param("0" * 32, "::", id="IPv6 any"),
    ],
)
def test_addresses_are_parsed_as_words_in_host_order(text: str, address: str) -> None:
    assert address_from(text) == address


@pytest.mark.parametrize(
    "text", ["", "0100", "0100007G", "-100007F", "0100007F01", "0" * 24, "0" * 40]
)
def test_an_invalid_address_is_a_format_error(text: str) -> None:
    with pytest.raises(ProcFormatError, match="is not an address of /proc/net/tcp"):
        address_from(text)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("", "line 2 of the socket table has 0 words", id="blank"),
        pytest.param("   0: 0100007F:4E2A 0:0 0A", "has 4 words; expected 10 or more", id="cut"),
        pytest.param(
            row(0, "0100007F:"), "line 2 of the socket table: invalid literal", id="no port"
        ),
        pytest.param(
            row(0, "0100007F:4E2A").replace("4711", "x"),
            "line 2 of the socket table: invalid literal",
            id="inode",
        ),
        pytest.param(row(0, "01007F:4E2A"), "not an address", id="address"),
    ],
)
def test_a_malformed_table_line_is_a_format_error(line: str, says: str) -> None:
    with pytest.raises(ProcFormatError, match=says):
        listeners(f"{HEADER}\n{line}\n")


@given(
    st.text(max_size=200)
    | st.lists(st.text(alphabet="0123456789ABCDEF: ", max_size=100), max_size=4).map("\n".join)
)
def test_any_table_has_listeners_or_a_format_error(text: str) -> None:
    try:
        listeners(f"{HEADER}\n{text}")
    except ProcFormatError:
        return


def test_an_empty_table_has_no_listeners() -> None:
    assert listeners("") == listeners(HEADER) == ()


@pytest.mark.parametrize("name", ["tcp", "tcp6"])
def test_this_machines_own_tables_are_read(name: str) -> None:
    path = Path("/proc/net") / name
    if not path.exists():
        pytest.skip(f"missing: {path}, as this kernel has no IPv6")

    assert isinstance(listeners(path.read_text()), tuple)


@pytest.fixture
def bound() -> Iterator[dict[str, socket.socket]]:
    """A listening socket for each family that this machine has."""
    with ExitStack() as stack:
        found = {}
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            try:
                listener = stack.enter_context(closing(socket.socket(family, socket.SOCK_STREAM)))
                listener.bind((address, 0))
            except OSError:
                continue
            listener.listen()
            found[address] = listener
        yield found


def test_a_socket_that_listens_is_found_with_its_uid_and_inode(
    bound: dict[str, socket.socket],
) -> None:
    by_port = read_listeners()

    for address, listener in bound.items():
        inode = os.fstat(listener.fileno()).st_ino
        expected = Listener(
            address=address, port=Port(listener.getsockname()[1]), uid=os.geteuid(), inode=inode
        )
        assert expected in by_port[expected.port]
        assert inode in (sockets_of(os.getpid()) or ())


def test_netlink_and_the_tables_have_the_same_listeners() -> None:
    with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
        four.bind(("127.0.0.1", 0))
        six.bind(("::1", 0))
        own = {four.getsockname()[1], six.getsockname()[1]}
        for one in (four, six):
            one.listen()

        by_netlink = {
            one
            for family in (socket.AF_INET, socket.AF_INET6)
            for one in listening(family)
            if one.port in own
        }
        by_tables = {one for one in from_tables() if one.port in own}

    assert by_netlink == by_tables
    assert {one.address for one in by_netlink} == {"127.0.0.1", "::1"}


def test_the_kernel_leaves_out_the_listeners_of_other_ports(
    bound: dict[str, socket.socket],
) -> None:
    for listener in bound.values():
        port = Port(listener.getsockname()[1])
        for family in (socket.AF_INET, socket.AF_INET6):
            expected = [one for one in listening(family) if one.port == port]

            assert list(listening(family, port)) == expected
        assert os.fstat(listener.fileno()).st_ino in {one.inode for one in read_listeners_on(port)}


def test_each_reading_has_what_listens_then_whatever_was_done_with_the_last_one() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as first:
        port = first.getsockname()[1]
        found = read_listeners()
        own = found.pop(port)
        again = read_listeners()
        with closing(socket.create_server(("127.0.0.1", 0))) as second:
            other = second.getsockname()[1]
            both = read_listeners()
    after = read_listeners()

    assert again[port] == own
    assert both[port] == own
    assert other in both
    assert {port, other}.isdisjoint(after)


def test_the_tables_are_read_where_netlink_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_family: int, _port: Port | None = None) -> Iterator[Listener]:
        raise PermissionError(1, "refused")

    monkeypatch.setattr("checker.linux.sockets.listening", refused)
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()

        port = Port(own.getsockname()[1])
        found = read_listeners()[port]
        alone = read_listeners_on(port)

    assert [one.address for one in found] == ["127.0.0.1"]
    assert alone == found
