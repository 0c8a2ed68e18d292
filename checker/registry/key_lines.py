"""Render and merge the lines of `authorized_keys` that bind each key to its node and ports."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from checker.model import ENROLS, MOST_PORTS, Enrolment, Node, NodeName
from checker.wire import ANY_NODE

MARK = "reversi:"
"""Begins the comment of each of our lines; other lines of the file stay as they are."""
ALSO_LOOPBACK = ("127.0.0.1", "[::1]")
"""What people write for `localhost` in `-R ADDRESS:PORT:...`. sshd binds them as they are, whatever
its GatewayPorts says but `yes`. Source: channels.c, channel_fwd_bind_addr.
"""
NEW = "new"
"""Marks the forced command of a key that waits for its first use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCommand:
    """How to start the forced command: the interpreter, the gate's file, the gateway's home."""

    python: str
    gate: str
    home: str
    """The value of `--home`; empty for an installed gateway."""

    def words(self, node: NodeName, key: str = "") -> list[str]:
        """Return the command's words for a node and one of its keys."""
        return [self.python, "-I", "-S", self.gate, *self.options(node, key)]

    def options(self, node: NodeName, key: str = "") -> list[str]:
        """Return the words after the program."""
        home = ["--home", self.home] if self.home else []
        return [*home, *(["--key", key] if key else []), "--node", node]

    def render(self, node: NodeName, key: str = "") -> str:
        """Return the shell command for a node; `exec` makes sshd itself the gate's parent.

        An upgrade of the distribution may remove the interpreter. Then `bare.sh` beside the gate
        answers.
        """
        first, second = commands_before(self, key)
        word = shlex.quote(node)
        return f"{first} {word}; {second} {word}"


@lru_cache(8)
def commands_before(command: GateCommand, key: str) -> tuple[str, str]:
    """Return the two commands of `render` up to the node, which is the last word of both: they are
    the same in each line.
    """
    nobody = NodeName("")
    bare = ["/bin/sh", command.gate.rpartition("/")[0] + "/bare.sh", command.python]
    first = shlex.join([*bare, *command.options(nobody, key)[:-1]])
    second = shlex.join(command.words(nobody, key)[:-1])
    return f"[ -x {shlex.quote(command.python)} ] || exec {first}", f"exec {second}"


def render_lines(node: Node, command: GateCommand) -> tuple[str, ...]:
    """Return a node's key lines: none if it is disabled, two while a new key waits for its first
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
    """Return the options that restrict a node's key to its own ports and to the gate.

    `*` matches every address that the node may ask for (sshd(8), permitlisten), also that of `-R
    *:PORT`, which is empty on the wire: with our GatewayPorts, sshd binds that to all addresses.
    """
    places = [(port, forward.public) for forward in node.forwards for port in forward.ports]
    listens = [
        f"{host}:{port}"
        for port, public in places
        for host in ("localhost", *(["*"] if public else []))
    ]
    spelled = spellings([port for port, public in places if not public], len(listens))
    return restricted((*listens, *spelled), expires=node.expires, command=command)


def spellings(ports: Sequence[int], others: int) -> tuple[str, ...]:
    """Return the other ways to ask for the gateway's loopback on these ports: sshd compares what
    the client says as text. None if sshd would not take that many on a line beside the `others`.
    """
    found = tuple(f"{host}:{port}" for port in ports for host in ALSO_LOOPBACK)
    return found if len(found) + others <= MOST_PORTS else ()


def restricted(listens: Sequence[str], *, expires: str | None, command: str) -> str:
    """Return the options of a line that may listen on these places only."""
    # port-forwarding without permitlisten would allow every port
    permits = (f'permitlisten="{place}"' for place in listens)
    allowed = ["port-forwarding", *permits] if listens else []
    expiry = [f'expiry-time="{expires.replace("-", "")}"'] if expires else []
    quoted = command.replace('"', '\\"')
    return ",".join(["restrict", *allowed, *expiry, f'command="{quoted}"'])


def shared_lines(
    keys: Sequence[str],
    ports: Sequence[int],
    command: GateCommand,
    *,
    own: Sequence[int] = (),
    public: Collection[int] = (),
) -> tuple[str, ...]:
    """Return the shared key's lines, which permit only these ports and only the gate. Each port is
    listed, as permitlisten has no ranges.

    Only the ports of registered nodes (`own`) may be asked for in other ways too: with all of them,
    the line would be three times as long, and a login would take a fifth more time. A device may
    also bind the `public` ones on all addresses. dropbear's client asks for that with `-g`, and
    gets nothing if it may not.
    """
    listens = [f"localhost:{port}" for port in ports] + [f"*:{port}" for port in public]
    spelled = spellings([port for port in own if port not in public], len(listens))
    options = restricted(
        (*listens, *spelled), expires=None, command=command.render(NodeName(ANY_NODE))
    )
    return tuple(f"{options} {key} {MARK}{ANY_NODE}" for key in keys)


def enrolment_line(enrolment: Enrolment, command: GateCommand) -> str:
    """Return the line of an enrolment's key: it opens no port, and only the gate.

    sshd reads a day in local time, and knows UTC only from 9.1 on. So the line names the first day
    that has not begun anywhere on Earth when the key is over. By then the daemon has long ceased to
    answer it, and the line is gone.
    """
    word = NodeName(f"{ENROLS}{enrolment.id}")
    until = enrolment.answers_until
    options = restricted(
        (), expires=day_after(until) if until else None, command=command.render(word)
    )
    return f"{options} {enrolment.public_key} {MARK}{word}"


def day_after(at: int) -> str:
    """Return the first day (YYYY-MM-DD) that begins at this time (Unix seconds) or later in every
    time zone.
    """
    return time.strftime("%Y-%m-%d", time.gmtime(at + EARLIEST_ZONE_S + 86400 - 1))


EARLIEST_ZONE_S = 14 * 3600
"""How much earlier than in UTC a day begins where it begins first."""
TRIAL = "reversi-doctor-login"
"""The comment of the line that `doctor --login` adds for a minute. It is not of our registry's
lines: whoever brings those in line meanwhile leaves it alone.
"""


def trial_line(key: str, command: GateCommand, expiry: str) -> str:
    """Return the line of a key that may make a node's requests until then, and open no port."""
    quoted = command.render(NodeName(ANY_NODE)).replace('"', '\\"')
    return f'restrict,expiry-time="{expiry}",command="{quoted}" {key} {TRIAL}'


