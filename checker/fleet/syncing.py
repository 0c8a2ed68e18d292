"""The agent's part of the registry: compare the disk with the bucket, post and bring what is newer.

It works in a thread of its own, with a connection of its own. What it brings, root verifies again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.control.bucket import Bucket
from checker.control.bus_line import BusAbsent, call
from checker.fleet.bucket_news import MOST_NAMED, news_path
from checker.fleet.bus import Login
from checker.fleet.bus_config import AGENT
from checker.fleet.comparing import FORGERIES_SHOWN, Difference, Held, Patience, Rumour, difference
from checker.fleet.disk_index import DiskIndex
from checker.fleet.gaps import pause_s
from checker.fleet.inbox import drop
from checker.fleet.proving import Prover, is_forgotten
from checker.fleet.sealed import Sealed, batch, digest
from checker.model import CheckerError, InvalidValue
from checker.registry.bucket_values import (
    ALL,
    MOST_VALUE,
    BucketMissing,
    BucketRefused,
    Key,
    Stale,
    State,
    Value,
    is_named,
    replicas_for,
)
from checker.registry.entries import rev_of

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.5
COMPARE_EVERY_S = 10.0
WHOLE_EVERY_S = 3600.0
LEAST_BETWEEN_S = 0.2
MOST_BROUGHT = 1000
"""In one batch for root."""
MOST_POSTED = 5000
"""In one comparison."""


@dataclass(slots=True, kw_only=True)
class Known:
    """What is known of the bucket."""

    made: str = ""
    seq: int = 0
    held: dict[Key, Held] = field(default_factory=dict)
    values: dict[Key, Value] = field(default_factory=dict)
    """Those that are not as on the disk."""
    forged: dict[Key, Held] = field(default_factory=dict)
    """What the bucket has and nobody signed who may."""
    forgotten: dict[Key, Held] = field(default_factory=dict)
    """About nodes that were removed so long ago that no gateway remembers them."""
    strange: int = 0
    """Values that do not count: without a signature, or under the wrong key."""

    def wanted(self, found: Difference, ours: Collection[Key]) -> Difference:
        """Return the difference without what nobody has to take. `ours`: what the disk has."""
        over = {key for key, one in self.forgotten.items() if self.held.get(key) == one}
        return replace(
            found, take=tuple(key for key in found.take if key in ours or key not in over)
        )


class Syncing:
    """`run` works until it is told to stop."""

    def __init__(
        self,
        layout: Layout,
        login: Login,
        *,
        is_signing: bool,
        members: Callable[[], Collection[str]],
    ) -> None:
        self.layout, self.login, self.members = layout, login, members
        self.is_signing = is_signing
        self.disk = DiskIndex(layout, is_signing=is_signing)
        self.prover = Prover(layout, is_signing=is_signing)
        self.known = Known()
        self.posted, self.brought = Patience(), Patience()
        self.shown: list[float] = []
        """When forgeries were handed to root."""
        self.batch: Path | None = None
        """What root has not taken out of the inbox yet."""
        self.rumour = Rumour()
        self.copies = 0
        """Of the bucket, as the server said last."""
        self.spread_at = float("-inf")
        self.stop = threading.Event()
        self.last_trouble = ""
        self.nodes_ns = 0

    def run(self) -> None:
        """Keep a connection, until `stop` is set."""
        failures = 0
        while not self.stop.is_set():
            began = time.monotonic()
            try:
                self.use_a_connection()
            except (CheckerError, OSError) as error:
                failures = 1 if time.monotonic() - began > COMPARE_EVERY_S else failures + 1
                self.complain(str(error))
                self.stop.wait(pause_s(failures, was_news=True))
            except Exception:  # a bug in the registry's part must not end mirrors and letters
                failures += 1
                log.exception("a bug in reversi: the registry is compared again later")
                self.tell(Difference(), "a bug in reversi; see the log of reversi-fleet")
                self.stop.wait(pause_s(failures, was_news=True))

    def complain(self, text: str) -> None:
        if text != self.last_trouble:
            self.last_trouble = text
            log.warning("the registry on the bus: %s", text)
        self.tell(Difference(), text)

    def use_a_connection(self) -> None:
        """Compare, until the connection is lost. Raises BusAbsent, BucketRefused, CheckerError."""
        login = self.login
        with Bucket(call(login.port, AGENT, login.password, "registry")) as bucket:
            bucket.line.follow(ALL)
            whole_at = compared_at = float("-inf")
            is_due = True
            while not self.stop.is_set():
                now = time.monotonic()
                if now - whole_at >= WHOLE_EVERY_S:
                    self.known, whole_at = Known(), now
                    self.make(bucket)
                    is_due = True
                if is_due or now - compared_at >= COMPARE_EVERY_S:
                    is_due = self.compare(bucket)
                    compared_at = time.monotonic()
                    self.last_trouble = ""
                    self.stop.wait(LEAST_BETWEEN_S)
                if bucket.line.hear(0.001 if is_due else LOOK_EVERY_S):
                    self.rumour.heard(time.monotonic())
                is_due = self.disk.look() or self.rumour.is_due(time.monotonic()) or is_due

    def compare(self, bucket: Bucket) -> bool:
        """Compare bucket and disk, and do what follows; return whether there is more to do at once.
        Raises BusAbsent, BucketRefused, CheckerError.
        """
        self.disk.look()
        try:
            self.learn(bucket)
        except BucketMissing:
            self.make(bucket)
            self.known = Known()
            self.learn(bucket)
        self.spread(bucket)
        held = self.disk.held
        found = difference(
            held,
            self.known.held,
            self.known.forged.items(),
            lambda key, one: self.bars(bucket, key, one),
        )
        found = self.known.wanted(found, held)
        self.forget_same(held)
        self.free_waiting()
        is_forged = self.bring(bucket, found.take, held)
        is_late = self.post(bucket, found.post, held)
        self.tell(self.known.wanted(found, held), "")
        return is_forged or is_late

    # --- what the bucket has

    def spread(self, bucket: Bucket) -> None:
        """Have the bucket copied to more gateways as soon as they are there: as long as one has it
        alone, the others have none without it.
        """
        now = time.monotonic()
        is_due = now - self.spread_at >= COMPARE_EVERY_S
        if is_due and self.copies != replicas_for(len(self.members())):
            self.spread_at = now
            with contextlib.suppress(BucketMissing, BucketRefused, BusAbsent):
                self.copies = self.make(bucket).replicas

    def make(self, bucket: Bucket) -> State:
        """Make the bucket, or change how many gateways have it. Raises BucketRefused, BusAbsent."""
        members = self.members()
        return bucket.make(replicas_for(len(members)), members)

    def learn(self, bucket: Bucket) -> None:
        """Read what is new in the bucket. Raises BucketMissing, BucketRefused, BusAbsent."""
        state, known = bucket.state(), self.known
        mark, self.copies = state.mark, state.replicas
        if mark.made != known.made or mark.seq < known.seq:
            self.known = known = Known(made=mark.made)
        if mark.seq == known.seq:
            return
        held = self.disk.held
        self.prover.begin()
        is_told = False
        for value in bucket.after(known.seq):
            known.seq = value.seq
            try:
                self.consider(value, held)
            except (CheckerError, OSError):
                raise
            except Exception:  # a bug that one value meets must not keep out all others
                known.strange += 1
                if not is_told:  # anybody may send many
                    log.exception("a bug in reversi: %s on the bus is left out", value.key)
                is_told = True

    def consider(self, value: Value, held: dict[Key, Held]) -> None:
        known, key = self.known, value.key
        rev = rev_of(value.text)
        if key is None:
            known.strange += 1
            return
        known.held.pop(key, None)
        known.values.pop(key, None)
        known.forged.pop(key, None)
        is_ours = rev and is_named(key, value.text)
        if not is_ours or (self.is_signing and not value.signature):
            known.strange += 1
            self.show(value)
            return
        one = Held(rev=rev, digest=digest(value.text))
        known.held[key] = one
        if held.get(key) != one:
            known.values[key] = value
        elif self.is_spoiled(key, one, value):
            known.forged[key] = one

    def is_spoiled(self, key: Key, one: Held, value: Value) -> bool:
        """Return whether the bucket has our text with a signature that proves nothing: a gateway
        that lacks it could not take it.
        """
        ours = self.disk.sealed(key, one)
        return (
            ours is not None
            and ours.signature != value.signature
            and self.prover.proof(value) is False
        )

    def forget_same(self, held: dict[Key, Held]) -> None:
        values, there = self.known.values, self.known.held
        for key in [key for key in values if held.get(key) == there.get(key)]:
            del values[key]

    def free_waiting(self) -> None:
        """Bring what waits again as soon as a node changed that may have been in its way."""
        changed = self.layout.nodes.stat().st_mtime_ns
        if changed != self.nodes_ns:
            self.nodes_ns = changed
            self.brought.forget(self.disk.waiting)

    def value_of(self, bucket: Bucket, key: Key) -> Value | None:
        """Return what the bucket has of a key. Raises BucketRefused, BusAbsent."""
        if key not in self.known.values:
            value = bucket.last(key)
            if value is None or digest(value.text) != self.known.held[key].digest:
                return None
            self.known.values[key] = value
        return self.known.values[key]

    def bars(self, bucket: Bucket, key: Key, one: Held) -> bool:
        """Return whether a text lets nobody in. Raises BucketRefused, BusAbsent."""
        found = self.disk.sealed(key, one) or self.value_of(bucket, key)
        try:
            return found is not None and Sealed(text=found.text).parsed().bars
        except InvalidValue:
            return False

    # --- from the bucket to the disk

    def bring(self, bucket: Bucket, keys: Sequence[Key], held: dict[Key, Held]) -> bool:
        """Hand root what is newer in the bucket; return whether some of it is forged, and so what
        we have must be posted.
        """
        if not keys or self.is_busy():
            return False
        now, is_forged = time.monotonic(), False
        many: list[Sealed] = []
        self.prover.begin()
        for key in keys:
            one = self.known.held[key]
            if len(many) >= MOST_BROUGHT or not self.brought.allows(key, one, now):
                continue
            value = self.value_of(bucket, key)
            if value is None or (proof := self.prover.proof(value)) is None:
                continue  # later
            # who still has that node must hear of its end, whatever the clocks say
            if proof and key not in held and is_forgotten(value.text, time.time()):
                self.known.forgotten[key] = one
                self.known.values.pop(key, None)
            elif proof:
                many.append(Sealed(text=value.text, signature=value.signature))
                self.brought.note(key, one, now)
            else:
                is_forged = True
                self.known.forged[key] = one
                self.show(value)
        if many:
            self.hand_over(many)
        return is_forged

    def is_busy(self) -> bool:
        """Return whether root has not taken the last batch yet. Raises ConfigError."""
        if self.batch is None or not self.batch.exists():
            return False
        self.apply_at_home()
        return self.batch.exists()

    def show(self, value: Value) -> None:
        """Have root log something that does not count; only a few, as anybody may send many."""
        now = time.monotonic()
        self.shown = [at for at in self.shown if now - at < WHOLE_EVERY_S]
        if len(self.shown) < FORGERIES_SHOWN and rev_of(value.text):
            self.shown.append(now)
            log.warning("a value on the bus does not count: %s", value.key)
            self.hand_over([Sealed(text=value.text, signature=value.signature)])

    def hand_over(self, many: Sequence[Sealed]) -> None:
        """Raises ConfigError."""
        self.batch = drop(self.layout, batch(many), self.layout.from_bus)
        self.apply_at_home()

    def apply_at_home(self) -> None:
        """Take the batch over ourselves, in a gateway that is not installed. Raises ConfigError."""
        if self.layout.home is not None:
            from checker.fleet.apply import (
                apply_inbox,  # an installed agent may not change anything
            )

            apply_inbox(self.layout)

    # --- from the disk into the bucket

    def post(self, bucket: Bucket, keys: Sequence[Key], held: dict[Key, Held]) -> bool:
        """Post what is newer on the disk; return whether somebody else wrote meanwhile. Raises
        BucketMissing, BucketRefused, BusAbsent.
        """
        now = time.monotonic()
        due = [key for key in keys if self.posted.allows(key, held[key], now)][:MOST_POSTED]
        values = []
        for key in due:
            sealed = self.disk.sealed(key, held[key])
            if sealed is None or (self.is_signing and not sealed.signature):
                continue  # it is being written
            content = sealed.text + sealed.signature
            if len(content) <= MOST_VALUE:
                values.append((key, content))
        done = bucket.post(values, self.known.seq) if values else []
        for (key, _), seq in zip(values, done, strict=False):
            if isinstance(seq, Stale):
                return True
            self.known.seq = seq
            self.known.held[key] = held[key]
            self.known.values.pop(key, None)
            self.posted.note(key, held[key], now)
        return False

    # --- for `fleet status` and `doctor`

    def tell(self, found: Difference, trouble: str) -> None:
        """Write what differs, for commands of this gateway."""
        table = {
            "at": int(time.time()),
            "trouble": trouble,
            "lacks": [one.name for one in found.post[:MOST_NAMED]],
            "lacking": len(found.post),
            "newer": [one.name for one in found.take[:MOST_NAMED]],
            "newer_count": len(found.take),
            "strange": self.known.strange + len(self.known.forged),
        }
        try:
            write_atomically(news_path(self.layout), json.dumps(table).encode(), mode=0o644)
        except (CheckerError, OSError) as error:
            log.debug("%s", error)
