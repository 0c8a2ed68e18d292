"""Read and write our key lines where they belong: the key file, a file for each key, or both.

Each change goes to all places before it counts as made, so that a key that is withdrawn opens
nothing in any of them. A mark tells whoever comes next that a change of the directory was
interrupted; then all of it is compared, not only what changes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from checker.config.files import present_file, sync_folder, write_atomically
from checker.config.layout import Layout, keys_beside, list_beside
from checker.config.toml_file import ConfigError
from checker.registry.changed_lines import LineChange, changed_key_files, journal_of
from checker.registry.key_files import (
    HASH,
    MOST_CHANGES,
    KeyList,
    Stand,
    changed_files,
    files_for,
    lines_of_others,
    others_in,
    ours_in,
    owners_in,
    parse_list,
    same_lines,
)
from checker.registry.key_folder import differences, put_files, reconcile, remove_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What is where now."""

    key_file: Path
    file: bytes
    """The content of `authorized_keys`; empty if there is none."""
    listed: KeyList = field(default_factory=KeyList)
    is_unfinished: bool = False
    """Whether a change of the directory was interrupted."""

    @property
    def is_by_fingerprint(self) -> bool:
        """Whether there is a file for each key."""
        return self.listed.stand is not Stand.FILE

    @property
    def is_in_file(self) -> bool:
        """Whether our lines are in `authorized_keys`. Once there, they only leave it when `init`
        has shown that sshd reads the others: an earlier release may have put them there, and sshd's
        settings back.
        """
        return self.listed.stand is not Stand.FINGERPRINT or any(owners_in(self.file))

    @property
    def present(self) -> bytes:
        """All lines that sshd accepts, as one key file would have them. An earlier release may have
        written only some of ours into it.
        """
        if not self.is_by_fingerprint:
            return self.file
        file = self.file if self.is_in_file else others_in(self.file)
        is_ended = not file or file.endswith(b"\n")
        return file + (b"" if is_ended else b"\n") + lines_of_others(self.listed.lines, file)

    @property
    def is_spread(self) -> bool:
        """Whether more than one place must be looked at to know what is there: our lines are in
        both places, or a change was interrupted.
        """
        return self.is_by_fingerprint and (self.is_unfinished or self.is_in_file)

    @property
    def lines(self) -> bytes:
        """The content of the one place of our lines, unless they are spread."""
        return self.listed.lines if self.is_by_fingerprint else self.file

    def file_for(self, wanted: bytes) -> bytes:
        """Return what `authorized_keys` must say for these lines."""
        return wanted if self.is_in_file else others_in(wanted)

    def lag(self, wanted: bytes) -> bool:
        """Return whether anything must be written so that sshd accepts exactly these lines."""
        return not same_lines(self.file, self.file_for(wanted)) or (
            self.is_by_fingerprint
            and (self.is_unfinished or not same_lines(self.listed.lines, ours_in(wanted)))
        )


def mark_of(key_file: Path) -> Path:
    """Return the file that is there while the directory is being changed."""
    return key_file.with_name(".keys-unfinished")


def read_places(key_file: Path) -> Places:
    """Raises ConfigError."""
    content = present_file(list_beside(key_file))
    is_lost = content is None and any(keys_beside(key_file).glob(f"{HASH}*"))
    # sshd may still read the files: whoever removes a key must find them
    unlisted = KeyList(stand=Stand.TO_FINGERPRINT if is_lost else Stand.FILE)
    listed = unlisted if content is None else parse_list(content)
    return Places(
        key_file=key_file,
        file=present_file(key_file) or b"",
        listed=listed,
        is_unfinished=is_lost
        or mark_of(key_file).exists()
        or (listed.stand is not Stand.FILE and not keys_beside(key_file).is_dir()),
    )


def write_places(there: Places, wanted: bytes) -> None:
    """Make sshd accept exactly these lines. Raises ConfigError."""
    if there.is_by_fingerprint:
        lines = ours_in(wanted)
        if there.is_unfinished:
            write_folder(there.key_file, lines)
        elif lines != there.listed.lines:
            write_changes(there.key_file, there.listed.lines, lines)
    write_file(there, there.file_for(wanted))
    if there.is_by_fingerprint:
        write_list(there, replace(there.listed, lines=ours_in(wanted)))
        finish(there.key_file)


