"""Reads the state file and the registry: polls them cheaply, and reports changes one at a time.

If the file is missing, damaged or replaced, the last rows stay, and the report says why.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from checker.control.background import Background
from checker.model import Event, Tunnel, Unregistered, by_place
from checker.rows.from_registry import device_row, forward_row
from checker.rows.row import Key, Known, Row
from checker.state.drain_file import read_drain
from checker.state.errors import StateCorrupt, StateError, StateMissing
from checker.state.rows import Sweep
from checker.state.store import StateFile, open_reader
from reversi_tui.dependencies import Dependencies
from reversi_tui.reader.applicants import ApplicantReader
from reversi_tui.reader.deeds import DeedReader
from reversi_tui.reader.fleet import Fleet
from reversi_tui.reader.identity import file_identity, sentence_for, whole
from reversi_tui.reader.lost import Lost
from reversi_tui.reader.machine import MachineReader
from reversi_tui.reader.mutes import MuteReader
from reversi_tui.reader.news import is_health_news, is_news
from reversi_tui.reader.past import read_past
from reversi_tui.reader.probed import Made
from reversi_tui.reader.registry import POLL_EVERY_S, Registered
from reversi_tui.reader.trends import Trends
from reversi_tui.reader.turns import Turns
from reversi_tui.rows.order import as_listed
from reversi_tui.rows.report import Daemon, Health, Past, Report, steadied
from reversi_tui.terminal.threads import giving_way

PING_EVERY_S = 5.0
RETRY_EVERY_S = 1.0
STEP_EVERY_S = 1.0
"""Between looks at what changes without a write to the state file or to the registry's folder."""
QUIET_EVERY_S = 2.0
"""How long a report may wait that has no news."""


