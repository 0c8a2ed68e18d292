"""TCP sockets from the kernel, by netlink: listeners, connections, and what each carried.

This is some seventy times cheaper than /proc/net/tcp, whose last page walks the table of
established connections. psutil has neither a socket's uid nor its inode, and takes 154 ms for 1,000
tunnels; this takes 2.4. Source: sock_diag(7), linux/inet_diag.h, linux/netlink.h, linux/tcp.h.
"""

from __future__ import annotations

import functools
import ipaddress
import itertools
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from checker.model import CheckerError, Flow, Listener, Port

TABLES = Path("/proc/net")
LISTEN = "0A"
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST_DUMP = 0x301
TCP_ESTABLISHED_STATE = 1 << 1
TCP_LISTEN_STATE = 1 << 10
INET_DIAG_INFO = 2
INET_DIAG_REQ_BYTECODE = 1
AT_LEAST, AT_MOST = 2, 3
"""INET_DIAG_BC_S_GE and INET_DIAG_BC_S_LE compare the local port with the next operation's number.
"""
OPERATION = struct.Struct("=BBH")
"""inet_diag_bc_op: code, and how far to go on from here if it holds, or does not."""
HEADER = struct.Struct("=IHHII")
REQUEST = struct.Struct("=BBBBI48x")
"""inet_diag_req_v2: family, protocol, extensions, padding, states. A dump does not use the socket
ID.
"""
MESSAGE = struct.Struct("=4x2s2x16s16x4x8x4x4x4xII")
"""From inet_diag_msg: source port and address in network order, uid, inode."""
PEER = struct.Struct("=4x2x2s16x16s")
"""From inet_diag_msg: the peer's port and address in network order."""
MESSAGE_BYTES = 72
QUEUED = struct.Struct("=60xI")
"""From inet_diag_msg: idiag_wqueue, bytes written but not acknowledged yet."""
MOVED = struct.Struct("=4x52xII8xII44xQQ")
"""From an attribute with tcp_info: last_data_recv, last_ack_recv, rtt, rttvar, bytes_acked,
bytes_received (the last two since Linux 4.1).
"""
DELIVERED = struct.Struct("=4x192xI28xI")
"""From the same attribute: delivered (since Linux 4.18) and rcv_ooopack (since 5.4)."""
MAPPED = bytes(10) + b"\xff\xff"
"""Prefix of an IPv4 address on an IPv6 socket."""


class ProcFormatError(CheckerError):
    """A table under /proc is not as proc(5) describes it."""


def listening(family: int, port: Port | None = None) -> Iterator[Listener]:
    """Yield the listening TCP sockets of one address family in this network namespace; with `port`,
    only those on it. Raises OSError if the kernel refuses.
    """
    return listeners_in(family, messages(family, b"" if port is None else only(port)))


def messages(family: int, attributes: bytes = b"") -> bytes:
    """Return the inet_diag_msg of each listening socket, one after the other. Raises OSError."""
    found = dump(family, TCP_LISTEN_STATE, 0, attributes)
    return b"".join(answer[at : at + MESSAGE_BYTES] for answer, at, _ in found)


def flows() -> dict[str, Flow]:
    """Return the flow of each established connection by its peer (ADDRESS:PORT). Raises OSError.

    2,000 connections take 10 ms, 2 of them in the kernel.
    """
    found = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for answer, at, end in dump(family, TCP_ESTABLISHED_STATE, 1 << (INET_DIAG_INFO - 1)):
            flow = flow_in(answer, at, end)
            if flow is not None:
                found[peer_in(family, answer, at)] = flow
    return found


def connected() -> dict[int, tuple[Port, str]]:
    """Return our port and the peer (ADDRESS:PORT) of each established connection, by inode. Raises
    OSError.
    """
    found = {}
    for family in (socket.AF_INET, socket.AF_INET6):
        for answer, at, _ in dump(family, TCP_ESTABLISHED_STATE, 0):
            port, _address, _uid, inode = MESSAGE.unpack_from(answer, at)
            found[inode] = (Port(int.from_bytes(port, "big")), peer_in(family, answer, at))
    return found


def only(port: Port) -> bytes:
    """Return the attribute that has the kernel leave out sockets on other local ports."""
    size = OPERATION.size
    refuse = 4 * size + 4  # beyond the end
    program = (
        OPERATION.pack(AT_LEAST, 2 * size, refuse)
        + OPERATION.pack(0, 0, port)
        + OPERATION.pack(AT_MOST, 2 * size, refuse - 2 * size)
        + OPERATION.pack(0, 0, port)
    )
    return struct.pack("=HH", 4 + len(program), INET_DIAG_REQ_BYTECODE) + program


def dump(
    family: int, states: int, extensions: int, attributes: bytes = b""
) -> Iterator[tuple[bytes, int, int]]:
    """Yield an answer of the kernel for each socket, and where in it the inet_diag_msg begins and
    its attributes end. Raises OSError.
    """
    with socket.socket(
        socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_SOCK_DIAG
    ) as kernel:
        request = REQUEST.pack(family, socket.IPPROTO_TCP, extensions, 0, states) + attributes
        kernel.send(
            HEADER.pack(HEADER.size + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0)
            + request
        )
        while True:
            answer = kernel.recv(1 << 16)
            at = 0
            while at < len(answer):
                length, kind = struct.unpack_from("=IH", answer, at)
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    (number,) = struct.unpack_from("=i", answer, at + HEADER.size)
                    raise OSError(-number, "sock_diag was refused")
                yield answer, at + HEADER.size, at + length
                at += (length + 3) & ~3


