"""Whether sshd reads the keys by fingerprint or in one file, and the steps from one to the other.

While both exist, sshd accepts each key in either. Only when a login has shown that sshd reads the
files by fingerprint do our lines leave `authorized_keys`; if it does not, they stay. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from checker.config.layout import SYSTEM
from checker.install.places import DROP_IN
from checker.install.readers import KEYS_FOLDER_MODE
from checker.install.sshd_drop_ins import is_kept, is_ours, reload_words
from checker.install.steps import (
    File,
    Folder,
    Found,
    GoLive,
    KeysInLine,
    KeysMove,
    KeysProof,
    Remove,
    Step,
)
from checker.install.unit_files import KEYS_USER
from checker.registry.key_files import Stand
from checker.sshd.lockdown import drop_in, keys_command

AS_ASKED = "as asked for with init --keys file"


def by_fingerprint(found: Found) -> bool:
    """Return whether sshd should read the keys by fingerprint on this machine."""
    keys = found.keys
    is_now = keys.stand in (Stand.FINGERPRINT, Stand.TO_FINGERPRINT)
    if not can_move(found):
        return is_now
    if keys.asked:
        return keys.asked == Stand.FINGERPRINT
    return is_now or (keys.stand is Stand.FILE and not keys.why)


def can_move(found: Found) -> bool:
    """Return whether `init` can have sshd read the keys in another way, and see whether it does.

    It needs an sshd that runs, and that systemd reloads, and a drop-in that nobody else changed.
    """
    return (
        found.keys.is_sshd_active
        and bool(found.sshd_unit)
        and not is_kept(found)
        and (DROP_IN not in found.entries or found.force or is_ours(found, DROP_IN))
    )


def first_drop_in(found: Found) -> bytes:
    """Return the drop-in that is read first."""
    keys_user = KEYS_USER if by_fingerprint(found) else ""
    user, startups = found.choices.tunnel_user, found.startups
    return drop_in(user, found.unknown_options, keys_user=keys_user, startups=startups)


def key_folders(found: Found) -> Iterator[Folder]:
    """Return the directory of the keys, whose files have its mode and group."""
    if by_fingerprint(found):
        closed = bool(found.choices.readers)
        yield Folder(
            path=SYSTEM.keys,
            mode=KEYS_FOLDER_MODE if closed else 0o755,
            group=KEYS_USER if closed else "root",
        )


def is_settled(found: Found) -> bool:
    """Return whether sshd already reads the keys by fingerprint, and only so."""
    entry = found.entries.get(DROP_IN)
    is_live = entry is not None and keys_command(SYSTEM.keys).encode() in (entry.content or b"")
    return found.keys.stand is Stand.FINGERPRINT and not found.keys.is_in_both and is_live


def before_sshd(found: Found, folders: Sequence[Folder], *, is_edited: bool) -> Iterator[Step]:
    """Write the keys before sshd's settings change. `folders`: those that are made or changed."""
    is_changed = any(folder.path == SYSTEM.keys for folder in folders)
    if by_fingerprint(found):
        if not is_settled(found) and can_move(found):
            yield KeysMove(stand=Stand.TO_FINGERPRINT)
        elif is_changed or found.keys.has_faults:
            settled = is_settled(found)
            yield KeysMove(stand=Stand.FINGERPRINT if settled else Stand.TO_FINGERPRINT)
        elif found.keys_lag or is_edited:
            yield KeysInLine()
    elif found.keys.stand is not Stand.FILE:
        yield KeysMove(stand=Stand.TO_FILE, why=why_file(found))
    elif found.keys_lag or is_edited:
        yield KeysInLine()


def after_sshd(found: Found, live: Sequence[GoLive]) -> Iterator[Step]:
    """Finish once sshd has its settings."""
    if by_fingerprint(found):
        if not is_settled(found) and can_move(found):
            yield KeysProof(back=way_back(found, live))
        return
    if found.keys.stand is not Stand.FILE or found.keys.why != why_file(found):
        yield KeysMove(stand=Stand.FILE, why=why_file(found))
    elif SYSTEM.keys in found.entries and found.entries[SYSTEM.keys].is_folder:
        yield Remove(path=SYSTEM.keys)


def why_file(found: Found) -> str:
    """Return why the keys stay in the key file."""
    return AS_ASKED if found.keys.asked == Stand.FILE else found.keys.why


def way_back(found: Found, live: Sequence[GoLive]) -> GoLive:
    """Return the step that lets sshd read one key file again."""
    content = drop_in(found.choices.tunnel_user, found.unknown_options, startups=found.startups)
    file = File(path=DROP_IN, content=content)
    if live:
        return replace(live[0], file=file, rest=None)
    return GoLive(file=file, reload=reload_words(found.sshd_unit), user=found.choices.tunnel_user)


def key_notes(found: Found) -> Iterator[str]:
    """Say why the keys are not where they were asked to be."""
    keys = found.keys
    if (
        keys.asked
        and not can_move(found)
        and by_fingerprint(found) != (keys.asked == Stand.FINGERPRINT)
    ):
        yield (
            "left as it is: where sshd reads the keys; to change that, sshd must run as a service"
            f" of systemd, and {DROP_IN} must be as init wrote it"
        )
