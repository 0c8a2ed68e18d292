"""Where the keys of a home are: a file for each if root runs its sshd, else the key file."""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.registry.authorized_keys import gate_command, move_keys
from checker.registry.key_files import Stand
from checker.registry.key_folder import put_files
from checker.registry.key_places import in_both, read_places
from checker.registry.lock import is_ours, locked
from checker.sshd.lockdown import is_plain, keys_command
from checker.sshd.private import is_strict

log = logging.getLogger(__name__)
PROBE, ANSWER = "probe", b"# a key would be here\n"
ANSWERS_WITHIN_S = 10


def place_keys(layout: Layout, config: Config) -> str:
    """Put the keys where the sshd that starts next will read them. Return the account that reads
    them by fingerprint; empty if they are in the key file. Raises CheckerError.

    It is the tunnel user: whoever runs programs as it may speak for each node anyway. No login can
    be refused meanwhile, as no sshd runs.
    """
    user = config.tunnel_user
    if not may_read_by_command(layout, config.tunnel_uid):
        keep_in_file(layout)
        return ""
    there = read_places(layout.authorized_keys)
    with locked(layout):
        if there.listed.stand is not Stand.FINGERPRINT or in_both(there):
            move_keys(layout, gate_command(layout), Stand.TO_FINGERPRINT)
        trouble = why_unread(layout.keys, config.tunnel_uid)
        if not trouble:
            move_keys(layout, gate_command(layout), Stand.FINGERPRINT)
            return user
    log.warning("sshd cannot read %s (%s); the keys stay in the key file", layout.keys, trouble)
    keep_in_file(layout)
    return ""


def keep_in_file(layout: Layout) -> None:
    """Have the keys in the key file, which every sshd reads. Raises CheckerError."""
    if read_places(layout.authorized_keys).is_by_fingerprint and is_ours(layout):
        with locked(layout):
            move_keys(layout, gate_command(layout), Stand.TO_FILE)
            move_keys(layout, gate_command(layout), Stand.FILE)


def may_read_by_command(layout: Layout, uid: int) -> bool:
    """Return whether root runs this home for another account, and nobody else can write there."""
    return (
        os.geteuid() == 0
        and uid != 0
        and is_plain(layout.keys)
        and is_strict(layout.authorized_keys)
        and all(
            place.stat().st_uid == 0
            for place in (layout.authorized_keys, *layout.authorized_keys.parents)
            if place.exists()
        )
    )


def why_unread(folder: Path, uid: int) -> str:
    """Read a file there as sshd will; say why that fails, empty if it does not. Raises
    CheckerError.
    """
    put_files(folder, {f"{PROBE}.pub": ANSWER})
    try:
        words = shlex.split(keys_command(folder).replace("%f", PROBE).replace("%%", "%"))
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=ANSWERS_WITHIN_S,
            user=uid,
            extra_groups=[],
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    finally:
        put_files(folder, {f"{PROBE}.pub": b""})
    if done.stdout != ANSWER:
        return done.stderr.decode("utf-8", "replace").strip() or "it prints nothing"
    return ""