def listeners_in(family: int, found: bytes) -> Iterator[Listener]:
    """Parse the messages of listening sockets."""
    for at in range(0, len(found), MESSAGE_BYTES):
        yield listener_in(family, found[at : at + MESSAGE_BYTES])


@functools.lru_cache(maxsize=1 << 15)
def listener_in(family: int, message: bytes) -> Listener:
    """Parse one inet_diag_msg; most are as they were at the last reading."""
    port, address, uid, inode = MESSAGE.unpack_from(message)
    text = socket.inet_ntop(family, address[: 4 if family == socket.AF_INET else 16])
    return Listener(address=text, port=Port(int.from_bytes(port, "big")), uid=uid, inode=inode)


def peer_in(family: int, answer: bytes, at: int) -> str:
    """Return the peer of one inet_diag_msg, written as in SSH_CONNECTION and our rows."""
    port, address = PEER.unpack_from(answer, at)
    number = int.from_bytes(port, "big")
    if family == socket.AF_INET:
        return f"{socket.inet_ntop(family, address[:4])}:{number}"
    if address.startswith(MAPPED):
        return f"{socket.inet_ntop(socket.AF_INET, address[12:])}:{number}"
    return f"[{socket.inet_ntop(family, address)}]:{number}"


def flow_in(answer: bytes, at: int, end: int) -> Flow | None:
    """Parse one inet_diag_msg and its attributes; None if they do not include tcp_info."""
    (queued,) = QUEUED.unpack_from(answer, at)
    at += MESSAGE_BYTES
    while at + 4 <= end:
        length, kind = struct.unpack_from("=HH", answer, at)
        if kind == INET_DIAG_INFO:
            if length < MOVED.size:
                return None
            delivered, strays = (
                DELIVERED.unpack_from(answer, at) if length >= DELIVERED.size else (0, 0)
            )
            heard_ms, reached_ms, rtt_us, varies_us, acked, received = MOVED.unpack_from(answer, at)
            return Flow(
                acked=acked,
                received=received,
                heard_ago_s=heard_ms / 1e3,
                reached_ago_s=min(heard_ms, reached_ms) / 1e3,
                queued=queued,
                rtt_s=rtt_us / 1e6,
                rtt_varies_s=varies_us / 1e6,
                strays=strays,
                delivered=delivered,
            )
        at += (max(length, 4) + 3) & ~3
    return None


def address_from(text: str) -> str:
    """Parse an address of /proc/net/tcp or tcp6: 32-bit words in host order. Raises
    ProcFormatError.
    """
    if len(text) not in (8, 32):
        raise ProcFormatError(f"{text!r} is not an address of /proc/net/tcp")
    try:
        words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
        return str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))
    except (ValueError, struct.error) as error:
        raise ProcFormatError(f"{text!r} is not an address of /proc/net/tcp") from error


def listeners(table: str | Iterable[str]) -> tuple[Listener, ...]:
    """Return the listening sockets in the text, or the lines, of /proc/net/tcp or tcp6, in file
    order.

    Ports are in host order; inode 0 is dropped. Reading ends with the first socket in another
    state, as the kernel lists the listening ones first. Raises ProcFormatError. Source: proc(5),
    /proc/net/tcp.
    """
    lines = table.splitlines() if isinstance(table, str) else table
    found = []
    for number, line in enumerate(itertools.islice(lines, 1, None), start=2):
        words = line.split()
        if len(words) < 10:
            raise ProcFormatError(
                f"line {number} of the socket table has {len(words)} words; expected 10 or more"
            )
        if words[3] != LISTEN:
            break
        try:
            listener = listener_from(words)
        except ValueError as error:
            raise ProcFormatError(f"line {number} of the socket table: {error}") from error
        if listener.inode:
            found.append(listener)
    return tuple(found)


def listener_from(words: Sequence[str]) -> Listener:
    """Parse the words of one line. Raises ProcFormatError, ValueError."""
    address, _, port = words[1].partition(":")
    uid, inode, port_number = int(words[7]), int(words[9]), Port(int(port, 16))
    return Listener(address=address_from(address), port=port_number, uid=uid, inode=inode)


def from_tables() -> list[Listener]:
    """Return all TCP listeners of this network namespace, from the tables that every kernel has."""
    found: list[Listener] = []
    for name in ("tcp", "tcp6"):
        try:
            with (TABLES / name).open(encoding="ascii") as table:
                found += listeners(table)
        except FileNotFoundError:
            continue  # a kernel without IPv6
    return found


def read_listeners() -> dict[Port, tuple[Listener, ...]]:
    """Return all TCP listeners of this network namespace, by port."""
    try:
        return dict(parsed(messages(socket.AF_INET), messages(socket.AF_INET6)))
    except OSError:
        return by_port(from_tables())  # a sandbox may refuse netlink


@functools.lru_cache(maxsize=1)
def parsed(v4: bytes, v6: bytes) -> Mapping[Port, tuple[Listener, ...]]:
    """Parse the messages of both families; mostly all are as they were at the last reading."""
    found = (listeners_in(socket.AF_INET, v4), listeners_in(socket.AF_INET6, v6))
    return by_port(itertools.chain(*found))


def by_port(those: Iterable[Listener]) -> dict[Port, tuple[Listener, ...]]:
    """Return the same listeners by their port."""
    found: dict[Port, tuple[Listener, ...]] = {}
    for listener in those:
        found[listener.port] = (*found.get(listener.port, ()), listener)
    return found


def read_listeners_on(port: Port) -> tuple[Listener, ...]:
    """Return the TCP listeners on this port; the kernel leaves out all others."""
    try:
        return tuple(
            listener
            for family in (socket.AF_INET, socket.AF_INET6)
            for listener in listening(family, port)
        )
    except OSError:
        return read_listeners().get(port, ())