def write_part(there: Places, change: LineChange) -> None:
    """Change the lines of some owners where they are; not if they are spread. Raises
    ConfigError.
    """
    if not there.is_by_fingerprint:
        write_file(there, change.wanted)
        return
    if change.differing:
        begin(there.key_file)
        put_files(keys_beside(there.key_file), changed_key_files(change))
        append_list(there, change)
        finish(there.key_file)


def append_list(there: Places, change: LineChange) -> None:
    """Append the change to the list, or write all of it if it has too many of them. Raises
    ConfigError.
    """
    path = list_beside(there.key_file)
    added = journal_of(change)
    if not added or there.listed.changes + len(added) > MOST_CHANGES or there.listed.is_torn:
        write_list(there, replace(there.listed, lines=change.wanted))
        return
    try:
        with path.open("ab") as file:
            file.write(b"".join(added))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ConfigError(
            path, f"cannot be written ({error.strerror}); check free space and permissions there"
        ) from error


def write_changes(key_file: Path, before: bytes, after: bytes) -> None:
    """Change the files of the keys whose lines differ. Raises ConfigError."""
    if changes := changed_files(before, after):  # not where only lines that are cut off differ
        begin(key_file)
        put_files(keys_beside(key_file), changes)


def write_folder(key_file: Path, lines: bytes) -> None:
    """Make the directory hold the files of exactly these lines. Raises ConfigError."""
    begin(key_file)
    reconcile(keys_beside(key_file), files_for(lines))


def write_file(there: Places, wanted: bytes) -> None:
    """Write `authorized_keys` if it differs; a symbolic link stays one. Raises ConfigError."""
    is_new = not there.key_file.exists()
    if wanted != there.file or is_new:
        path = Path(os.path.realpath(there.key_file))
        write_atomically(path, wanted, mode=0o644)
        if is_new:  # in a closed directory, too: sshd reads it as the tunnel user
            path.chmod(0o644)


def write_list(there: Places, listed: KeyList) -> None:
    """Raises ConfigError."""
    path = list_beside(there.key_file)
    if listed != there.listed or there.listed.is_torn or not path.exists():
        write_atomically(path, listed.render(), mode=0o644)


def begin(key_file: Path) -> None:
    """Note that the directory is being changed. Raises ConfigError."""
    mark = mark_of(key_file)
    try:
        if not mark.exists():
            mark.touch()
            sync_folder(mark.parent)
    except OSError as error:
        raise ConfigError(
            mark, f"cannot be written ({error.strerror}); check free space and permissions there"
        ) from error


def finish(key_file: Path) -> None:
    mark_of(key_file).unlink(missing_ok=True)


def move(there: Places, stand: Stand, wanted: bytes, why: str = "") -> None:
    """Have the keys belong where `stand` says, and write these lines there. Raises ConfigError.

    To leave `authorized_keys`, the directory comes first; to leave the directory,
    `authorized_keys` does. Interrupted at any point, sshd accepts each key in one place at least.
    """
    lines = ours_in(wanted)
    after = KeyList(stand=stand, why=why, lines=b"" if stand is Stand.FILE else lines)
    if stand is Stand.FILE:
        write_file(there, wanted)
        write_list(there, after)
        remove_folder(keys_beside(there.key_file))
    else:
        if stand is Stand.TO_FILE:
            write_file(there, wanted)
        write_folder(there.key_file, lines)
        write_list(there, after)
        write_file(there, others_in(wanted) if stand is Stand.FINGERPRINT else wanted)
    finish(there.key_file)


def restored(key_file: Path) -> None:
    """Have the keys belong in `authorized_keys` only, as a backup has them. Raises ConfigError."""
    if not read_places(key_file).is_by_fingerprint:
        return
    list_beside(key_file).unlink(missing_ok=True)
    remove_folder(keys_beside(key_file))
    finish(key_file)


def in_both(there: Places) -> tuple[str, ...]:
    """Return whose keys are in the key file though there are files by fingerprint."""
    return tuple(sorted(set(owners_in(there.file)))) if there.is_by_fingerprint else ()


def faults(layout: Layout, there: Places) -> Sequence[tuple[str, str]]:
    """Return each file of the directory that is not as the list has it, and why, as a clause; none
    if we may not look.
    """
    if not there.is_by_fingerprint:
        return ()
    try:
        return sorted(differences(layout.keys, files_for(there.listed.lines)))
    except FileNotFoundError:
        return (("", "is missing"),)
    except PermissionError:
        return ()
    except OSError as error:
        return (("", f"cannot be read ({error.strerror})"),)
