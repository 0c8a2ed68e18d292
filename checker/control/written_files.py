"""Secret files that belong together: all of them are written, or none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from checker.config.files import write_secret
from checker.config.toml_file import ConfigError


@dataclass(slots=True)
class Files:
    """Files that are being written, and how to take that back."""

    before: dict[Path, bytes | None] = field(default_factory=dict)
    """What each file held; None: it was not there."""
    folders: list[Path] = field(default_factory=list)
    """Directories that were not there."""

    def write(self, path: Path, content: bytes) -> None:
        """Write a file that only its owner can read. Raises ConfigError, OSError."""
        if not path.parent.exists():
            self.folders.append(path.parent)
        self.remember(path)
        write_secret(path, content)

    def remove(self, path: Path) -> None:
        """Remove a file if it is there. Raises OSError."""
        if path.exists():
            self.remember(path)
            path.unlink()

    def remember(self, path: Path) -> None:
        self.before.setdefault(path, path.read_bytes() if path.exists() else None)

    def undo(self) -> None:
        """Take all of it back, as far as that is possible: the first error is the one to report."""
        for path, content in self.before.items():
            with contextlib.suppress(ConfigError, OSError):
                if content is None:
                    path.unlink(missing_ok=True)
                else:
                    write_secret(path, content)
        for folder in self.folders:
            with contextlib.suppress(OSError):  # somebody else put a file there
                folder.rmdir()


@contextlib.contextmanager
def taken_back_if_it_fails() -> Iterator[Files]:
    """Give the block files to write; if it fails, none of them stays."""
    files = Files()
    try:
        yield files
    except BaseException:
        files.undo()
        raise
