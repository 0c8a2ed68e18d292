"""Write a bundle, and note in the registry which host keys it pins."""

from __future__ import annotations

import time
from pathlib import Path

from checker.config.files import write_secret
from checker.config.layout import Layout
from checker.model import NodeName, fingerprint
from checker.registry.lock import is_ours, locked
from checker.registry.pin_files import note_pins
from checker.registry.pins import Pins
from checker.sshd.host_keys import as_pin
from client.bundle.compose import Bundle, render


def hand_out(layout: Layout, bundle: Bundle, folder: Path, path: Path | None = None) -> Path:
    """Write the bundle, to NODE.sh in the folder unless a path is given; return its path. Raises
    ConfigError.
    """
    path = path or folder / f"{bundle.node}.sh"
    if is_ours(layout):
        with locked(layout):
            note_pins(layout, NodeName(bundle.node), pins_in(bundle, int(time.time())))
    write_secret(path, render(bundle).encode())
    return path


def unnoted(layout: Layout) -> str:
    """Say why the registry will not know which host keys a bundle pins; empty if it will."""
    return (
        ""
        if is_ours(layout) or not layout.nodes.exists()
        else (
            f"you may not write to {layout.nodes}, so doctor will not know which host keys this"
            " pins; to have it noted, build with sudo"
        )
    )


def pins_in(bundle: Bundle, now: int) -> Pins:
    """Return what the bundle pins, for the registry."""
    return Pins(
        at=now,
        node_key="" if bundle.key is None else fingerprint(bundle.key.public),
        host_keys=tuple(map(as_pin, bundle.host_keys)),
    )
