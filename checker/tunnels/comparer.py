"""Compare the host keys of targets with the pinned ones, a few at a time, beside the sweep.

A comparison never leads to a kill and never counts as a strike: `checker.tunnels.judge` only shows
what it found.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable

from checker.model import (
    CheckerError,
    ExpectKind,
    Forward,
    NodeName,
    Place,
    ProcessId,
    mismatch,
)
from checker.tunnels.comparisons import after_exchange, after_failure, due_at
from checker.tunnels.host_key_exchange import NotShown, Showed, read_host_key
from checker.tunnels.watch import Watcher

SCAN_EVERY_S = 10.0
PAUSE_S = 1.0
"""Between the starts of two exchanges: a fleet that comes back must not be asked at once."""
AT_ONCE = 16
"""Exchanges under way: on slow links each takes a while."""
WITHIN_S = 30.0
OPERATOR_WAITS_S = 10.0


class Comparer:
    """Compares one gateway's host keys, each forward by its own time."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.ledger = watcher.ledger
        self.forwards: dict[Place, Forward] = {}
        """Those that expect their host key."""
        self.queue: deque[Place] = deque()
        self.running: set[Place] = set()
        self.on_news: Callable[[NodeName], None] = lambda _: None
        """Called when a row of this node may have changed by what was found."""

    def use(self, forwards: Iterable[Forward]) -> None:
        """Compare these from now on, as far as they expect their host key."""
        self.forwards = {
            (forward.node, forward.port): forward
            for forward in forwards
            if forward.expect.kind is ExpectKind.HOSTKEY
        }
        failures = self.watcher.key_failures
        for place in [place for place in failures if place not in self.forwards]:
            del failures[place]

    async def run(self) -> None:
        """Compare what is due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self.queue.extend(self.due(time.time()))
                end = time.monotonic() + SCAN_EVERY_S
                while self.queue and time.monotonic() < end:
                    if len(self.running) < AT_ONCE:
                        forward = self.forwards.get(self.queue.popleft())
                        if forward is not None:
                            group.create_task(
                                self.compare(forward, WITHIN_S),
                                name=f"compare host key {forward.node} {forward.port}",
                            )
                    await asyncio.sleep(PAUSE_S)
                self.queue.clear()
                await asyncio.sleep(max(0.0, end - time.monotonic()))

    def due(self, now: float) -> list[Place]:
        """Return the forwards to compare, the most overdue first."""
        found = []
        for place, forward in self.forwards.items():
            failure = self.watcher.key_failures.get(place)
            seen, shown = self.ledger.tunnel(forward), self.ledger.shown.get(place)
            at = due_at(forward, seen, shown, failure, now)
            if at is not None and at <= now and place not in self.running:
                found.append((at, place))
        return [place for _, place in sorted(found)]

    async def for_operator(self, forward: Forward) -> None:
        """Compare now, as an operator waits for what is true now."""
        place = forward.node, forward.port
        known = self.forwards.get(place)
        if known is not None and known.host_key:
            await self.compare(known, OPERATOR_WAITS_S)

    async def compare(self, forward: Forward, within_s: float) -> None:
        """Exchange keys with the forward's target, unless that is under way, and remember what came
        of it.
        """
        place = forward.node, forward.port
        if place in self.running:
            return
        self.running.add(place)
        try:
            await self.exchange(forward, place, within_s)
        except (CheckerError, OSError) as trouble:
            self.ledger.complain(
                f"cannot compare the host key of {forward.node} on port {forward.port}: {trouble}"
            )
        finally:
            self.running.discard(place)

    async def exchange(self, forward: Forward, place: Place, within_s: float) -> None:
        holders = self.watcher.holders
        held = await holders.held(forward, newer_than=time.monotonic())
        if held.session is None or held.port is None:
            return
        outcome = await read_host_key(
            forward,
            holders.loopback(held.port),
            port=held.port,
            first=forward.host_key,
            deadline_s=within_s,
        )
        now_held = await holders.held(forward, newer_than=time.monotonic())
        if now_held.session != held.session or self.forwards.get(place) != forward:
            return  # what was shown may be another's
        before = self.known(forward, place)
        self.note(forward, place, outcome, held.session)
        if self.known(forward, place) != before:
            self.on_news(forward.node)

    def note(
        self, forward: Forward, place: Place, outcome: Showed | NotShown, session: ProcessId
    ) -> None:
        """Remember what came of an exchange."""
        failures, now = self.watcher.key_failures, time.time()
        match outcome:
            case Showed(key):
                failures.pop(place, None)
                shown = self.ledger.shown.get(place)
                self.ledger.put_shown(after_exchange(forward, shown, key, session, now))
            case NotShown(reason):
                failures[place] = after_failure(failures.get(place), reason, session, now)

    def known(self, forward: Forward, place: Place) -> tuple[str, str]:
        """Return what the forward's row says by what is known: how its key differs, and why it
        could not be compared.
        """
        failure = self.watcher.key_failures.get(place)
        other = mismatch(self.ledger.shown.get(place), forward.host_key)
        return other, failure.reason if failure else ""
