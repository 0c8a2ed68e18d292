"""The operator's door, for console and command line alike: the daemon's socket, else the same use
cases in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from checker.config import Layout
from checker.model import CheckerError, NodeName, Port, ProcessId

ANSWER_WITHIN_S = 60.0
"""A kill needs two seconds at most, a probe that ends in a kill some fifteen."""
MAX_MESSAGE = 1 << 20


class DaemonAbsent(CheckerError):
    """Nobody answers at the daemon's socket."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            f"no daemon answers at {layout.socket}; start it with: reversi-checker serve"
        )


class NotAllowed(CheckerError):
    """The daemon, or the read-only mode, refused."""


class Verb(StrEnum):
    """What an operator can have done to a forward."""

    KILL = "kill"
    RESET = "reset"
    PROBE = "probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """A forward that an operator acts on."""

    node: NodeName
    port: Port
    session: ProcessId | None = None
    """The process that the operator saw; another one there now is left alone. None: whichever holds
    the port.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an action on one forward."""

    node: NodeName
    port: Port
    done: bool
    sentence: str


def ports_on_ipv6() -> frozenset[Port]:
    """Ports of this machine that a connection reaches on ::1 and not on 127.0.0.1."""
    from checker.holders import read_listeners
    from checker.judge import IPV6_LOOPBACK, loopback_of

    return frozenset(
        port for port, found in read_listeners().items() if loopback_of(found) == IPV6_LOOPBACK
    )


def operator_name() -> str:
    """Who is at the keyboard, also behind sudo."""
    name = os.environ.get("SUDO_USER")
    if name and os.geteuid() == 0:
        return name
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def aim_json(aim: Aim) -> dict[str, Any]:
    session = aim.session
    return {
        "node": aim.node,
        "port": aim.port,
        "pid": session.pid if session else None,
        "start_ticks": session.start_ticks if session else None,
    }


def aim_from(table: Any) -> Aim:
    """The inverse of aim_json. Raises ValueError, KeyError, TypeError for anything else."""
    session = (
        None
        if table["pid"] is None
        else ProcessId(pid=int(table["pid"]), start_ticks=int(table["start_ticks"]))
    )
    return Aim(node=NodeName(str(table["node"])), port=Port(int(table["port"])), session=session)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "node": outcome.node,
        "port": outcome.port,
        "done": outcome.done,
        "sentence": outcome.sentence,
    }


def outcome_from(table: Any) -> Outcome:
    return Outcome(
        node=NodeName(table["node"]),
        port=Port(table["port"]),
        done=table["done"],
        sentence=table["sentence"],
    )


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """An address for a Unix socket at any path: its own has room for 107 bytes. Raises OSError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def exchange(layout: Layout, message: bytes, *, within_s: float = ANSWER_WITHIN_S) -> bytes:
    """Send a message to the daemon and read its whole answer. Raises DaemonAbsent, also where it
    hangs or refuses the connection.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(within_s)
        try:
            with reachable(layout.socket) as address:
                peer.connect(address)
            peer.sendall(message)
            peer.shutdown(socket.SHUT_WR)
            answer = b""
            while part := peer.recv(65536):
                answer += part
        except OSError as error:
            raise DaemonAbsent(layout) from error
    if not answer:
        raise DaemonAbsent(layout)
    return answer


def ask(
    layout: Layout, request: dict[str, Any], *, within_s: float = ANSWER_WITHIN_S
) -> dict[str, Any]:
    """One operator's request to the daemon, and its answer. Raises DaemonAbsent, NotAllowed."""
    answer = json.loads(
        exchange(layout, json.dumps({"schema": 1, **request}).encode(), within_s=within_s)
    )
    if "error" in answer:
        raise NotAllowed(answer["error"])
    return dict(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What an operator can do. Its methods block: call them from a thread where a loop runs."""

    layout: Layout
    read_only: bool = False

    def daemon_pid(self) -> int | None:
        """The daemon that answers now; None for nobody."""
        try:
            return int(ask(self.layout, {"verb": "ping"}, within_s=2.0)["pid"])
        except DaemonAbsent:
            return None

    def reload(self) -> None:
        """Tell the daemon, if there is one, that the registry changed."""
        try:
            ask(self.layout, {"verb": "reload"}, within_s=5.0)
        except (DaemonAbsent, NotAllowed):
            return  # it looks for itself within a few seconds

    def changed(
        self,
        clauses: Sequence[tuple[NodeName, Port | None, str]],
        renamed: Sequence[tuple[NodeName, NodeName]] = (),
    ) -> str:
        """Tell daemon and log what was changed in the registry; why the log could not be told,
        empty where it was.

        A daemon sees by itself who was renamed (old name, new name); the state file has to be told.
        """
        from checker.journal import events_of, write_down
        from checker.store import event_row

        events = events_of(clauses, operator_name())
        try:
            ask(
                self.layout,
                {"verb": "reload", "events": [event_row(event) for event in events]},
                within_s=10.0,
            )
        except (DaemonAbsent, NotAllowed):
            return write_down(self.layout, events, renamed)
        return ""

    def act(self, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]:
        """Do it to each, in order; one that fails stops no other. Raises NotAllowed, and
        CheckerError where nothing could be tried.
        """
        if self.read_only:
            raise NotAllowed(f"this console is read-only: {verb} is not done")
        request = {
            "verb": verb.value,
            "aims": [aim_json(aim) for aim in aims],
            "operator": operator_name(),
        }
        try:
            answer = ask(self.layout, request)
        except DaemonAbsent:
            return self.act_here(verb, aims)
        return tuple(outcome_from(outcome) for outcome in answer["outcomes"])

    def act_here(self, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]:
        """The same without a daemon, by this process's own rights."""
        from checker.alone import act_alone

        return act_alone(self.layout, verb, aims, operator_name())
