"""Homes for the console's tests: a real registry and state file, and actions that do nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from checker.config.layout import Layout, home_layout
from checker.model import (
    Aim,
    Event,
    EventKind,
    Forward,
    NodeName,
    Outcome,
    Port,
    ProcessId,
    Status,
    Tunnel,
    Verb,
    parse_expect,
    parse_target,
)
from checker.state.rows import Batch, Sweep
from checker.state.store import open_store
from reversi_tui.actions.node_changes import Changes
from reversi_tui.app import Console
from reversi_tui.dependencies import Dependencies
from reversi_tui.rows.report import Daemon
from reversi_tui.settings.preferences import Preferences
from tests.registry_samples import ADDED_AT, register

NOW = float(ADDED_AT)
EVERY_S = 20.0


def write(layout: Layout, batch: Batch) -> None:
    """What a daemon would write."""
    store = open_store(layout.state)
    store.write(batch)
    store.close()


def forward(
    node: str, port: int, *, target: str = "127.0.0.1:22", expect: str = "banner:SSH-2.0"
) -> Forward:
    return Forward(
        node=NodeName(node),
        port=Port(port),
        target=parse_target(target),
        expect=parse_expect(expect),
    )


def tunnel(
    node: str,
    port: int,
    status: Status = Status.UP,
    *,
    pid: int | None = 4000,
    detail: str = "SSH-2.0-dropbear",
) -> Tunnel:
    return Tunnel(
        node=NodeName(node),
        port=Port(port),
        status=status,
        detail=detail,
        latency_ms=42.0 if status is Status.UP else None,
        peer=None if pid is None else "203.0.113.7:40022",
        session=None if pid is None else ProcessId(pid=pid, start_ticks=777),
        since=NOW - 7200,
        probed_at=NOW - 5,
        checked_at=NOW - 9,
    )


def labelled(layout: Layout, node: str) -> None:
    """Give the node two tags and a note."""
    path = layout.nodes / f"{node}.toml"
    labels = 'tags = ["openwrt", "site-a"]\nnote = "key at the bakery"\n'
    path.write_text(labels + path.read_text())


def sweep(at: float = NOW) -> Sweep:
    return Sweep(pid=1, swept_at=at, every_s=EVERY_S)


SEEN = (
    tunnel("attic", 20010, Status.UP),
    tunnel("barn", 20011, Status.HUNG, pid=4001, detail="no answer within 5 s"),
    tunnel("cellar", 20012, Status.DOWN, pid=None, detail="nobody listens"),
    tunnel("dock", 20013, Status.REFUSED, pid=4003, detail="closed at once"),
    tunnel("east-gate", 20014, Status.WRONG, pid=4004, detail="SSH-2.0-OpenSSH_9.2"),
    tunnel("farm", 20015, Status.FOREIGN, pid=None, detail="held by uid 33"),
)
FORWARDS = (
    *(forward(seen.node, seen.port) for seen in SEEN),
    forward("garage", 20016, target="192.168.7.20:443", expect="tls"),
)
EVENTS = (
    Event(
        at=NOW - 900,
        kind=EventKind.STATUS,
        text="up -> hung",
        node=NodeName("barn"),
        port=Port(20011),
    ),
    Event(
        at=NOW - 890,
        kind=EventKind.KILL,
        text="killed sshd 3999",
        node=NodeName("barn"),
        port=Port(20011),
    ),
)


def demo_home(home: Path) -> Layout:
    """A node in each status."""
    layout = home_layout(home)
    register(layout, FORWARDS)
    write(layout, Batch(tunnels=SEEN, events=EVENTS, sweep=sweep()))
    return layout


def fresh_home(home: Path) -> Layout:
    """The same, seen just now by this machine's clock, and never stale; its daemon is gone."""
    layout = demo_home(home)
    now = time.time()
    seen = tuple(replace(each, since=now - 7200, probed_at=now, checked_at=now) for each in SEEN)
    write(layout, Batch(tunnels=seen, sweep=replace(sweep(), every_s=36000.0)))
    return layout


def many(layout: Layout, count: int) -> tuple[Tunnel, ...]:
    """So many nodes, all up."""
    seen = tuple(
        tunnel(f"node-{number:05d}", 21000 + number, pid=1000 + number) for number in range(count)
    )
    register(layout, (forward(t.node, t.port) for t in seen))
    write(layout, Batch(tunnels=seen, sweep=sweep()))
    return seen


@dataclass(slots=True)
class FakeActs:
    """Doors that write down what was asked; `gate` holds an action up."""

    read_only: bool = False
    sentence: str = ""
    """Empty: what a daemon says."""
    failure: Exception | None = None
    done: list[tuple[Verb, Aim]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    recorded: list[tuple[EventKind, NodeName, Port | None, str]] = field(default_factory=list)
    unlogged: str = ""
    """Why nothing can be logged."""

    def act(self, verb: Verb, aims: Sequence[Aim]) -> tuple[Outcome, ...]:
        self.done += [(verb, aim) for aim in aims]
        self.gate.wait(150)
        if self.failure:
            raise self.failure
        return tuple(
            Outcome(
                node=aim.node,
                port=aim.port,
                done=True,
                sentence=self.sentence or sentence_for(verb, aim),
            )
            for aim in aims
        )

    def record(self, kind: EventKind, text: str, *, node: NodeName, port: Port | None) -> str:
        self.recorded.append((kind, node, port, text))
        return self.unlogged


def sentence_for(verb: Verb, aim: Aim) -> str:
    """What a daemon says if all goes well."""
    pid = aim.session.pid if aim.session else 4000
    ended = f"sshd {pid} ended, port {aim.port} is free"
    return {
        Verb.PROBE: "up: SSH-2.0-dropbear",
        Verb.KILL: ended,
        Verb.RESET: f"{ended}; strikes and flaps cleared",
    }[verb]


def open_acts(*, read_only: bool = False) -> FakeActs:
    """Doors that answer at once."""
    acts = FakeActs(read_only=read_only)
    acts.gate.set()
    return acts


def dependencies(
    layout: Layout,
    acts: FakeActs | None = None,
    *,
    daemon: Daemon = Daemon.RUNNING,
    **preferences: Any,
) -> Dependencies:
    """That home, its clock and its disk held. Its rows are sorted by node, unless a test wants the
    console's own order.
    """
    acts = acts or open_acts()
    return Dependencies(
        layout=layout,
        acts=acts,
        changes=Changes(layout=layout, read_only=acts.read_only),
        ping=lambda: daemon,
        every_s=EVERY_S,
        now=lambda: NOW,
        free_bytes=lambda _: 12_000_000_000,
        machine=lambda: None,
        host="gw1",
        usage=lambda _: None,
        preferences=Preferences(**{"sort_by": "node", **preferences}),
    )


def console(
    layout: Layout,
    acts: FakeActs | None = None,
    *,
    daemon: Daemon = Daemon.RUNNING,
    **preferences: Any,
) -> Console:
    """The app over that home."""
    return Console(dependencies(layout, acts, daemon=daemon, **preferences))
