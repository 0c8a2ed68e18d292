"""Which accounts and groups exist, and whether sshd takes an account for locked: shadow(5)."""

from __future__ import annotations

import grp
import os
import pwd
import time
from pathlib import Path

SHADOW = Path("/etc/shadow")


def is_locked(name: str) -> bool:
    """Return whether a `!` locks the account, which sshd refuses unless PAM decides; False if we
    may not read the file.
    """
    return any(field.startswith("!") for field in shadow_fields(name)[1:2])


def account_days(name: str) -> int | None:
    """Return in how many days the account expires (`chage --expiredate`), 0 or less if it has; None
    if it does not, or if we may not read the file. Source: shadow(5).
    """
    at = number(shadow_fields(name), 7)
    return None if at is None else at - today()


def password_days(name: str) -> int | None:
    """Return in how many days the password expires (`chage --maxdays`), less than 0 if it has: a
    login can then only change it, even a login by key. None as above.
    """
    fields = shadow_fields(name)
    changed, most = number(fields, 2), number(fields, 4)
    if changed == 0:
        return -1  # whoever logs in must change it
    return None if changed is None or most is None else changed + most - today()


def number(fields: list[str], place: int) -> int | None:
    """Return the number in a field; None if it is empty or missing."""
    text = "".join(fields[place : place + 1])
    return int(text) if text.isdigit() else None


def today() -> int:
    """Return the days since 1970, as /etc/shadow counts them."""
    return int(time.time() // 86400)


def shadow_fields(name: str) -> list[str]:
    """Return the account's fields in /etc/shadow; none if it has no line, or we may not look."""
    try:
        lines = SHADOW.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return next((line.split(":") for line in lines if line.startswith(f"{name}:")), [])


def is_account(user: str) -> bool:
    """Return whether this machine has an account of this name."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def is_group(name: str) -> bool:
    """Return whether this machine has a group of this name."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


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
