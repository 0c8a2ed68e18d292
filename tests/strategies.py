"""Hypothesis strategies for the model's values, and fixed values that many tests start from."""

from __future__ import annotations

import base64
import struct

from hypothesis import strategies as st

from checker.model import (
    VERBS,
    Event,
    EventKind,
    Expect,
    ExpectKind,
    Flaps,
    Forward,
    Node,
    NodeName,
    Port,
    ProcessId,
    Registration,
    Status,
    Target,
    Tunnel,
    parts_of_key,
)
from checker.state.rows import Sweep
from tests.system.ports import free_port as unclaimed_port

OFFICE = NodeName("office")
PORT = Port(20010)
FORWARD = Forward(
    node=OFFICE,
    port=PORT,
    target=Target(host="127.0.0.1", port=Port(22)),
    expect=Expect(kind=ExpectKind.BANNER, text="SSH-2.0"),
)
SESSION = ProcessId(pid=4242, start_ticks=99)
NOW = 1_700_000_000.0


GIVEN: set[Port] = set()
"""The ports that `free_port` gave."""


def free_port() -> Port:
    """A port that nobody listens on, so that a real action meets no tunnel; never one twice."""
    while True:
        port = Port(unclaimed_port())
        if port not in GIVEN:
            GIVEN.add(port)
            return port


def public_key(number: int = 1) -> str:
    """A well-formed ed25519 key that differs for each number."""
    kind = b"ssh-ed25519"
    body = struct.pack(">I", number) * 8
    blob = struct.pack(">I", len(kind)) + kind + struct.pack(">I", len(body)) + body
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def rsa_key(bits: int) -> str:
    """An RSA public key whose modulus has this many bits; its private key does not exist."""
    parts = (b"ssh-rsa", b"\1\0\1", b"\0" + (1 << bits - 1).to_bytes(bits // 8, "big"))
    blob = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return f"ssh-rsa {base64.b64encode(blob).decode()}"


def key_of(*parts: bytes) -> str:
    """A public key of these fields; the first is its type."""
    blob = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    return f"{parts[0].decode()} {base64.b64encode(blob).decode()}"


def padded(rsa: str, zeros: int = 1) -> str:
    """The same RSA key with needless zeros before its exponent: OpenSSH skips them."""
    kind, exponent, modulus = parts_of_key(base64.b64decode(rsa.split()[1])) or []
    return key_of(kind, bytes(zeros) + exponent, modulus)


def node(name: str = "office", number: int = 1, ports: tuple[int, ...] = (20010,)) -> Node:
    """A node with its own key, and a forward for each port."""
    target = Target(host="127.0.0.1", port=Port(22))
    forwards = tuple(Forward(node=NodeName(name), port=Port(port), target=target) for port in ports)
    return Node(
        name=NodeName(name),
        public_key=public_key(number),
        forwards=forwards,
        added_at=1_700_000_000,
    )


names = (
    st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True)
    .filter(lambda name: name not in VERBS)
    .map(NodeName)
)
ports = st.integers(1, 65535).map(Port)
texts = st.text(max_size=40)
instants = st.floats(0, 4e9)
sessions = st.builds(ProcessId, pid=st.integers(2, 2**22), start_ticks=st.integers(0, 2**40))
maybe_sessions = st.none() | sessions
counts = st.integers(0, 10_000)
tunnels = st.builds(
    Tunnel,
    node=names,
    port=ports,
    status=st.sampled_from([status for status in Status if status is not Status.BROKEN]),
    detail=texts,
    latency_ms=st.none() | st.floats(0, 1e6),
    session=maybe_sessions,
    peer=st.none() | texts,
    since=st.none() | instants,
    probed_at=st.none() | instants,
    checked_at=st.none() | instants,
    failures=counts,
    kills=counts,
    strikes=counts,
    verdict=st.integers(0, 60),
    bytes_total=st.none() | st.integers(0, 2**62),
    answer=texts,
    revision=st.just(1),
)
events = st.builds(
    Event,
    at=instants,
    kind=st.sampled_from(EventKind),
    text=texts,
    node=st.none() | names,
    port=st.none() | ports,
    actor=texts,
)
registrations = st.builds(
    Registration,
    node=names,
    instance=texts,
    session=sessions,
    peer=texts,
    registered_at=instants,
    inodes=st.frozensets(st.integers(1, 2**63), max_size=5),
    client=texts.filter(lambda word: "+moves" not in word),
)
flaps = st.builds(Flaps, count=st.integers(0, 50), last_at=instants, session=maybe_sessions)
sweeps = st.builds(
    Sweep,
    pid=st.integers(2, 2**22),
    swept_at=instants,
    every_s=st.floats(1, 3600),
    logins_waiting=st.none() | counts,
)
