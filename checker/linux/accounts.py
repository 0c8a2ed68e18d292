"""Names of accounts and groups, and whether sshd takes an account for locked: shadow(5)."""

from __future__ import annotations

import grp
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
