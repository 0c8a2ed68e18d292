"""Remove the accounts that `init` has just made, if it cannot go on."""

from __future__ import annotations

import grp
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from checker.install.effects import Say, run
from checker.install.manifest import Manifest
from checker.install.steps import Command
from checker.linux.accounts import is_group
from checker.model import CheckerError


@contextmanager
def taken_back(accounts: Sequence[Command], manifest: Manifest, say: Say) -> Iterator[None]:
    """If the block raises a CheckerError, remove those of the accounts that it made."""
    known = set(manifest.made)
    groups = {group.gr_name: group.gr_gid for group in grp.getgrall()}
    try:
        yield
    except CheckerError:
        for step in reversed(accounts):
            if step.makes in manifest.made and step.makes not in known:
                remove_account(step.makes, groups, say)
                manifest.made.remove(step.makes)
        raise


def remove_account(made: str, groups: dict[str, int], say: Say) -> None:
    """Remove a `user NAME` or `group NAME`; keep a user's group if it was there before."""
    kind, _, name = made.partition(" ")
    trouble = run((f"{kind}del", name))
    say(f"cannot remove {made}: {trouble}" if trouble else f"removed {made} again")
    if name in groups and not is_group(name):
        run(("groupadd", "--gid", str(groups[name]), name))
