"""What sshd reads of an account's password, where no PAM stands between: shadow(5)."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path

SHADOW = Path("/etc/shadow")


def is_locked(name: str) -> bool:
    """By a `!`; False where we may not look."""
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
