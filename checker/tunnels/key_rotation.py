"""Do as root what the daemon notes: end old keys and ports, and update the key file.

Old ones end once their devices use the new ones; the key file follows files edited by hand. The
daemon may write neither the registry nor the key file. When it leaves a note, systemd runs
`python -m checker.tunnels.key_rotation` as root. A note is only a file's name: NODE for a key,
NODE:PORT for a port, `_keys` for the key file, +ID for devices of an enrolment that needs no
operator. All that a note can bring about is what the registry says already, and only root writes
that: it also says how many devices an enrolment takes, until when, and what they get.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path

from checker import journal
from checker.config.layout import SYSTEM, Layout
from checker.config.toml_file import ConfigError
from checker.haproxy.publish import tell_haproxy
from checker.model import (
    ENROLS,
    CheckerError,
    NodeName,
    Port,
    enrolment_of,
    parse_enrolment_id,
    parse_name,
    parse_port,
    printable,
)
from checker.registry.accepting import accept, failures_in
from checker.registry.authorized_keys import gate_command, present_keys, write_keys
from checker.registry.changes import use_new_key
from checker.registry.kept_rights import key_lines
from checker.registry.lock import locked
from checker.registry.reading import read_registry
from checker.state.store import read_applicants

KEYS = "_keys"
"""The note about the key file; no node can have that name."""


def notes(layout: Layout) -> Path:
    """Return the directory of the notes."""
    return layout.state.parent / "new-keys"


def note(layout: Layout, name: NodeName, port: Port | None = None) -> None:
    """Ask root to remove the old key, or the port that this one replaces. Raises ConfigError."""
    leave(layout, name if port is None else f"{name}:{port}")


def note_keys(layout: Layout) -> None:
    """Ask root to bring the key file in line with the registry. Raises ConfigError."""
    leave(layout, KEYS)


def note_enrolment(layout: Layout, id_: str) -> None:
    """Ask root to accept the devices that wait by this enrolment. Raises ConfigError."""
    leave(layout, f"{ENROLS}{id_}")


def leave(layout: Layout, text: str) -> None:
    place = notes(layout)
    try:
        place.mkdir(mode=0o755, exist_ok=True)
        (place / text).touch()
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
                troubles.append(f"{printable(name)}: {error}")
    finally:
        os.close(place)
    return tuple(troubles)


def settle_one(layout: Layout, noted: str) -> None:
    """Carry out one note. Raises CheckerError."""
    if noted == KEYS:
        follow_registry(layout)
        return
    enrolment = enrolment_of(noted)
    if enrolment is not None:
        accept_by_itself(layout, parse_enrolment_id(enrolment))
        return
    name, colon, port = noted.partition(":")
    with locked(layout):
        use_new_key(
            layout, parse_name(name), gate_command(layout), parse_port(port) if colon else None
        )
    about_proxy = tell_haproxy(layout) if colon else None
    if about_proxy is not None:
        level = logging.WARNING if about_proxy.is_warning else logging.INFO
        journal.write(f"reversi: {about_proxy.text}", level)


def accept_by_itself(layout: Layout, id_: str) -> None:
    """Accept all devices that wait by an enrolment, if its own file says that this needs no
    operator. Raises CheckerError.
    """
    waiting = [
        one for one in read_applicants(layout.state) if one.enrolment == id_ and not one.is_rejected
    ]
    done = accept(layout, waiting, gate_command(layout), by_itself=True)
    for applicant, node in done.accepted:
        text = f"enrolment {id_} accepted {applicant.fingerprint} as node {node.name}"
        journal.write(f"reversi: {text}", logging.INFO)
    for sentence in failures_in(done):
        journal.write(f"reversi: enrolment {id_}: {sentence}", logging.WARNING)


def follow_registry(layout: Layout) -> None:
    """Bring the key file in line with files edited by hand; nodes with a broken file keep their
    lines. Raises ConfigError, also if every node is gone: that looks like an accident.
    """
    with locked(layout):
        registry = read_registry(layout.nodes)
        if not (registry.nodes or registry.broken) and key_lines(present_keys(layout)):
            raise ConfigError(
                layout.nodes,
                "has no node any more, so the key file stays as it is; if you removed them all,"
                " run: sudo reversi-checker init",
            )
        write_keys(layout, gate_command(layout))
    journal.write(f"reversi: {layout.authorized_keys} follows the registry", logging.INFO)


def main() -> None:
    """Carry out the notes of this machine's gateway. End with 1 if one cannot be removed: systemd
    then waits before it starts us again.
    """
    journal.start_logging(logging.INFO)
    for trouble in settle(SYSTEM):
        journal.write(f"reversi: {trouble}", logging.WARNING)
    place = notes(SYSTEM)
    sys.exit(1 if place.is_dir() and any(place.iterdir()) else 0)


if __name__ == "__main__":
    main()
