"""Read and write `nodes/NAME.pins`: the host keys that were handed to a node's device.

Whoever makes files for a device notes there which host keys they pin, under the registry's lock. It
grants nothing, and an older release ignores it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from checker.config.files import write_changed
from checker.config.layout import Layout
from checker.model import Node, NodeName
from checker.registry.pins import Pins, in_use, parse_pins, pins_text, with_newest

SUFFIX = ".pins"


def pins_path(layout: Layout, name: NodeName) -> Path:
    """Return the path, beside the node's own file."""
    return layout.nodes / f"{name}{SUFFIX}"


def read_pins(layout: Layout, name: NodeName) -> tuple[Pins, ...]:
    """Return what was handed out, the oldest first; nothing if there is no file, or we cannot read
    it.
    """
    try:
        text = pins_path(layout, name).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(parse_pins(text))


def pins_of(layout: Layout, node: Node) -> tuple[Pins, ...]:
    """Return what the node's device may have now."""
    return in_use(read_pins(layout, node.name), node.public_keys)


def note_pins(layout: Layout, name: NodeName, newest: Pins) -> None:
    """Note what was handed out, under `locked`. Raises ConfigError."""
    write_pins(layout, name, with_newest(read_pins(layout, name), newest))


def write_pins(layout: Layout, name: NodeName, pins: Sequence[Pins]) -> None:
    """Write the file, or remove it if there is nothing to say. Raises ConfigError."""
    path = pins_path(layout, name)
    if pins:
        write_changed(path, pins_text(pins), mode=0o644)
    else:
        path.unlink(missing_ok=True)
