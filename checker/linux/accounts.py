"""Names of accounts and groups, and whether sshd takes an account for locked: shadow(5)."""

from __future__ import annotations

import grp
import pwd
import time
from pathlib import Path

SHADOW = Path("/etc/shadow")


def is_locked(name: str) -> bool:
    """Return whether a `!` locks the account, which sshd refuses unless PAM decides; False if we
    may not read the file.
    """
    return any(field.startswith("!") for field in shadow_fields(name)[1:2])


def is_expired(name: str) -> bool:
    """Return whether the account has expired (`chage --expiredate`), which shuts every login out;
    False if we may not read the file. Source: shadow(5), pam_unix(8).
    """
    days = next(iter(shadow_fields(name)[7:8]), "")
    return days.isdigit() and int(days) <= time.time() // 86400


def shadow_fields(name: str) -> list[str]:
    """Return the account's fields in /etc/shadow; none if it has no line, or we may not look."""
    try:
        lines = SHADOW.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return next((line.split(":") for line in lines if line.startswith(f"{name}:")), [])


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
