"""/etc/ssh/sshrc, which sshd runs before each forced command: its output precedes ours. Pure.

Source: sshd(8), SSHRC.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

SSHRC = Path("/etc/ssh/sshrc")
"""sshd runs it even with `PermitUserRC no`, which covers only ~/.ssh/rc."""


def spares(text: str, user: str) -> bool:
    """Return whether the first command of the file ends it for the tunnel user."""
    lines = (line.strip() for line in text.split("\n"))
    first = next((line for line in lines if line and not line.startswith("#")), "")
    return not first or re.match(rf"{re.escape(guard(user))}(\s|;|$)", first) is not None


def guard(user: str) -> str:
    """Return a first line that ends the file for the tunnel user."""
    return f'[ "$(id -un)" = {shlex.quote(user)} ] && exit 0'


def sshrc_sentence(path: Path) -> str:
    return (
        f"sshd runs {path} at each login of a node, and what it prints comes before the answer: "
        "devices with an old client may never come up, or stop; new clients cope"
    )


def guard_sshrc(path: Path, user: str) -> str:
    """Return the command that inserts the guard as the first line."""
    return f"sudo sed -i {shlex.quote(f'1i {guard(user)}')} {shlex.quote(str(path))}"
