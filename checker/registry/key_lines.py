"""Public keys, and the lines of `authorized_keys` that bind each to its node and its ports."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from checker.model import Node, NodeName
from checker.wire import ANY_NODE

MARK = "reversi:"
"""Begins the comment of each line that is ours; other lines of the file are left as they are."""
NEW = "new"
"""Marks the forced command of a key that waits for its first use."""


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
