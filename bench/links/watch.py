"""Watch the tunnels' listeners, the clients' logs and the state file, and note when they change."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.links.clients import Lane
from checker.linux.sockets import flows, read_listeners
from checker.model import EventKind, Port
from checker.state.store import StateFile, open_reader

POLL_S = 0.1
STATE_EVERY_S = 1.0
EVENTS_AT_ONCE = 1000
COUNTS_BYTES = 2000
"""Bytes a second that count: a quarter of the slowest link, and more than a probe's."""
SEGMENT_BYTES = 1448
CAUSE_WITHIN_S = 5.0
GIVEN_UP_WITHIN_S = 60.0
"""From a client's log line until the gateway sees the end of the connection, which is queued behind
the data.
"""


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was seen of one lane; times are monotonic."""

    inode: int = 0
    """The current listener's; 0: nobody listens. Each tunnel has another one."""
    came_s: list[float] = field(default_factory=list)
    went_s: list[float] = field(default_factory=list)
    log_lines: list[tuple[float, str]] = field(default_factory=list)
    read_bytes: int = 0
    killed_s: list[float] = field(default_factory=list)
    """When the daemon killed it; a client that claims its own stale port does not count."""
    carried: int = 0
    moved_s: float = 0.0
    """When bulk last reached the device, left it, or reached the gateway out of order.

    The kernel of a stopped process moves bytes, too, and what is in the link's queue still arrives.
    """
    worst_ms: float = 0.0
    """The slowest probe that was answered."""

    def losses(self, since_s: float = 0.0, until_s: float = math.inf) -> tuple[str, ...]:
        """Return who ended each tunnel that was lost in that time: daemon, client, or `?`.

        Call it some seconds later, as the daemon writes its events with a delay.
        """
        return tuple(self.cause(went_s) for went_s in self.went_s if since_s <= went_s <= until_s)

    def cause(self, went_s: float) -> str:
        if any(abs(killed_s - went_s) < CAUSE_WITHIN_S for killed_s in self.killed_s):
            return "daemon"
        if any(
            -CAUSE_WITHIN_S < went_s - logged_s < GIVEN_UP_WITHIN_S and is_giving_up(line)
            for logged_s, line in self.log_lines
        ):
            return "client"
        return "?"


def is_giving_up(line: str) -> bool:
    """Return whether the line says that the client ends the connection itself."""
    return any(
        word in line
        for word in ("hangs", "not responding", "no answer", "Timeout", "timeout", "port down")
    )


class Watch:
    """Watches all lanes, ten times a second."""

    def __init__(self, lanes: Sequence[Lane], state: Path) -> None:
        self.lanes = lanes
        self.seen = {lane.port: Seen() for lane in lanes}
        self.state = state
        self.last_event = 0

    def of(self, lane: Lane) -> Seen:
        return self.seen[lane.port]

    async def run(self) -> None:
        """Watch until cancelled."""
        due_s = 0.0
        reader = open_reader(self.state)
        try:
            while True:
                await asyncio.to_thread(self.read_listeners_and_logs)
                if time.monotonic() >= due_s:
                    await asyncio.to_thread(self.read_counters)
                    self.read_state(reader)
                    due_s = time.monotonic() + STATE_EVERY_S
                await asyncio.sleep(POLL_S)
        finally:
            reader.close()

    def read_listeners_and_logs(self) -> None:
        found, now_s = read_listeners(), time.monotonic()
        for lane in self.lanes:
            seen = self.of(lane)
            inode = max((listener.inode for listener in found.get(Port(lane.port), ())), default=0)
            if inode != seen.inode:
                if seen.inode:
                    seen.went_s.append(now_s)
                if inode:
                    seen.came_s.append(now_s)
                seen.inode = inode
            if lane.log.exists() and lane.log.stat().st_size > seen.read_bytes:
                with lane.log.open("rb") as log:
                    log.seek(seen.read_bytes)
                    text = log.read()
                seen.read_bytes += len(text)
                seen.log_lines += [
                    (now_s, line)
                    for line in text.decode(errors="replace").splitlines()
                    if line.strip()
                ]

    def read_counters(self) -> None:
        strays: Counter[str] = Counter()
        for peer, flow in flows().items():
            strays[peer.rpartition(":")[0]] += flow.strays * SEGMENT_BYTES
        now_s = time.monotonic()
        for lane in self.lanes:
            seen, total = self.of(lane), lane.link.carried() + strays[lane.link.address]
            if total - seen.carried >= COUNTS_BYTES:
                seen.moved_s = now_s
            seen.carried = total

    def read_state(self, reader: StateFile) -> None:
        now_s, now = time.monotonic(), time.time()
        for event in reader.events(after=self.last_event, limit=EVENTS_AT_ONCE):
            self.last_event = max(self.last_event, event.id)
            if event.kind is EventKind.KILL and event.actor == "daemon" and event.port in self.seen:
                self.seen[event.port].killed_s.append(now_s - (now - event.at))
        for tunnel in reader.tunnels():
            if tunnel.port in self.seen and tunnel.latency_ms is not None:
                self.seen[tunnel.port].worst_ms = max(
                    self.seen[tunnel.port].worst_ms, tunnel.latency_ms
                )
