"""Follow the registry: read it when it changes, and bring the key file and the copy in line."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from checker.config.layout import Layout
from checker.daemon.first_look import FirstLook
from checker.daemon.key_lag import KeyLag
from checker.daemon.sweep import Sweeper
from checker.daemon.verdicts import Verdicts
from checker.linux.inotify import DirectoryWatch
from checker.linux.memory import give_back
from checker.model import CheckerError, EventKind
from checker.registry.authorized_keys import KeysLag, key_sign, update_keys
from checker.registry.changed_keys import part_lags, renew_index
from checker.registry.differences import differing, is_same
from checker.registry.enrolments import read_enrolments
from checker.registry.file_stamps import Stamp, stamp
from checker.registry.index import FEWEST
from checker.registry.last_good import read_known, renew_copy
from checker.registry.lock import is_ours
from checker.registry.looks import UNWATCHED_EVERY_S, Looks, has_links
from checker.registry.nodes import Registry
from checker.registry.partial_reading import read_part
from checker.registry.reading import Cache
from checker.state.mutes import rename_muted
from checker.tunnels.enrol_requests import EnrolRequests
from checker.tunnels.gateway import Gateway
from checker.tunnels.key_rotation import note_keys

log = logging.getLogger(__name__)
T = TypeVar("T")
ALL_AFTER_S = 60.0
"""After a change whose own key lines are in line, until all lines are compared."""
INDEX_AFTER_S = 5.0
"""Until the files that changed are old enough for the index."""
COPY_A_NODE_S = 0.001
"""Between two copies, for each node: fifty times what copying takes."""


class RegistryWatch:
    """What of the registry was read, written to the key file, and copied last."""

    def __init__(
        self,
        layout: Layout,
        gateway: Gateway,
        sweeper: Sweeper,
        verdicts: Verdicts,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.layout = layout
        self.gateway = gateway
        self.sweeper = sweeper
        self.verdicts = verdicts
        self.clock = clock
        self.reader = ThreadPoolExecutor(1, thread_name_prefix="registry")
        self.worker = ThreadPoolExecutor(1, thread_name_prefix="keys and copy")
        self.reading = asyncio.Lock()
        self.updating = asyncio.Lock()
        self.looks = Looks(layout.nodes, DirectoryWatch, UNWATCHED_EVERY_S)
        self.stamp: object = None
        """Of the registry's directory, when it was last read; another object if only a part was."""
        self.registry = gateway.registry
        """As last read."""
        self.in_line: Registry | None = None
        """The registry that the keys were last found in line with."""
        self.keys: object = None
        """Of the key file, when it was last brought in line."""
        self.lag = KeyLag()
        self.all_at = math.inf
        """When to compare all key lines, as only some were compared; monotonic."""
        self.index_at = math.inf
        """When to renew the index; monotonic."""
        self.copied: tuple[object, ...] = ()
        """The registry's stamps, when it was last copied."""
        self.copy_at = -math.inf
        """When it may be copied again; monotonic."""
        self.cache: Cache = {}
        """Of the reader; others get a copy."""
        self.is_new = False
        """Whether what was read has changed, and the keys were not looked at since."""
        self.enrolling: EnrolRequests | None = None
        """Who must know of enrolments and of new nodes."""
        self.enrolments: object = None
        """The stamp of their directory, when it was last read."""
        self.has_lapsed = False
        """Whether the key file differs because the key of an enrolment is over."""

    def begin(self, first: FirstLook) -> None:
        """Go on from what was read before the daemon began."""
        self.cache, self.stamp = first.cache, first.stamp
        if first.keys is not None:
            self.keys, self.in_line = first.keys, first.registry
        self.note_lacking(first.registry)

    async def read_apart(self, work: Callable[..., T], *words: object) -> T:
        """Do the work in the one thread that reads: what 30,000 nodes take for a moment stays with
        the thread that took it. An operator may wait for it.
        """
        return await asyncio.get_running_loop().run_in_executor(self.reader, partial(work, *words))

    async def apart(self, work: Callable[..., T], *words: object) -> T:
        """Do the work in the other thread, for which nobody waits: it may take seconds."""
        return await asyncio.get_running_loop().run_in_executor(self.worker, partial(work, *words))

    async def read_now(self) -> None:
        """Read the registry and the enrolments if they changed."""
        async with self.reading:  # else what was read earlier could be followed later
            if await self.read_changed():
                self.is_new = True
            if await self.read_enrolments():
                self.is_new = True

    async def update(self) -> None:
        """Read the registry if it changed, and mend a key file that differs from it."""
        async with self.updating:
            await self.read_now()
            await self.renew_index()
            await self.mend_keys()

    async def mend_keys(self) -> None:
        """Mend a key file that differs from the registry as last read."""
        is_new, self.is_new = self.is_new, False
        is_seen = await self.apart(key_sign, self.layout) == self.keys
        now = self.clock()
        if not is_new and is_seen and now < min(self.lag.look_at, self.all_at):
            return
        try:
            # so a file edited by hand takes effect
            await self.follow_keys(is_new=is_new)
        except KeysLag as lag:
            await self.ask_root(lag, is_new=is_new)
            return
        except CheckerError as error:
            self.gateway.ledger.complain(str(error))
            self.lag.failed(now)
        else:
            self.note_followed()
        self.keys = await self.apart(key_sign, self.layout)

    async def follow_keys(self, *, is_new: bool) -> None:
        """Bring the keys in line with the registry: look at those of the nodes that changed, and
        later at all. Raises CheckerError.
        """
        registry, now = self.registry, self.clock()
        if is_new and self.in_line is not None and now < self.all_at:
            names = differing(self.in_line, registry)
            if await self.apart(part_lags, self.layout, registry, names) is False:
                self.in_line = registry
                self.all_at = min(self.all_at, now + ALL_AFTER_S)
                return
        self.in_line, self.all_at = None, math.inf
        await self.apart(update_keys, self.layout, dict(self.cache))
        await self.apart(give_back)
        self.in_line = registry

    async def ask_root(self, lag: KeysLag, *, is_new: bool) -> None:
        """Have root's service write the key file once the registry stays as it is; complain if that
        does not help.
        """
        step = self.lag.lagged(self.clock(), is_new=is_new)
        if step.asks_root:
            await self.note_root()
        self.keys = None  # look again
        if step.complains:
            self.gateway.ledger.complain(str(lag))
            self.keys = await self.apart(key_sign, self.layout)

    async def note_root(self) -> None:
        """Ask root's service to bring the keys in line."""
        try:
            await self.apart(note_keys, self.layout)
        except CheckerError as error:
            log.warning("%s", error)

    def note_followed(self) -> None:
        if self.lag.followed() and not self.has_lapsed:
            self.gateway.ledger.log_event(
                EventKind.GATEWAY, "the key file follows the registry, which was edited by hand"
            )
        self.has_lapsed = False

    async def renew_index(self) -> None:
        """Have the index take up many files that it lacks: until then, whoever reads the registry
        reads each of them.
        """
        if self.clock() < self.index_at:
            return
        self.index_at = math.inf
        try:
            if await self.apart(is_ours, self.layout):
                await self.apart(renew_index, self.layout)
            else:
                await self.note_root()
        except CheckerError as error:
            log.warning("%s", error)

    async def read_enrolments(self) -> bool:
        """Read the enrolments if they differ from what was read last, and return whether the key
        file may. Forget the applicants that are nodes by now.
        """
        enrolling = self.enrolling
        if enrolling is None:
            return False
        seen = await self.read_apart(stamp, self.layout.enrolments)
        is_new = enrolling.enrolments is None or seen != self.enrolments
        if is_new:
            try:
                found = await self.read_apart(read_enrolments, self.layout.enrolments)
            except CheckerError as error:
                self.gateway.ledger.complain(f"{error}; the enrolments stay as they were last read")
                return False
            self.enrolments = seen
            enrolling.use(found)
        enrolling.follow()
        if enrolling.has_lapsed(time.time()):
            self.has_lapsed = not is_new
            return True
        return is_new

    async def read_changed(self) -> bool:
        """Read the registry if it differs from what was read last, and return whether it does."""
        keeps_other_rights = (
            bool(self.gateway.registry.broken)
            and await self.read_apart(key_sign, self.layout) != self.keys
        )
        is_due = await self.read_apart(self.looks.is_due, self.clock())
        if not (is_due or keeps_other_rights):
            return False
        is_first = self.stamp is None
        registry = None if keeps_other_rights else await self.read_part()
        if registry is None:
            registry = await self.read_all(again=keeps_other_rights)
        if registry is None:
            return False
        self.note_lacking(registry)
        if not is_first and is_same(self.gateway.registry, registry):
            self.registry = self.gateway.registry
            return False
        self.registry = registry
        renamed = self.gateway.use(registry)
        self.sweeper.use(registry)
        for old, new in renamed:
            await self.verdicts.rename(old, new)
            trouble = await self.read_apart(rename_muted, self.layout.mutes, old, new)
            if trouble:
                self.gateway.ledger.complain(trouble)
        return True

    async def read_part(self) -> Registry | None:
        """Read the files that changed, if these are known and few; None otherwise. Later, all are
        looked at.
        """
        names = self.looks.names
        if names is None or self.gateway.registry is not self.registry:
            return None
        registry = await self.read_apart(
            read_part, self.layout.nodes, self.registry, self.cache, names
        )
        if registry is not None:
            self.stamp = object()
        return registry

    async def read_all(self, *, again: bool) -> Registry | None:
        """Read the registry if any file changed, or `again`; None if none did, or it cannot be
        used.
        """
        seen = await self.read_apart(stamp, self.layout.nodes)
        links = await self.read_apart(has_links, self.layout.nodes)
        self.looks.looked(self.clock(), seen.files, has_links=links)
        if seen == self.stamp and not again:
            return None
        registry = await self.read(seen)
        if registry is None:
            self.looks.look_again()
            return None
        self.stamp = seen
        return registry

    def note_lacking(self, registry: Registry) -> None:
        """Renew the index later if it lacks many files."""
        lacking = registry.indexed.basis.reread
        if len(registry.nodes) >= FEWEST and len(lacking) * 2 > FEWEST:
            self.index_at = self.clock() + INDEX_AFTER_S

    async def read(self, seen: Stamp) -> Registry | None:
        """Read the registry, of which that stamp was just seen; None if it cannot be used."""
        if not seen.files and not await self.read_apart(self.layout.nodes.is_dir):
            self.gateway.ledger.complain(
                f"{self.layout.nodes} is gone; the registry stays as it was last read"
            )
            return None
        try:
            registry = await self.read_apart(read_known, self.layout, self.cache)
        except CheckerError as error:
            self.gateway.ledger.complain(f"{error}; the registry stays as it was last read")
            return None
        if seen.files and not registry.nodes and not registry.broken_files:
            return None  # the files went after `stamp` saw them: look again
        return registry

    async def copy(self) -> None:
        """Write the registry to one file, for those who read it often."""
        seen = self.stamp
        if seen in self.copied or self.clock() < self.copy_at:
            return
        try:
            copied = await self.apart(renew_copy, self.layout, dict(self.cache), time.time_ns())
            if copied is not None:
                self.copied = (seen, copied)
                await self.apart(give_back)
        except (OSError, CheckerError) as error:
            self.gateway.ledger.complain(f"cannot copy the registry to {self.layout.run}: {error}")
        self.copy_at = self.clock() + COPY_A_NODE_S * len(self.registry.nodes)
