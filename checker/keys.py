"""Public keys, and the lines of `authorized_keys` that bind each to its node and its ports."""

from __future__ import annotations

import base64
import re
import shlex
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from checker.model import InvalidValue, Node, NodeName
from checker.wire import ANY_NODE

KEY_TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
)
MARK = "reversi:"
"""Begins the comment of each line that is ours; other lines of the file are left as they are."""
NEW = "new"
"""Marks the forced command of a key that waits for its first use."""


def parse_public_key(text: str) -> str:
    """`TYPE BASE64` of the one public key, without comment. Raises InvalidValue."""
    lines = [
        line.split()
        for line in text.splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]
    words = lines[0] if lines else []
    if len(words) < 2 or words[0] not in KEY_TYPES:
        raise InvalidValue(
            f"not a public key: {text[:40]!r}; give one line that begins with one of"
            f" {', '.join(KEY_TYPES[:3])}"
        )
    if len(lines) > 1:
        raise InvalidValue(
            f"there are {len(lines)} lines, and a node has one key; give that line alone"
        )
    try:
        blob = base64.b64decode(words[1], validate=True)
        (length,) = struct.unpack_from(">I", blob)
    except (ValueError, struct.error) as error:
        raise InvalidValue(f"the public key {words[1][:20]}... is not whole: {error}") from error
    if blob[4 : 4 + length] != words[0].encode() or len(blob) < 4 + length + 16:
        raise InvalidValue(f"the public key {words[1][:20]}... is cut off, or is no {words[0]} key")
    return f"{words[0]} {base64.b64encode(blob).decode()}"


def rsa_bits(key: str) -> int | None:
    """The size of an RSA key's modulus; None for keys of other kinds. Source: RFC 4253, section
    6.6.
    """
    kind, _, encoded = key.partition(" ")
    if kind != "ssh-rsa":
        return None
    blob = base64.b64decode(encoded)
    at = 0
    for _ in ("type", "exponent"):
        at += 4 + int.from_bytes(blob[at : at + 4], "big")
    return int.from_bytes(blob[at + 4 :], "big").bit_length()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCommand:
    """How the forced command is started: an interpreter, the gate's file, the gateway's home."""

    python: str
    gate: str
    home: str
    """What `--home` says; empty for an installed gateway."""

    def words(self, node: NodeName, key: str = "") -> list[str]:
        """The command's words for a node, and for which of its keys."""
        return [self.python, "-I", "-S", self.gate, *self.options(node, key)]

    def options(self, node: NodeName, key: str = "") -> list[str]:
        """What follows the program."""
        home = ["--home", self.home] if self.home else []
        return [*home, *(["--key", key] if key else []), "--node", node]

    def render(self, node: NodeName, key: str = "") -> str:
        """The shell command for a node; `exec` so that sshd itself is the gate's parent.

        An upgrade of the distribution may take the interpreter away: then `bare.sh` beside the gate
        answers.
        """
        bare = [
            "/bin/sh",
            self.gate.rpartition("/")[0] + "/bare.sh",
            self.python,
            *self.options(node, key),
        ]
        return (
            f"[ -x {shlex.quote(self.python)} ] || exec {shlex.join(bare)}; exec"
            f" {shlex.join(self.words(node, key))}"
        )


def render_lines(node: Node, command: GateCommand) -> tuple[str, ...]:
    """The key lines of a node: none where it is disabled, two while a new key waits for its first
    use.
    """
    if not node.enabled:
        return ()
    return tuple(
        f"{options_of(node, command.render(node.name, NEW if key == node.next_key else ''))} {key}"
        f" {MARK}{node.name}"
        for key in node.public_keys
    )


def options_of(node: Node, command: str) -> str:
    """What a key of the node may: nothing but its own ports, nothing but the gate.

    `*` matches every address that it may ask for (sshd(8), permitlisten), also the one of `-R
    *:PORT`, which is empty on the wire.
    """
    places = [(port, forward.public) for forward in node.forwards for port in forward.ports]
    listens = [
        f'permitlisten="{host}:{port}"'
        for port, public in places
        for host in ("localhost", *(["*"] if public else []))
    ]
    # port-forwarding without permitlisten would allow every port
    allowed = ["port-forwarding", *listens] if listens else []
    expiry = [f'expiry-time="{node.expires.replace("-", "")}"'] if node.expires else []
    quoted = command.replace('"', '\\"')
    return ",".join(["restrict", *allowed, *expiry, f'command="{quoted}"'])


def shared_lines(
    keys: Sequence[str], ports: Sequence[int], command: GateCommand
) -> tuple[str, ...]:
    """The lines of the shared key: nothing but these ports, each by its number (permitlisten knows
    no ranges), nothing but the gate.
    """
    allowed = (
        ["port-forwarding", *(f'permitlisten="localhost:{port}"' for port in ports)]
        if ports
        else []
    )
    quoted = command.render(NodeName(ANY_NODE)).replace('"', '\\"')
    options = ",".join(["restrict", *allowed, f'command="{quoted}"'])
    return tuple(f"{options} {key} {MARK}{ANY_NODE}" for key in keys)


OURS = re.compile(rb"^restrict,.* reversi:([a-z0-9][a-z0-9.-]{0,62}|\*)$")


STARTS = re.compile(rb"""exec ('[^'"\\]*'|[^\s'"\\]+) -I -S ('[^'"\\]*'|[^\s'"\\]+) --""")


def programs_in(present: bytes) -> frozenset[str]:
    """The interpreters and gates that our lines of a key file name; paths that need more than plain
    quotes are left out.
    """
    return frozenset(
        found.strip(b"'").decode("utf-8", "surrogateescape")
        for pair in set(STARTS.findall(present))
        for found in pair
    )


def merge(
    present: bytes,
    nodes: Sequence[Node],
    command: GateCommand,
    keep: Collection[NodeName] = (),
    shared: Sequence[str] = (),
) -> bytes:
    """The file with our lines for exactly these nodes, and those of the shared key.

    All other lines, and those of `keep`, stay byte for byte as they were, and first.
    """
    others = []
    for line in re.findall(rb"[^\n]*\n|[^\n]+", present):  # sshd ends lines at a newline alone
        ours = OURS.match(line.rstrip(b"\r\n"))
        if ours is None or ours[1].decode() in keep:
            others.append(line)
    if others and not others[-1].endswith(b"\n"):
        others[-1] += b"\n"
    lines = [*(line for node in nodes for line in render_lines(node, command)), *shared]
    return b"".join(others) + b"".join(
        f"{line}\n".encode("utf-8", "surrogateescape") for line in lines
    )