def without_trials(present: bytes, own: str, now: tuple[str, str]) -> bytes:
    """Return a key file's content without this line of `doctor --login`, and without those that
    expired. `now`: in UTC and in local time, as YYYYMMDDHHMMSS.
    """
    lines = re.findall(rb"[^\n]*\n|[^\n]+", present)
    return b"".join(line for line in lines if not is_over(line, own.encode(), now))


def is_over(line: bytes, own: bytes, now: tuple[str, str]) -> bool:
    """Return whether a line of the key file is this one, or of another trial that is over."""
    found = IS_TRIAL.match(line)
    if found is None:
        return False
    until = found[1].decode("ascii")
    return line.rstrip(b"\r\n") == own or until < now[0 if found[2] else 1]


IS_TRIAL = re.compile(rb'restrict,expiry-time="(\d{14})(Z?)",.* ' + TRIAL.encode() + rb"\s*\Z")
OURS = re.compile(rb"^restrict,.* reversi:([a-z0-9][a-z0-9.-]{0,62}|\*)$")
ENROLLING = re.compile(rb"^restrict,.* reversi:\+([a-z0-9][a-z0-9-]{0,31})$")
"""An enrolment's line. A release that does not know it leaves it alone."""
STARTS = re.compile(rb"""exec ('[^'"\\]*'|[^\s'"\\]+) -I -S ('[^'"\\]*'|[^\s'"\\]+) --""")


def programs_in(present: bytes) -> frozenset[str]:
    """Return the interpreters and gates that our lines of a key file name, without paths that need
    more than plain quotes.
    """
    return frozenset(
        found.strip(b"'").decode("utf-8", "surrogateescape")
        for pair in set(STARTS.findall(present))
        for found in pair
    )


def owner_of_line(line: bytes) -> str | None:
    """Return whose a line of the key file is: a node's name, `*` or `+ID`; None if not ours."""
    if ours := OURS.match(line):
        return ours[1].decode()
    enrolling = ENROLLING.match(line)
    return f"{ENROLS}{enrolling[1].decode()}" if enrolling else None


def merge(
    present: bytes,
    nodes: Sequence[Node],
    command: GateCommand,
    keep: Collection[str] = (),
    shared: Sequence[str] = (),
) -> bytes:
    """Replace our lines in a key file by those of exactly these nodes, and by `shared`, those of
    the shared key and of enrolments.

    All other lines, and those of the nodes and enrolments (`+ID`) in `keep`, stay byte for byte,
    and come first.
    """
    others = []
    for line in re.findall(rb"[^\n]*\n|[^\n]+", present):  # sshd ends lines only at a newline
        owner = owner_of_line(line.rstrip(b"\r\n"))
        if owner is None or owner in keep:
            others.append(line)
    if others and not others[-1].endswith(b"\n"):
        others[-1] += b"\n"
    lines = [*(line for node in nodes for line in render_lines(node, command)), *shared]
    return b"".join(others) + b"".join(map(line_bytes, lines))


def line_bytes(line: str) -> bytes:
    """Return a line as the key file has it."""
    return f"{line}\n".encode("utf-8", "surrogateescape")
