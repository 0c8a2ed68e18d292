"""Disable a node whose file is broken, without understanding the file."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

from checker.config.files import write_atomically
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import NodeName
from checker.registry.authorized_keys import present_keys, write_keys
from checker.registry.key_lines import GateCommand
from checker.registry.key_places import read_places, write_places
from checker.registry.reading import node_path

MOST_EDITED_BYTES = 64 << 20
"""A larger file cannot be disabled, only removed."""
ENABLED_LINE = re.compile(rb"(?m)^[ \t]*enabled[ \t]*=[^\n]*$")
TABLE = re.compile(rb"(?m)^[ \t]*\[")


def with_disabled(content: bytes) -> bytes:
    """Return a node's file, valid or not, edited to say `enabled = false`: in place of its
    `enabled` line, or at its top.
    """
    tables = TABLE.search(content)
    head, rest = (
        (content[: tables.start()], content[tables.start() :]) if tables else (content, b"")
    )
    replaced, count = ENABLED_LINE.subn(b"enabled = false", head, count=1)
    if count:
        return replaced + rest
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    return mark + b"enabled = false\n" + content.removeprefix(mark)


def disable_broken(
    layout: Layout, name: NodeName, command: GateCommand, *, meanwhile: Callable[[], None]
) -> None:
    """Revoke a broken node's rights, under `locked`, and write `enabled = false` into its file, so
    that they stay revoked when somebody repairs it.

    As in `changes.change`, write the key file first, then call `meanwhile`, then write the node's
    file; if a step fails, undo all. What is not a regular file stays as it is: it cannot become a
    node. Raises ConfigError, and what `meanwhile` raises.
    """
    path = node_path(layout, name)
    content = content_of(path)
    before = present_keys(layout)
    write_keys(layout, command, without={name})
    try:
        meanwhile()
        if content is not None:
            write_atomically(path, with_disabled(content), mode=0o644)
    except BaseException:
        with contextlib.suppress(ConfigError):  # report the first error
            write_places(read_places(layout.authorized_keys), before)
        raise


def content_of(path: Path) -> bytes | None:
    """Read all of a broken file; None if it is not a regular file. Raises ConfigError."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return None
        if found.st_size > MOST_EDITED_BYTES:
            raise ConfigError(path, "is too large to edit; run node remove, or move it away")
        if not os.access(path, os.R_OK, effective_ids=True):
            path.chmod(stat.S_IMODE(found.st_mode) | 0o600)
        return path.read_bytes()
    except FileNotFoundError:
        return None  # a dangling link
    except OSError as error:
        raise ConfigError(
            path,
            f"cannot be read ({error.strerror}); to disable its node, make it readable, or run node"
            " remove",
        ) from error
