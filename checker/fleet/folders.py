"""The registry of a fleet as plain files in a folder: for git, a medium, or another gateway."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from checker.config.files import make_folder
from checker.config.layout import Layout
from checker.config.toml_file import MOST_BYTES, ConfigError, beginning, toml_files
from checker.control.sealing import AS_IT_IS, Present
from checker.fleet.exchange import documents
from checker.fleet.sealed import Sealed, from_one_text
from checker.model.gateway_id import GatewayId
from checker.registry.entries import rev_of
from checker.registry.entry_files import forget, read_pair, write_signed
from checker.registry.reading import read_registry
from checker.state import mirrors

NODES = "nodes"
KINDS = ("gateways", NODES)
UNSIGNED = "unsigned"
"""In an export: drafts of what nobody signed yet."""
NOBODY = "nobody"


def mirror_path(layout: Layout, id_: GatewayId) -> Path:
    """Return the mirror of another gateway: `/var/lib/reversi-fleet/ID.db`, or
    `HOME/fleet-mirrors/ID.db`.

    It has the schema of `state.db`, so `open_reader` reads it: tunnels, registrations, unregistered
    devices, events (with that gateway's ids), days and hours, and the last sweep. `every_s` of that
    sweep is longer than the real one, because rows that only aged come seldom. The table
    `pulse` has its last pulse and when that came by our clock (`read_pulse` of
    checker.state.mirrors): epoch, state, version, counts, load. `position` is only for the agent.
    """
    return mirrors.mirror_path(layout, id_)


def export(layout: Layout, folder: Path) -> tuple[int, int]:
    """Write all entries and cards, and drafts of what nobody signed; return how many of each.
    Raises ConfigError.
    """
    found = documents(layout)
    for kind in (*KINDS, UNSIGNED):
        make_folder(folder / kind)
    for (kind, name), (rev, sealed) in found.items():
        write_signed(folder / kind / f"{name}.toml", sealed.text, sealed.signature)
        draft = folder / UNSIGNED / f"{name}.toml"
        if kind == NODES and draft.exists() and rev_of(beginning(draft, MOST_BYTES)) <= rev:
            forget(draft)  # of an earlier export, and signed since
    drafts = list(unsigned(layout))
    for name, text in drafts:
        write_signed(folder / UNSIGNED / f"{name}.toml", text, b"")
    return len(found), len(drafts)


def unsigned(layout: Layout) -> Iterator[tuple[str, bytes]]:
    """Yield the next revision of each node that differs from what was signed; `fleet status` says
    whose entry cannot be read.
    """
    for name in read_registry(layout.nodes).nodes:
        with contextlib.suppress(ConfigError):
            present = Present.read(layout, name)
            if present.wants_signing:
                yield name, present.draft(NOBODY, AS_IT_IS).text


def read_folder(folder: Path) -> tuple[list[Sealed], list[str]]:
    """Read what an export wrote, and say what cannot be read. Raises ConfigError."""
    if not any((folder / kind).is_dir() for kind in KINDS):
        raise ConfigError(
            folder,
            "is not an export of a fleet: it has neither nodes/ nor gateways/; see: fleet export",
        )
    found: list[Sealed] = []
    troubles: list[str] = []
    for path in (path for kind in (*KINDS, UNSIGNED) for path in toml_files(folder / kind)):
        try:
            sealed = read_sealed(path)
            if sealed.signature or path.parent.name != UNSIGNED:
                found.append(sealed)
        except ConfigError as error:
            troubles.append(str(error))
    return found, troubles


def read_sealed(path: Path) -> Sealed:
    """Read an entry or a card with its signature, which is behind the text or in a file beside it.
    Raises ConfigError, also for a link.
    """
    if path.is_symlink():
        raise ConfigError(path, "is a link; give the file itself")
    text, signature = read_pair(path, MOST_BYTES + 1)
    sealed = from_one_text(text)
    return sealed if sealed.signature else Sealed(text=sealed.text, signature=signature)