class Source:
    """What is known about the rows. Only the reading thread calls `step`; any thread may call
    `wake`, `taken` and `stop`.
    """

    def __init__(self, dependencies: Dependencies) -> None:
        self.layout, self.now = dependencies.layout, dependencies.now
        self.every_s = dependencies.every_s
        self.ping, self.free_bytes = dependencies.ping, dependencies.free_bytes
        self.read_usage = dependencies.usage
        self.machine = MachineReader(dependencies.machine)
        self.health = Health()
        self.state: StateFile | None = None
        self.identity: tuple[int, int, bool] | None = None
        self.token = -1
        self.revision = 0
        self.seen: dict[Key, Tunnel] = {}
        self.lost = Lost()
        self.registered = Registered(self.layout)
        self.background = Background()
        self.fleet = Fleet(self.layout, only_here=dependencies.only_here)
        self.trends = Trends()
        self.muting = MuteReader(self.layout.mutes)
        self.applying = ApplicantReader(self.layout)
        self.deeds = DeedReader()
        self.disk_free_bytes: int | None = None
        self.next_ping = self.next_open = 0.0
        self.next_quiet = self.next_step = 0.0
        self.quiet: set[Key] = set()
        """Rows that were probed again, and not reported yet."""
        self.made = Made()
        self.daemon = self.pinged = Daemon.UNASKED
        self.first = True
        self.trouble = ""
        self.sweep: Sweep | None = None
        self.turns = Turns()

    def step(self) -> Report | None:
        """Poll once. The first time, poll only the state file, so that rows are shown before a
        large registry is read.
        """
        before = self.strangers
        changed = self.poll_state() | self.poll_fleet()
        keys = None
        if self.first and self.seen:
            keys = frozenset(self.seen)
        elif self.poll_registry():
            keys = self.keys()
            changed = set(keys)
        if not self.first:
            self.poll_daemon()
            self.machine.poll(self.keys)
            changed |= self.poll_background()
            changed |= self.poll_applicants()
            changed |= self.poll_mutes()
            if self.strangers != before:
                keys = self.keys()
                changed = set(keys)
        self.first = False
        health = self.present_health()
        deeds = self.poll_deeds()
        is_quiet = not (changed or deeds or keys is not None or is_health_news(self.health, health))
        if is_quiet and (
            time.monotonic() < self.next_quiet or not (self.quiet or health != self.health)
        ):
            return None
        self.next_quiet = time.monotonic() + QUIET_EVERY_S
        self.health = health
        probed = self.only_probed() - changed
        others = as_listed((changed | self.quiet) - probed, self.seen)
        rows = [self.row(key) for key in giving_way(others) if self.has(key)]
        again = [row for key in giving_way(probed) if (row := self.probed_row(key))]
        self.quiet.clear()
        changed_rows = (*rows, *again)
        self.made.take(changed_rows, keys)
        return Report(
            changed=changed_rows,
            keys=keys,
            health=health,
            deeds=deeds,
            is_quiet=is_quiet,
            probed=frozenset(probed),
        )

    def only_probed(self) -> set[Key]:
        """The rows in which only the probe is new. Whether a mute holds may depend on the probe,
        and so may which gateway of a fleet has the row.
        """
        return set() if self.muting.mutes or self.fleet.gateways is not None else self.quiet

    def present_health(self) -> Health:
        troubles = [self.muting.trouble, self.applying.trouble, *self.fleet.troubles]
        return Health(
            daemon=self.daemon,
            sweep=self.sweep,
            trouble="" if self.only_watches else self.trouble,
            problems=(*self.registered.problems, *filter(None, troubles)),
            registry_read=self.registered.forwards is not None,
            logins_waiting=self.sweep.logins_waiting if self.sweep else None,
            disk_free_bytes=self.disk_free_bytes,
            machine=self.machine.machine,
            on_ipv6=self.machine.on_ipv6,
            gateway=self.fleet.own,
            silent=self.fleet.silent(self.now()),
            draining=read_drain(self.layout.drain).drain is not None,
        )

    @property
    def only_watches(self) -> bool:
        """Whether this machine shows the other gateways of a fleet, and never was one."""
        return self.fleet.own != "" and self.identity is None and not self.layout.state.exists()

    def keys(self) -> frozenset[Key]:
        """Keys of all rows."""
        forwards = self.registered.forwards
        if forwards is None:
            return frozenset(self.seen)
        return frozenset((*forwards, *self.strangers, *self.registered.broken))

    @property
    def strangers(self) -> frozenset[Key]:
        """Keys of devices that are not registered: they came by the shared key, or wait to be
        accepted.
        """
        by_shared_key = (*self.background.unregistered, *self.fleet.strangers)
        return frozenset((*by_shared_key, *self.applying.rows))

    def has(self, key: Key) -> bool:
        forwards = self.registered.forwards
        if forwards is None:
            return key in self.seen
        return (
            key in forwards
            or key in self.applying.rows
            or key in self.registered.broken
            or self.stranger(key) is not None
        )

    def stranger(self, key: Key) -> Unregistered | None:
        """The device of the shared key that is not in the registry; None if unknown."""
        return self.background.unregistered.get(key) or self.fleet.stranger(key)

    def row(self, key: Key) -> Row:
        row = self.plain_row(key)
        return replace(row, mute=self.muting.mutes.muting(row)) if self.muting.mutes else row

    def probed_row(self, key: Key) -> Row | None:
        """The row of a tunnel that was only probed again; None: it has no row."""
        trends = self.trends
        again = self.made.again(self.seen[key], trends.of(key), trends.rates_of(key))
        return again or (self.row(key) if self.has(key) else None)

    def plain_row(self, key: Key) -> Row:
        """The row without its mute."""
        if key in self.registered.broken:
            return self.registered.broken[key]
        if key in self.applying.rows:
            return self.applying.rows[key]
        seen, where = self.fleet.place(key, self.seen.get(key), self.now())
        if seen is None:
            seen = Tunnel(node=key[0], port=key[1])
        known = self.fleet.known(key) or self.known_here(key, seen)
        known = self.fleet.with_past(key, known, self.now())
        forward = (self.registered.forwards or {}).get(key)
        barred = self.registered.barred.get(key[0], "")
        if forward is None and (stranger := self.stranger(key)) is not None:
            return replace(device_row(stranger, seen, known, barred=barred), where=where)
        node = self.registered.nodes.get(key[0])
        why = self.registered.reasons.get(key[0], "")
        return forward_row(forward, node, seen, known, barred=barred, why=why, where=where)

    def known_here(self, key: Key, seen: Tunnel) -> Known:
        """What else is known about a row of this gateway."""
        known = self.background.known(key)
        trend, rates = self.trends.of(key), self.trends.rates_of(key)
        is_other = known.trend is not trend or known.rates is not rates
        if is_other and self.registered.forwards is not None:  # the first rows are shown soon
            known = self.background.with_trend(key, trend, rates)
        state = self.state if self.registered.forwards is not None else None
        return known if self.lost.was_up(key, seen, state) else replace(known, was_up=False)

    def poll_registry(self) -> bool:
        """Whether the registry changed. If so, the whole state file is read again: rows may be back
        that did not change there.
        """
        was_read = self.registered.forwards is not None
        if not self.registered.poll():
            return False
        if was_read:
            self.token, self.revision = -1, 0
            self.applying.next_poll = 0.0  # a device that waited may be a node now
        return True

    def poll_background(self) -> set[Key]:
        """Keys of the rows whose data beside the state file's row changed."""
        barred = self.registered.new_day()
        changed = {key for key in self.keys() if key[0] in barred} if barred else set()
        try:
            changed |= self.fleet.poll_background(self.state, self.now())
            if (
                self.state is not None
                and self.registered.forwards is not None
                and self.background.is_due(self.now())
            ):
                changed |= self.background.poll(self.state, self.now(), self.keys())
        except StateError as error:
            self.trouble = str(error)
        return changed

    def poll_applicants(self) -> set[Key]:
        """Keys of the rows of waiting devices that came, went or changed."""
        if self.state is None or self.registered.forwards is None:
            return set()
        try:
            return self.applying.poll(self.state, self.registered.public_keys)
        except StateError as error:
            self.trouble = str(error)
            return set()

    def poll_deeds(self) -> tuple[Event, ...]:
        """The events that were written since the last report."""
        if self.state is None:
            return ()
        try:
            return self.deeds.poll(self.state, self.token)
        except StateError as error:
            self.trouble = str(error)
            return ()

    def poll_mutes(self) -> set[Key]:
        """Keys of all rows if the mutes changed, or one ended."""
        return set(self.keys()) if self.muting.poll(self.now()) else set()

    def poll_fleet(self) -> set[Key]:
        """Keys of the rows of which other gateways have news."""
        every_s = self.sweep.every_s if self.sweep else self.every_s
        news = self.fleet.poll(self.seen, every_s, self.now())
        self.quiet |= self.fleet.take_quiet() - news
        return news

    def poll_state(self) -> set[Key]:
        """Keys of the tunnels that have news; an error goes to `trouble`."""
        try:
            return self.read_state()
        except StateError as error:
            self.trouble = sentence_for(error, self.layout.state.parent, was_there=bool(self.seen))
            if isinstance(error, StateMissing | StateCorrupt):
                self.close()
            self.next_open = time.monotonic() + RETRY_EVERY_S
            return set()

    def read_state(self) -> set[Key]:
        """Raises StateError."""
        if self.state is None and time.monotonic() < self.next_open:
            return set()
        identity = file_identity(self.layout.state)
        if self.state is None or identity != self.identity:
            self.close()
            self.state = open_reader(self.layout.state)
            self.identity, self.token, self.revision = identity, -1, 0
            self.background.start_again()
        token = self.state.changed_token()
        if token == self.token and not self.trouble:
            return set()
        tunnels = self.state.tunnels(since_revision=self.revision)
        changed = by_place(tunnels)
        if not self.revision and self.seen:  # all were read, also those that did not change
            changed = by_place(whole(tunnels, self.seen))
            changed = {key: each for key, each in changed.items() if self.seen.get(key) != each}
        self.sweep = self.state.last_sweep()
        self.trends.take(giving_way(changed.values()), self.seen)
        every_s = self.sweep.every_s if self.sweep else math.inf
        now, seen = self.now(), self.seen
        pairs = giving_way(changed.items())
        news = {key for key, each in pairs if is_news(seen.get(key), each, every_s, now)}
        self.quiet |= changed.keys() - news
        self.seen.update(changed)
        self.revision = max((tunnel.revision for tunnel in tunnels), default=self.revision)
        self.token, self.trouble = token, ""
        return news

    def poll_daemon(self) -> None:
        """Ask the daemon now and then whether it runs; one that sweeps but does not answer is not
        absent.
        """
        if time.monotonic() >= self.next_ping:
            self.pinged = self.ping()
            free = self.free_bytes(self.layout.state.parent)
            self.disk_free_bytes = steadied(self.disk_free_bytes, free)
            self.next_ping = time.monotonic() + PING_EVERY_S
        sweep = self.sweep
        sweeps = sweep is not None and self.now() - sweep.swept_at <= 2 * sweep.every_s
        self.daemon = Daemon.UNREACHABLE if self.pinged is Daemon.ABSENT and sweeps else self.pinged

    def close(self) -> None:
        if self.state:
            self.state.close()
        self.state = None

    def past(self, key: Key) -> Past:
        """The events of a row's node, and the days of the row. Opens the file itself, so that any
        thread may call it. Raises StateError.
        """
        holder = self.fleet.holder(key)
        if holder is not None:  # its processes are on another machine
            seen = holder.tunnels.get(key)
            paths = holder.path, self.layout.state, *self.fleet.paths
            return read_past(
                self.layout, tuple(dict.fromkeys(paths)), key, (seen, None), self.now()
            )
        seen = self.seen.get(key)
        usage = self.read_usage(seen.session.pid) if seen and seen.session else None
        paths = self.layout.state, *self.fleet.paths
        return read_past(self.layout, paths, key, (seen, usage), self.now())

    def run(self, post: Callable[[Report], object]) -> None:
        """Report changes until stopped."""
        turns = self.turns
        while not turns.stopped:
            report = self.step() if self.may_have_news() else None
            if report:
                turns.in_flight = True
                post(report)
            turns.wait(POLL_EVERY_S if report is None or self.health.registry_read else 0.0)
        self.close()
        self.fleet.close()

    def may_have_news(self) -> bool:
        """Whether to poll all there is: somebody wrote, or it is time. Between two polls this
        costs next to nothing.
        """
        clock, state, registered = time.monotonic(), self.state, self.registered
        is_due = registered.forwards is None or self.fleet.gateways is not None
        if state is None or is_due or clock >= self.next_step:
            self.next_step = clock + STEP_EVERY_S
            return True
        try:
            return state.changed_token() != self.token or registered.may_have_changed()
        except StateError:
            return True

    def taken(self) -> None:
        """Allow the next report."""
        self.turns.taken()

    def wake(self) -> None:
        """Poll now."""
        self.next_ping = self.registered.next_poll = self.applying.next_poll = 0.0
        self.next_quiet = self.next_step = 0.0
        self.turns.wake()

    def stop(self) -> None:
        self.turns.stop()
