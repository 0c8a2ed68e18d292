"""Compare the files by fingerprint with the registry, and find out whether sshd reads them."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.doctor.facts import FingerprintFacts, SshdFacts
from checker.install.unit_files import KEYS_USER
from checker.linux.accounts import is_account
from checker.linux.as_user import ids_of
from checker.model import CheckerError
from checker.registry.key_files import Stand, files_for
from checker.registry.key_places import Places, faults, in_both, read_places
from checker.sshd.confinement import confinement
from checker.sshd.lockdown import KEYS_COMMAND, KEYS_COMMAND_USER, reads_our_keys
from checker.sshd.openings import other_commands
from checker.sshd.program import MAIN

ANSWERS_WITHIN_S = 10


def fingerprint_facts(
    layout: Layout, sshd: SshdFacts | None, tunnel_user: str
) -> FingerprintFacts | None:
    """Look at the files, and run the command that sshd runs; as root, only that account's rights
    count.
    """
    try:
        there = read_places(layout.authorized_keys)
    except ConfigError:
        return None  # the key file has a finding of its own
    stand = there.listed.stand
    if stand is Stand.FILE:
        why = there.listed.why
        return FingerprintFacts(stand=stand, why_file=why) if why else None
    effective = {} if sshd is None or not sshd.is_asked or sshd.complaint else sshd.effective
    command = effective.get(KEYS_COMMAND.lower(), "")
    unread = why_another(layout, effective, tunnel_user) if effective and tunnel_user else ""
    user = effective.get(KEYS_COMMAND_USER.lower(), "")
    return FingerprintFacts(
        stand=stand,
        in_both=in_both(there),
        faults=faults(layout, there) if may_look(layout) else (),
        unread=unread,
        command_fails=why_unread(layout, there, command, user) if effective and not unread else "",
        confined=confinement() if layout.home is None else "",
        loose=loose_part(layout.keys, 0) if layout.home is None else None,
    )


def why_another(layout: Layout, effective: Mapping[str, str], tunnel_user: str) -> str:
    """Say for which connections sshd has another command than the one that reads the files."""
    if layout.home is not None:
        is_ours = reads_our_keys(effective.get(KEYS_COMMAND.lower(), ""), private=True)
        return "" if is_ours else f"its {KEYS_COMMAND} is another"
    try:
        return "; ".join(other_commands(MAIN, tunnel_user, KEYS_USER))
    except CheckerError as error:
        return str(error)


def may_look(layout: Layout) -> bool:
    """Return whether we may list the directory; True if it is missing, which is a fault."""
    return not layout.keys.exists() or os.access(layout.keys, os.R_OK | os.X_OK, effective_ids=True)


def why_unread(layout: Layout, there: Places, command: str, user: str) -> str:
    """Run the command for one key that is there, as the account that sshd uses, and return why it
    does not print that key's lines; empty if it does, or if only root could try.
    """
    name, lines = next(iter(files_for(there.listed.lines).items()), ("", b""))
    if not name or os.geteuid() != 0:
        return ""
    if not is_account(user):
        return f"its account {user} does not exist"
    ids = ids_of(user)
    words = [word.replace("%f", name.removesuffix(".pub")) for word in shlex.split(command)]
    words = [word.replace("%%", "%") for word in words]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=ANSWERS_WITHIN_S,
            user=ids.uid,
            group=ids.gid,
            extra_groups=[],
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"it cannot be run as {user}: {error}"
    if (layout.keys / name).exists() and (done.returncode != 0 or done.stdout != lines):
        said = done.stderr.decode("utf-8", "replace").strip() or "nothing of that file"
        return f"as {user}, it prints {said}"
    return ""


def loose_part(path: Path, uid: int, *, within: Path = Path("/")) -> Path | None:
    """Return the first part of the path that others can write: sshd then ignores the key file.
    Source: sshd_config(5), StrictModes.
    """
    for place in (path, *path.parents):
        if not place.is_relative_to(within):
            break
        with contextlib.suppress(OSError):
            found = place.stat()
            if found.st_mode & 0o022 or found.st_uid not in (0, uid):
                return place
    return None
