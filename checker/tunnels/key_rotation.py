"""Remove old keys and ports as root, once the daemon has noted that their devices use the new ones.

The daemon may not write the registry. When it leaves a note, systemd runs `python -m
checker.tunnels.key_rotation` as root. A note is only a file's name: NODE for a key, NODE:PORT for a
port.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from checker import journal
from checker.config.layout import SYSTEM, Layout
from checker.config.toml_file import ConfigError
from checker.haproxy.publish import tell_haproxy
from checker.model import CheckerError, NodeName, Port, parse_name, parse_port
from checker.registry.authorized_keys import gate_command
from checker.registry.changes import use_new_key
from checker.registry.lock import locked


def notes(layout: Layout) -> Path:
    """Return the directory of the notes."""
    return layout.state.parent / "new-keys"


def note(layout: Layout, name: NodeName, port: Port | None = None) -> None:
    """Ask root to remove the old key, or the port that this one replaces. Raises ConfigError."""
    place = notes(layout)
    try:
        place.mkdir(mode=0o755, exist_ok=True)
        (place / (name if port is None else f"{name}:{port}")).touch()
    except OSError as error:
        raise ConfigError(
            place, f"cannot be written ({error.strerror}); run: sudo reversi-checker init"
        ) from error


def settle(layout: Layout) -> tuple[str, ...]:
    """Carry out and remove all notes; return a sentence for each that failed.

    The directory belongs to another account, so it is opened once and no link is followed: none can
    lead root elsewhere.
    """
    try:
        place = os.open(notes(layout), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ()
    troubles = []
    try:
        for name in sorted(os.listdir(place)):  # noqa: PTH208 - of a descriptor
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=place)
            try:
                settle_one(layout, name)
            except CheckerError as error:
                troubles.append(f"{name}: {error}")
    finally:
        os.close(place)
    return tuple(troubles)


def settle_one(layout: Layout, noted: str) -> None:
    """Carry out one note. Raises CheckerError."""
    name, colon, port = noted.partition(":")
    with locked(layout):
        use_new_key(
            layout, parse_name(name), gate_command(layout), parse_port(port) if colon else None
        )
    about_proxy = tell_haproxy(layout) if colon else None
    if about_proxy is not None:
        level = logging.WARNING if about_proxy.is_warning else logging.INFO
        journal.write(f"reversi: {about_proxy.text}", level)


def main() -> None:
    """Carry out the notes of this machine's gateway."""
    journal.start_logging(logging.INFO)
    for trouble in settle(SYSTEM):
        journal.write(f"reversi: {trouble}", logging.WARNING)


if __name__ == "__main__":
    main()
