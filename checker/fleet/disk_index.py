"""The signed entries and cards on the disk, by revision and digest.

Only what changed is read again: 30,000 entries are compared every few seconds.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from checker.config.layout import Layout
from checker.config.toml_file import MOST_BYTES, ConfigError, beginning
from checker.fleet.card_files import cards_folder
from checker.fleet.comparing import Held
from checker.fleet.sealed import Sealed, digest
from checker.registry.bucket_values import GATEWAY, NODE, Key
from checker.registry.entries import rev_of
from checker.registry.entry_files import (
    SIGNATURE,
    entries_folder,
    left_out_folder,
    read_signature,
)

SUFFIX = ".toml"
SETTLED_AFTER_NS = 2_000_000_000
"""A folder that changed later than that ago may have changed again within one tick."""
Stamp = tuple[int, int, int]


@dataclass(slots=True, kw_only=True)
class Folder:
    """One folder, as it was read last."""

    path: Path
    kind: str
    is_signing: bool
    """Whether only texts with a signature count."""
    changed_ns: int = -1
    stamps: dict[str, Stamp] = field(default_factory=dict)
    held: dict[Key, Held] = field(default_factory=dict)

    def look(self, now_ns: int) -> bool:
        """Read what changed; return whether something did. Raises ConfigError."""
        try:
            changed = self.path.stat().st_mtime_ns
        except OSError:
            changed = 0
        if changed == self.changed_ns:
            return False
        self.changed_ns = changed if now_ns - changed > SETTLED_AFTER_NS else -1
        return self.read() if changed else False

    def read(self) -> bool:
        found: dict[str, Stamp] = {}
        sealed = set()
        try:
            with os.scandir(self.path) as entries:
                for one in entries:
                    if one.name.endswith(SUFFIX + SIGNATURE):
                        sealed.add(one.name.removesuffix(SUFFIX + SIGNATURE))
                    elif one.name.endswith(SUFFIX) and not one.name.startswith("."):
                        stat = one.stat(follow_symlinks=False)
                        found[one.name.removesuffix(SUFFIX)] = (
                            stat.st_mtime_ns,
                            stat.st_size,
                            stat.st_ino,
                        )
        except OSError as error:
            raise ConfigError(self.path, f"cannot be read ({error.strerror})") from error
        if self.is_signing:
            found = {name: stamp for name, stamp in found.items() if name in sealed}
        other = [name for name, stamp in found.items() if self.stamps.get(name) != stamp]
        gone = self.stamps.keys() - found.keys()
        for name in gone:
            self.held.pop(Key(kind=self.kind, name=name), None)
        for name in other:
            self.read_one(name)
        self.stamps = found
        return bool(other or gone)

    def read_one(self, name: str) -> None:
        key = Key(kind=self.kind, name=name)
        try:
            text = beginning(self.path / f"{name}{SUFFIX}", MOST_BYTES)
        except ConfigError:
            self.held.pop(key, None)
            return
        if rev := rev_of(text):
            self.held[key] = Held(rev=rev, digest=digest(text))
        else:
            self.held.pop(key, None)


class DiskIndex:
    """The entries and cards of this gateway, and the entries that root left out."""

    def __init__(self, layout: Layout, *, is_signing: bool) -> None:
        places = ((entries_folder(layout), NODE), (cards_folder(layout), GATEWAY))
        self.folders = [
            Folder(path=path, kind=kind, is_signing=is_signing) for path, kind in places
        ]
        self.left_out = Folder(path=left_out_folder(layout), kind=NODE, is_signing=False)

    def look(self) -> bool:
        """Look again; return whether something changed. Raises ConfigError."""
        now_ns = time.time_ns()
        return sum(one.look(now_ns) for one in (*self.folders, self.left_out)) > 0

    @property
    def held(self) -> dict[Key, Held]:
        return {key: one for folder in self.folders for key, one in folder.held.items()}

    @property
    def waiting(self) -> dict[Key, Held]:
        return self.left_out.held

    def sealed(self, key: Key, held: Held) -> Sealed | None:
        """Return the text with its signature; None if it is another one by now."""
        folder = next(one.path for one in self.folders if one.kind == key.kind)
        path = folder / f"{key.name}{SUFFIX}"
        try:
            found = Sealed(text=beginning(path, MOST_BYTES), signature=read_signature(path))
        except (ConfigError, OSError):
            return None
        return found if digest(found.text) == held.digest else None
