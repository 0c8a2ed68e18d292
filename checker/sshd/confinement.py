"""What may keep sshd from a file that root can read: SELinux, AppArmor, a sandbox of its service.

Nothing that we run ourselves shows that: only a login does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from checker.sshd.sessions import PRIVATE_LISTENER, sshd_processes

LISTENER = re.compile(r"sshd: .* \[listener\]")
ENFORCE = Path("/sys/fs/selinux/enforce")
APPARMOR = re.compile(r"(?P<profile>.+) \((?P<mode>\w+)\)")
LAX = frozenset({"complain", "unconfined"})
"""AppArmor's modes in which it refuses nothing."""
SELINUX = re.compile(r"[^:\s]+:[^:\s]+:(?P<type>[^:\s]+)(?::\S+)?")
MACHINE = ("net", "pid")
"""A process in another of these namespaces is of a container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confined:
    """What limits a process."""

    label: str = ""
    """As in /proc/PID/attr/current; empty without such a module."""
    mounts: str = ""
    """Its mount namespace."""


def clause(sshd: Confined, own: Confined, *, is_enforcing: bool) -> str:
    """Say what limits sshd and not ourselves; empty if nothing does. `is_enforcing`: SELinux."""
    if sshd.label != own.label:
        apparmor, selinux = APPARMOR.fullmatch(sshd.label), SELINUX.fullmatch(sshd.label)
        if apparmor and apparmor["mode"] not in LAX:
            return f"AppArmor (profile {apparmor['profile']})"
        if selinux and is_enforcing and selinux["type"] != "unconfined_t":
            return f"SELinux (type {selinux['type']})"
    return "a sandbox of its service" if sshd.mounts != own.mounts else ""


def confinement() -> str:
    """Say what limits this machine's sshd and not ourselves, as a noun; empty if nothing does, if
    no sshd listens here, or if we may not look.
    """
    own = limits_of("self")
    if own is None:
        return ""
    for process in sshd_processes():
        if not LISTENER.match(process.title) or PRIVATE_LISTENER.match(process.title):
            continue
        sshd = limits_of(str(process.id.pid))
        if sshd is not None and is_of_this_machine(process.id.pid):
            return clause(sshd, own, is_enforcing=enforces())
    return ""


def limits_of(pid: str) -> Confined | None:
    """Return None if we may not look."""
    try:
        mounts = str(Path(f"/proc/{pid}/ns/mnt").readlink())
    except OSError:
        return None
    try:
        label = Path(f"/proc/{pid}/attr/current").read_text(encoding="utf-8", errors="replace")
    except OSError:  # as without such a module
        label = ""
    return Confined(label=label.rstrip("\0\n"), mounts=mounts)


def is_of_this_machine(pid: int) -> bool:
    try:
        return all(
            Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/self/ns/{kind}").readlink()
            for kind in MACHINE
        )
    except OSError:
        return False


def enforces() -> bool:
    """Whether SELinux refuses what its policy does not allow."""
    try:
        return ENFORCE.read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False
