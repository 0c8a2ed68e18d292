"""Ask the daemon for what an operator wants, or do it in this process if no daemon runs."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from checker.config.layout import Layout, has_mirrors
from checker.control.many_acts import IN_ONE_REQUEST, act_on_many
from checker.control.outcome_words import NOTHING_DONE
from checker.linux.sockets import read_listeners
from checker.linux.unix_socket import connect
from checker.model import (
    IPV6_LOOPBACK,
    Aim,
    CheckerError,
    Event,
    EventKind,
    NodeName,
    Outcome,
    Port,
    Verb,
    aim_json,
    outcome_from,
    printable,
)
from checker.state.errors import StateError, StateMissing
from checker.state.mutes import rename_muted
from checker.state.rows import Batch, event_row
from checker.state.store import open_reader, open_store
from checker.tunnels.port_owner import loopback_of

ANSWER_WITHIN_S = 60.0
"""A kill takes at most two seconds, a probe that ends in a kill about fifteen."""
ONLY_WATCHES = (
    f"{NOTHING_DONE}: no gateway holds it, and this machine only watches; ask again when one does"
)
EVENT_CHARACTERS = 400
"""The daemon keeps no more of an event's text."""


class DaemonAbsent(CheckerError):
    """No daemon answers at its socket."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(
            f"no daemon answers at {layout.socket}; start it with: reversi-checker serve"
        )


class NotAllowed(CheckerError):
    """The daemon or the read-only mode refused a request."""


def ports_on_ipv6() -> frozenset[Port]:
    """Ports of this machine that are open on ::1 but not on 127.0.0.1."""
    return frozenset(
        port for port, found in read_listeners().items() if loopback_of(found) == IPV6_LOOPBACK
    )


def operator_name() -> str:
    """The login name of the operator: with sudo, of the user who ran it."""
    name = os.environ.get("SUDO_USER")
    if name and os.geteuid() == 0:
        return name
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def exchange(layout: Layout, message: bytes, *, within_s: float = ANSWER_WITHIN_S) -> bytes:
    """Send a message to the daemon, and read its whole answer. Raises DaemonAbsent, also if the
    daemon hangs or refuses the connection.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        try:
            connect(peer, layout.socket, within_s)
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
class RunningDaemon:
    """What a daemon says about itself."""

    pid: int
    version: str
    """Empty for a daemon of 0.1.0, which does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What an operator can do. The methods block: beside an event loop, call them in a thread."""

    layout: Layout
    read_only: bool = False

    def daemon_pid(self) -> int | None:
        """The process ID of the daemon; None if none answers."""
        daemon = self.daemon()
        return None if daemon is None else daemon.pid

    def daemon(self) -> RunningDaemon | None:
        """The daemon that answers; None if none does."""
        try:
            said = ask(self.layout, {"verb": "ping"}, within_s=2.0)
        except DaemonAbsent:
            return None
        return RunningDaemon(pid=int(said["pid"]), version=str(said.get("version", "")))

    def reload(self) -> None:
        """Have the daemon read the registry now, if one runs."""
        try:
            ask(self.layout, {"verb": "reload"}, within_s=5.0)
        except (DaemonAbsent, NotAllowed):
            return  # a daemon looks by itself within a few seconds

    def changed(
        self,
        clauses: Sequence[tuple[NodeName, Port | None, str]],
        renamed: Sequence[tuple[NodeName, NodeName]] = (),
    ) -> str:
        """Log what was changed in the registry, and have the daemon read it; why the log could not
        be written, empty if it was.

        `renamed` (old name, new name) is only for a state file that no daemon writes: a daemon
        notices by itself.
        """
        return self.report(events_of(clauses, operator_name()), renamed)

    def record(self, kind: EventKind, text: str, *, node: NodeName, port: Port | None) -> str:
        """Log what an operator is about to run; why it could not be logged, empty if it was."""
        event = Event(
            at=time.time(),
            kind=kind,
            text=printable(text, EVENT_CHARACTERS),
            node=node,
            port=port,
            actor=operator_name(),
        )
        return self.report((event,), within_s=3.0)

    def report(
        self,
        events: Sequence[Event],
        renamed: Sequence[tuple[NodeName, NodeName]] = (),
        *,
        within_s: float = 10.0,
    ) -> str:
        """Have the daemon log the events, or write them into the state file if it does not; why
        neither could be done, empty if it was.
        """
        request = {"verb": "reload", "events": [event_row(event) for event in events]}
        try:
            ask(self.layout, request, within_s=within_s)
        except (DaemonAbsent, NotAllowed):
            return write_down(self.layout, events, renamed)
        return ""

    def act(self, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]:
        """Do it to each forward; a failure does not stop the others. The outcomes are in the order
        of the aims. Raises NotAllowed, and CheckerError if nothing could be tried.
        """
        if self.read_only:
            raise NotAllowed(f"this console is read-only: {verb} is not done")
        if len(aims) > IN_ONE_REQUEST and self.daemon_pid() is not None:
            return act_on_many(partial(self.act_by_daemon, verb), aims)
        try:
            return self.ask_to_act(verb, aims)
        except DaemonAbsent:
            if has_mirrors(self.layout) and not was_swept(self.layout):
                return not_here(aims)
            from checker.control.without_daemon import act  # imports a whole gateway

            return act(self.layout, verb, aims, operator_name())

    def act_by_daemon(self, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]:
        """Have the daemon do a part of many acts. If it does not answer, these are not done.
        Raises NotAllowed.
        """
        try:
            return self.ask_to_act(verb, aims)
        except DaemonAbsent as error:
            return tuple(
                Outcome(node=aim.node, port=aim.port, done=False, sentence=str(error))
                for aim in aims
            )

    def ask_to_act(self, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]:
        """Ask the daemon to do it to each forward, in order. Raises DaemonAbsent, NotAllowed."""
        request = {
            "verb": verb.value,
            "aims": [aim_json(aim) for aim in aims],
            "operator": operator_name(),
        }
        answer = ask(self.layout, request)
        return tuple(outcome_from(outcome) for outcome in answer["outcomes"])


def was_swept(layout: Layout) -> bool:
    """Whether a daemon ever ran here. Raises StateError if the state file cannot be read."""
    try:
        with contextlib.closing(open_reader(layout.state)) as state:
            return state.last_sweep() is not None
    except StateMissing:
        return False


def not_here(aims: Sequence[Aim]) -> tuple[Outcome, ...]:
    """The outcomes on a machine that only watches: its own ports belong to other programs."""
    return tuple(
        Outcome(node=aim.node, port=aim.port, done=False, sentence=ONLY_WATCHES) for aim in aims
    )


def events_of(
    clauses: Sequence[tuple[NodeName, Port | None, str]], operator: str
) -> tuple[Event, ...]:
    """An event for each change, given as node, port and clause."""
    now = time.time()
    return tuple(
        Event(at=now, kind=EventKind.REGISTRY, text=text, node=node, port=port, actor=operator)
        for node, port, text in clauses
    )


def write_down(
    layout: Layout, events: Sequence[Event], renamed: Sequence[tuple[NodeName, NodeName]] = ()
) -> str:
    """Write events and renames into the state file; why that failed, empty if it did not."""
    try:
        layout.state.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(open_store(layout.state)) as store:
            store.write(Batch(events=events, renamed=renamed))
        troubles = [rename_muted(layout.mutes, old, new) for old, new in renamed]
    except (StateError, OSError) as error:
        return str(error)
    return "; ".join(filter(None, troubles))
