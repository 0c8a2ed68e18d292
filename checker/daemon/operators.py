"""Who may act as an operator now: root, the daemon's own user, and the members of a group."""

from __future__ import annotations

import asyncio
import grp
import os
from concurrent.futures import ThreadPoolExecutor

from checker.config.settings import Config
from checker.linux.accounts import groups_of_uid, members_of, user_name
from checker.model import CheckerError

LOOKUPS_AT_ONCE = 4
"""A directory server may answer slowly; the daemon's other threads must not wait for it."""


class Operators:
    """Looks up the operators' group at each request, so that a new member need not wait."""

    def __init__(self, config: Config) -> None:
        """Raises CheckerError if there is no such group."""
        self.group = config.operators_group
        self.always = frozenset({0, os.geteuid()})
        self.known = {*self.always, *self.members()}
        """The uids that were operators when they were last looked up."""
        self.lookups: dict[int, asyncio.Future[bool]] = {}
        self.threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="operators")

    def __contains__(self, uid: object) -> bool:
        """Return whether the user was an operator when last looked up."""
        return uid in self.known

    def members(self) -> frozenset[int]:
        if not self.group:
            return frozenset()
        try:
            return members_of(self.group)
        except KeyError:
            raise CheckerError(
                f"operators_group {self.group!r} is not a group on this machine; make it with:"
                f" groupadd {self.group}"
            ) from None

    async def include(self, uid: int) -> bool:
        """Return whether the user is an operator now. Requests of one user share a look-up."""
        if uid in self.always:
            return True
        if not self.group:
            return False
        lookup = self.lookups.get(uid)
        if lookup is None:
            loop = asyncio.get_running_loop()
            lookup = loop.run_in_executor(self.threads, is_member, uid, self.group)
            self.lookups[uid] = lookup
            lookup.add_done_callback(lambda _: self.lookups.pop(uid, None))
        is_one = await asyncio.shield(lookup)
        (self.known.add if is_one else self.known.discard)(uid)
        return is_one

    def refusal(self, uid: int, verb: str) -> str:
        """Say who may do it."""
        if not self.group:
            return f"only root may {verb} here: use sudo"
        name = user_name(uid)
        return (
            f"only members of the group {self.group}, and root, may {verb} here: use sudo, or run:"
            f" sudo usermod -aG {self.group} {name}"
        )


def is_member(uid: int, group: str) -> bool:
    """Return whether the user is in the group, by the machine's accounts as they are now."""
    try:
        return grp.getgrnam(group).gr_gid in groups_of_uid(uid)
    except (KeyError, OSError):
        return False
