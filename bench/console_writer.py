"""`python -m bench.console_writer HOME`: write the state file as a daemon does.

It reads orders from stdin: `rest` (write nothing), `sweep` (probes that find no change), `change`
(probes that find another latency, and some another status), and `one NODE STATUS`, which it writes
at once. It answers each line with `done`.
"""

from __future__ import annotations

import os
import random
import select
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.console_home import EVERY_S
from checker.config.layout import home_layout
from checker.daemon.daemon import FLUSH_EVERY_S, SWEPT_EVERY_S
from checker.model import Event, EventKind, Status, Tunnel, Watched
from checker.state.rows import Batch, Sweep
from checker.state.store import StateFile, open_store

CHANGES_A_SECOND = 170
TURNS_EACH = 20
"""One change in this many is a change of status."""


class Writer:
    """Writes the state file in one of the modes."""

    def __init__(self, store: StateFile) -> None:
        self.store = store
        self.tunnels = list(store.tunnels())
        self.random = random.Random(len(self.tunnels))
        self.random.shuffle(self.tunnels)
        self.mode = "rest"
        self.next = 0
        self.owed = 0.0
        self.swept_at = 0.0
        self.ages: dict[int, Tunnel] = {}
        """By place: rows that a probe found as before; they are written with the next mark."""

    def begin(self, mode: str) -> None:
        """Enter a mode. First probe every forward, so that none is stale before its turn."""
        self.mode, self.owed = mode, 0.0
        self.ages.clear()
        if mode != "rest":
            self.tunnels = [probed(tunnel, time.time()) for tunnel in self.tunnels]
            self.write(self.tunnels, ())

    def one(self, node: str, status: Status) -> None:
        """Write another status for one forward."""
        place = next(place for place, tunnel in enumerate(self.tunnels) if tunnel.node == node)
        self.tunnels[place] = replace(self.tunnels[place], status=status)
        self.ages.pop(place, None)
        self.write([self.tunnels[place]], ())

    @property
    def is_sweep_due(self) -> bool:
        """Whether it is time for a mark of the sweep; ages are written with it."""
        return time.time() - self.swept_at >= SWEPT_EVERY_S

    def tick(self) -> None:
        """Write what a daemon finds between two flushes."""
        if self.mode == "rest":
            return
        rate = len(self.tunnels) / EVERY_S if self.mode == "sweep" else CHANGES_A_SECOND
        self.owed += rate * FLUSH_EVERY_S
        count, self.owed = int(self.owed), self.owed % 1
        found, events = {}, []
        for _ in range(count):
            before = self.tunnels[self.next]
            after = probed(before, time.time()) if self.mode == "sweep" else self.changed(before)
            if after.status is not before.status:
                text = f"{before.status} -> {after.status}"
                events.append(
                    Event(
                        at=time.time(),
                        kind=EventKind.STATUS,
                        text=text,
                        node=after.node,
                        port=after.port,
                    )
                )
                found[self.next] = after
            else:
                self.ages[self.next] = after
            self.tunnels[self.next] = after
            self.next = (self.next + 1) % len(self.tunnels)
        if self.is_sweep_due:
            found, self.ages = self.ages | found, {}
        self.write(list(found.values()), events)

    def changed(self, tunnel: Tunnel) -> Tunnel:
        after = replace(probed(tunnel, time.time()), latency_ms=self.random.uniform(20, 200))
        if self.random.randrange(TURNS_EACH):
            return after
        return replace(after, status=Status.HUNG if tunnel.status is Status.UP else Status.UP)

    def write(self, tunnels: Sequence[Tunnel], events: Sequence[Event]) -> None:
        now = time.time()
        day = time.strftime("%Y-%m-%d", time.gmtime(now))
        uptime = [
            (
                t.node,
                t.port,
                Watched(day=day, up_s=EVERY_S * (t.status is Status.UP), watched_s=EVERY_S),
            )
            for t in tunnels
        ]
        if not tunnels and not self.is_sweep_due:
            return
        sweep = None
        if self.is_sweep_due:
            self.swept_at, sweep = now, Sweep(pid=1, swept_at=now, every_s=EVERY_S)
        self.store.write(Batch(tunnels=tunnels, events=events, uptime=uptime, sweep=sweep))

    def obey(self, line: str) -> None:
        verb, *rest = line.split()
        if verb == "one":
            self.one(rest[0], Status(rest[1]))
        else:
            self.begin(verb)


def probed(tunnel: Tunnel, now: float) -> Tunnel:
    """Return the tunnel after a probe that found no change."""
    return replace(tunnel, probed_at=now, checked_at=now)


def serve(writer: Writer) -> None:
    """Carry out orders until stdin ends."""
    due = time.monotonic()
    while True:
        if select.select([0], [], [], max(0.0, due - time.monotonic()))[0]:
            line = os.read(0, 1 << 12).decode()
            if not line:
                return
            writer.obey(line)
            print("done", flush=True)
        elif time.monotonic() >= due:
            due = max(due + FLUSH_EVERY_S, time.monotonic())
            writer.tick()


def main() -> None:
    store = open_store(home_layout(Path(sys.argv[1])).state)
    try:
        serve(Writer(store))
    finally:
        store.close()


if __name__ == "__main__":
    main()
