"""Note in the registry which host keys a bundle pins, and what a device proved to have."""

from __future__ import annotations

from checker.config.layout import Layout
from checker.model import NodeName, fingerprint
from checker.registry.enrolment_pins import note_enrolment_pins
from checker.registry.lock import is_ours, locked
from checker.registry.pin_files import note_pins, write_pins
from checker.registry.pins import Pins
from checker.sshd.host_keys import as_pin
from client.bundle.compose import Bundle
from client.bundle.gateways import Pinning


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


def pins_in(bundle: Bundle, pinning: Pinning, now: int) -> Pins:
    """Return what the bundle pins for this machine; other gateways note their own."""
    return Pins(
        at=now,
        node_key="" if bundle.key is None or bundle.enrolment else fingerprint(bundle.key.public),
        host_keys=tuple(map(as_pin, pinning.own)),
        to_come=tuple(map(as_pin, pinning.to_come)),
    )


def note(layout: Layout, name: str, pins: Pins) -> None:
    """Note what a node's device may have from now on, unless we may not. Raises ConfigError."""
    if is_ours(layout):
        with locked(layout):
            note_pins(layout, NodeName(name), pins)


def note_enrolment(layout: Layout, id_: str, pins: Pins) -> None:
    """Note what the devices of an enrolment may have, unless we may not. Raises ConfigError."""
    if is_ours(layout):
        with locked(layout):
            note_enrolment_pins(layout, id_, pins)


def note_installed(layout: Layout, name: str, pins: Pins) -> None:
    """Note what a node's device has, and nothing else, unless we may not. Raises ConfigError."""
    if is_ours(layout):
        with locked(layout):
            write_pins(layout, NodeName(name), (pins,))
