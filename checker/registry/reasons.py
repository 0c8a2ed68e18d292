"""Read and write `nodes/NAME.why`: why a node is disabled, in one line.

It grants nothing, and an older release ignores it. A node that is enabled has none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from checker.config.files import write_changed
from checker.config.layout import Layout
from checker.model import InvalidValue, NodeName, parse_note, printable

SUFFIX = ".why"
MOST_CHARACTERS = 200


def reason_path(layout: Layout, name: NodeName) -> Path:
    """Return the path, beside the node's own file."""
    return layout.nodes / f"{name}{SUFFIX}"


def parse_reason(text: str) -> str:
    """Parse why a node is disabled: one printable line. Raises InvalidValue."""
    try:
        return parse_note(text.strip())
    except InvalidValue as error:
        raise InvalidValue(f"the reason cannot be written: {error}") from error


def read_reason(layout: Layout, name: NodeName) -> str:
    """Return why the node is disabled; empty if nobody said, or we cannot read it."""
    try:
        with reason_path(layout, name).open(encoding="utf-8", errors="replace") as file:
            return printable(file.readline(4 * MOST_CHARACTERS).strip(), MOST_CHARACTERS)
    except OSError:
        return ""


def read_reasons(layout: Layout, barred: Mapping[NodeName, str]) -> dict[NodeName, str]:
    """Return why nodes are disabled, as far as somebody said; `barred`: why each node may not
    listen, in one word.
    """
    found = {name: read_reason(layout, name) for name, word in barred.items() if word == "disabled"}
    return {name: why for name, why in found.items() if why}


@contextlib.contextmanager
def reason_kept(layout: Layout, name: NodeName, why: str) -> Iterator[None]:
    """Write the reason before the block, which disables the node under `locked`: whoever sees the
    node disabled sees why. Restore the earlier one if the block fails. Raises ConfigError.
    """
    path, before = reason_path(layout, name), read_reason(layout, name)
    put(path, why)
    try:
        yield
    except BaseException:
        put(path, before)
        raise


def put(path: Path, why: str) -> None:
    """Write the file, or remove it if there is no reason. Raises ConfigError."""
    if why:
        write_changed(path, f"{why}\n".encode(), mode=0o644)
    else:
        path.unlink(missing_ok=True)
