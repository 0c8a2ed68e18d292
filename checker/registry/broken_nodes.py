"""What can be done to a node whose file is broken without understanding the file: take its rights
away, for good.
"""

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
from checker.registry.authorized_keys import write_keys
from checker.registry.key_lines import GateCommand
from checker.registry.reading import node_path

MOST_BYTES = 64 << 20
"""A larger file cannot be disabled, only removed."""
SAID_SO = re.compile(rb"(?m)^[ \t]*enabled[ \t]*=[^\n]*$")
TABLE = re.compile(rb"(?m)^[ \t]*\[")


def with_disabled(content: bytes) -> bytes:
    """A node's file, valid or not, that says `enabled = false` once it can be read: at its top, or
    where it said something else.
    """
    tables = TABLE.search(content)
    head, rest = (
        (content[: tables.start()], content[tables.start() :]) if tables else (content, b"")
    )
    replaced, count = SAID_SO.subn(b"enabled = false", head, count=1)
    if count:
        return replaced + rest
    mark = b"\xef\xbb\xbf" if content.startswith(b"\xef\xbb\xbf") else b""
    return mark + b"enabled = false\n" + content.removeprefix(mark)


def disable_broken(
    layout: Layout, name: NodeName, command: GateCommand, *, meanwhile: Callable[[], None]
) -> None:
    """Take a broken node's rights away, under `locked`, and note that in its file, which keeps them
    away when somebody mends it.

    As in `registry.change` the key file comes first, then `meanwhile`, then the file; all of it or
    nothing. What is no regular file gets no note: no node can come of it. Raises ConfigError, and
    what `meanwhile` raises.
    """
    path = node_path(layout, name)
    content = content_of(path)
    before = layout.authorized_keys.read_bytes() if layout.authorized_keys.exists() else b""
    write_keys(layout, command, without={name})
    try:
        meanwhile()
        if content is not None:
            write_atomically(path, with_disabled(content), mode=0o644)
    except BaseException:
        with contextlib.suppress(ConfigError):  # what came in between is the one to be told of
            write_atomically(Path(os.path.realpath(layout.authorized_keys)), before, mode=0o644)
        raise


def content_of(path: Path) -> bytes | None:
    """All of a broken file; None if it is no regular file. Raises ConfigError."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return None
        if found.st_size > MOST_BYTES:
            raise ConfigError(path, "is too large to be disabled; run node remove, or move it away")
        if not os.access(path, os.R_OK, effective_ids=True):
            path.chmod(stat.S_IMODE(found.st_mode) | 0o600)
        return path.read_bytes()
    except FileNotFoundError:
        return None  # a link to nowhere
    except OSError as error:
        raise ConfigError(
            path,
            f"can not be read ({error.strerror}); to disable its node make it readable, or run node"
            " remove",
        ) from error
