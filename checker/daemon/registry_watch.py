"""Follow the registry: read it when it changes, and bring the key file and the copy in line."""

from __future__ import annotations

import asyncio
import logging
import math
import time

from checker.config.layout import Layout
from checker.daemon.sweep import Sweeper
from checker.daemon.verdicts import Verdicts
from checker.model import CheckerError, EventKind
from checker.registry.authorized_keys import KeysLag, key_sign, update_keys
from checker.registry.enrolments import read_enrolments
from checker.registry.file_stamps import stamp
from checker.registry.last_good import read_known, renew_copy
from checker.registry.reading import Cache
from checker.state.mutes import rename_muted
from checker.tunnels.enrol_requests import EnrolRequests
from checker.tunnels.gateway import Gateway
from checker.tunnels.key_rotation import note_keys

log = logging.getLogger(__name__)
NOTE_AFTER_S = 2.0
COMPLAIN_AFTER_S = 20.0


class RegistryWatch:
    """What of the registry was read, written to the key file, and copied last."""

    def __init__(
        self, layout: Layout, gateway: Gateway, sweeper: Sweeper, verdicts: Verdicts
    ) -> None:
        self.layout = layout
        self.gateway = gateway
        self.sweeper = sweeper
        self.verdicts = verdicts
        self.reading = asyncio.Lock()
        self.stamp: object = None
        """Of the registry's directory, when it was last read."""
        self.keys: object = None
        """Of the key file, when it was last brought in line."""
        self.lag_since: float | None = None
        """Since when the key file, which only root may write, has differed from the registry."""
        self.is_noted = False
        """Whether root was asked to write it."""
        self.look_at = math.inf
        """When to look again though nothing changed, because it still differed; monotonic."""
        self.copied: object = None
        """The registry's stamp, when it was last copied."""
        self.cache: Cache = {}
        self.enrolling: EnrolRequests | None = None
        """Who must know of enrolments and of new nodes."""
        self.enrolments: object = None
        """The stamp of their directory, when it was last read."""
        self.has_lapsed = False
        """Whether the key file differs because the key of an enrolment is over."""

    async def update(self) -> None:
        """Read the registry if it changed, and mend a key file that differs from it."""
        async with self.reading:  # else what was read earlier could be followed later
            is_new = await self.read_changed()
            is_new |= await self.read_enrolments()
        is_seen = await asyncio.to_thread(key_sign, self.layout) == self.keys
        if not is_new and is_seen and time.monotonic() < self.look_at:
            return
        self.look_at = math.inf
        try:
            # so a file edited by hand takes effect
            await asyncio.to_thread(update_keys, self.layout)
        except KeysLag as lag:
            await self.ask_root(lag, is_new=is_new)
            return
        except CheckerError as error:
            self.gateway.ledger.complain(str(error))
            self.look_at = time.monotonic() + COMPLAIN_AFTER_S
        else:
            self.note_followed()
        self.keys = await asyncio.to_thread(key_sign, self.layout)

    async def ask_root(self, lag: KeysLag, *, is_new: bool) -> None:
        """Have root's service write the key file once the registry stays as it is; complain if that
        does not help.

        An editor may save a file in several steps, and half a file can be a valid one.
        """
        now = time.monotonic()
        if self.lag_since is None or is_new:
            self.lag_since, self.is_noted = now, False
        waited_s = now - self.lag_since
        is_late = waited_s >= COMPLAIN_AFTER_S
        try:
            # what root could not do before, it may be able to do now
            if is_late or (waited_s >= NOTE_AFTER_S and not self.is_noted):
                self.is_noted = True
                await asyncio.to_thread(note_keys, self.layout)
        except CheckerError as error:
            log.warning("%s", error)
        self.keys = None  # look again
        if is_late:
            self.gateway.ledger.complain(str(lag))
            self.keys = await asyncio.to_thread(key_sign, self.layout)
            self.look_at = now + COMPLAIN_AFTER_S

    def note_followed(self) -> None:
        if self.is_noted and not self.has_lapsed:
            self.gateway.ledger.log_event(
                EventKind.GATEWAY, "the key file follows the registry, which was edited by hand"
            )
        self.lag_since, self.is_noted, self.has_lapsed = None, False, False

    async def read_enrolments(self) -> bool:
        """Read the enrolments if they differ from what was read last, and return whether the key
        file may. Forget the applicants that are nodes by now.
        """
        enrolling = self.enrolling
        if enrolling is None:
            return False
        seen = await asyncio.to_thread(stamp, self.layout.enrolments)
        is_new = enrolling.enrolments is None or seen != self.enrolments
        if is_new:
            try:
                found = await asyncio.to_thread(read_enrolments, self.layout.enrolments)
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
        seen = await asyncio.to_thread(stamp, self.layout.nodes)
        keeps_other_rights = (
            self.gateway.registry.broken
            and await asyncio.to_thread(key_sign, self.layout) != self.keys
        )
        if seen == self.stamp and not keeps_other_rights:
            return False
        if not seen and not await asyncio.to_thread(self.layout.nodes.is_dir):
            self.gateway.ledger.complain(
                f"{self.layout.nodes} is gone; the registry stays as it was last read"
            )
            return False
        try:
            registry = await asyncio.to_thread(read_known, self.layout, self.cache)
        except CheckerError as error:
            self.gateway.ledger.complain(f"{error}; the registry stays as it was last read")
            return False
        if seen and not registry.nodes and not registry.broken_files:
            return False  # the files went after `stamp` saw them: look again
        self.stamp = seen
        renamed = self.gateway.use(registry)
        self.sweeper.use(registry)
        for old, new in renamed:
            await self.verdicts.rename(old, new)
            trouble = await asyncio.to_thread(rename_muted, self.layout.mutes, old, new)
            if trouble:
                self.gateway.ledger.complain(trouble)
        return True

    async def copy(self) -> None:
        """Write the registry to one file, for those who read it often."""
        seen = self.stamp
        if seen == self.copied:
            return
        try:
            if await asyncio.to_thread(renew_copy, self.layout, self.cache, time.time_ns()):
                self.copied = seen
        except (OSError, CheckerError) as error:
            self.gateway.ledger.complain(f"cannot copy the registry to {self.layout.run}: {error}")
