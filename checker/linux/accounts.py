"""Names of accounts and groups, and whether sshd takes an account for locked: shadow(5)."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

SHADOW = Path("/etc/shadow")


def is_locked(name: str) -> bool:
    """Return whether a `!` locks the account, which sshd refuses unless PAM decides; False if we
    may not read the file.
    """
    try:
        lines = SHADOW.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{name}:!") for line in lines)


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def groups_of_uid(uid: int) -> frozenset[int]:
    """Return the gids of the user's groups, as the next login would have them; none for an unknown
    user.
    """
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return frozenset()
    return frozenset(os.getgrouplist(account.pw_name, account.pw_gid))


def members_of(group: str) -> frozenset[int]:
    """Return the uids of the group's members. Raises KeyError if there is no such group."""
    found = grp.getgrnam(group)
    return frozenset(
        user.pw_uid
        for user in pwd.getpwall()
        if user.pw_gid == found.gr_gid or user.pw_name in found.gr_mem
    )
