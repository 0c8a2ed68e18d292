"""Change the drop-ins of sshd, and have sshd load them."""

from __future__ import annotations

import time

from checker.install.effects import InstallFailed, Say, remove, restore, run, write_file
from checker.install.rehearsal import still_open
from checker.install.steps import GoLive, Withdraw
from checker.linux.processes import sockets_of
from checker.linux.sockets import read_listeners
from checker.linux.systemd import main_pid
from checker.model import CheckerError
from checker.sshd.program import MAIN, complaint

LOADED_WITHIN_S = 5.0
"""An sshd that keeps the sockets of systemd does not show when it has loaded its files."""
LOOK_EVERY_S = 0.02


def go_live(step: GoLive) -> None:
    """Write the drop-ins, have sshd test the whole configuration, and load it; restore the old ones
    if that fails. Raises InstallFailed.

    The first file is written before the second is shortened, which in earlier releases had the
    whole block: so one whole block is there at any time.
    """
    before = {
        each.path: each.path.read_bytes() if each.path.exists() else None for each in step.files
    }
    for each in step.files:
        write_file(each.path, each)
    trouble = what_is_wrong(step.user) or reload_sshd(step.reload)
    if trouble:
        for path, content in reversed(before.items()):
            restore(path, content)
        reload_sshd(step.reload)
        paths = " and ".join(map(str, before))
        raise InstallFailed(
            f"sshd did not accept {paths} ({trouble}); its configuration is as before, and sshd"
            " still runs"
        )


def what_is_wrong(user: str) -> str:
    """Say why sshd would not start with the present files, or what it would allow the user beyond
    our limits; empty if nothing is wrong.
    """
    trouble = complaint(MAIN)
    if trouble or not user:
        return trouble
    try:
        return still_open(user)
    except CheckerError as error:
        return str(error)


def withdraw(step: Withdraw, say: Say) -> None:
    """Remove a drop-in of sshd, unless sshd would not start without it. Raises InstallFailed."""
    path = step.path
    before = path.read_bytes()
    remove(path)
    trouble = complaint(MAIN)
    if trouble:
        restore(path, before)
        raise InstallFailed(
            f"without {path}, sshd would not start ({trouble}), so it was restored: fix {MAIN}, and"
            " run this again"
        )
    reload_sshd(step.reload)
    reloaded = ", and sshd read its configuration again" if step.reload else ""
    say(f"removed {path}{reloaded}")


def reload_sshd(words: tuple[str, ...]) -> str:
    """Have sshd read its configuration again, and wait until it has; return the complaint of the
    command, whose last word is the unit. Without words, do nothing.

    The command returns before that. Meanwhile sshd ends if a drop-in is removed that it has listed
    and not opened yet, and it ignores a second signal to read them.
    """
    if not words:
        return ""
    sshd = main_pid(words[-1])
    before = sockets_listened_on(sshd)
    trouble = run(words)
    until = time.monotonic() + LOADED_WITHIN_S
    while before and not trouble and time.monotonic() < until:
        if sockets_of(sshd) is None or sockets_listened_on(sshd) - before:
            break
        time.sleep(LOOK_EVERY_S)
    return trouble


def sockets_listened_on(pid: int) -> frozenset[int]:
    """Return the inodes of the TCP sockets on which a process listens. sshd makes new ones whenever
    it has read its configuration.
    """
    listening = {each.inode for there in read_listeners().values() for each in there}
    return (sockets_of(pid) or frozenset()) & listening
