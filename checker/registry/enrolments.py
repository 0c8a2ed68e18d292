"""The enrolments' files: `enrolments/ID.toml`, and `ID.key` beside it, the private key.

Only root, or the owner of a `--home`, writes them; the daemon reads the first. An older release
reads neither.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import tomli_w

from checker.config.files import make_folder, mode_in, sync_folder, write_atomically, write_secret
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError, flag_in, read_toml, text_in, toml_files, whole_in
from checker.model import (
    MOST_USES,
    PER_ADDRESS,
    CheckerError,
    Enrolment,
    InvalidValue,
    parse_enrolment_id,
    parse_forward,
    parse_note,
    parse_public_key,
    parse_tags,
)
from checker.nearest import did_you_mean

HEAD = "# Written by reversi-checker enrol; to end it: reversi-checker enrol end {}\n"
LATEST = 2**40


class UnknownEnrolment(CheckerError):
    """No enrolment has that id."""

    def __init__(self, id_: str, known: Mapping[str, Enrolment]) -> None:
        hint = did_you_mean(id_, known) or ";"
        super().__init__(
            f"there is no enrolment {id_[:80]!r}{hint} see: reversi-checker enrol list"
        )


class KeyEnrols(CheckerError):
    """Two enrolments, or an enrolment and a node, would have one key."""

    def __init__(self, id_: str) -> None:
        super().__init__(f"that public key belongs to the enrolment {id_}; make another key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolments:
    """All enrolments as read, also those that are over, and a sentence for each broken file."""

    found: Mapping[str, Enrolment] = field(default_factory=lambda: MappingProxyType({}))
    broken: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """They keep their key line, and take no device."""

    def accepted(self, fingerprint: str) -> bool:
        """Whether the device with this key was accepted by any of them."""
        return any(fingerprint in one.accepted for one in self.found.values())


def enrolment_path(layout: Layout, id_: str) -> Path:
    """Return the path of an enrolment's file."""
    return layout.enrolments / f"{id_}.toml"


def enrolment_key_path(layout: Layout, id_: str) -> Path:
    """Return the path of an enrolment's private key."""
    return layout.enrolments / f"{id_}.key"


def read_enrolments(folder: Path) -> Enrolments:
    """Read every enrolment in the folder; none if there is no folder. Raises ConfigError if it
    cannot be listed: that must not look as if there were none.
    """
    found: dict[str, Enrolment] = {}
    broken: dict[str, str] = {}
    for path in toml_files(folder):
        try:
            found[path.stem] = enrolment_in(path)
        except ConfigError as error:
            if os.path.lexists(path):  # else it was ended just now
                broken[path.stem] = str(error)
    return Enrolments(found=MappingProxyType(found), broken=MappingProxyType(broken))


def read_enrolment(layout: Layout, id_: str) -> Enrolment:
    """Read one enrolment. Raises UnknownEnrolment, ConfigError."""
    path = enrolment_path(layout, parse_enrolment_id(id_))
    if not os.path.lexists(path):
        raise UnknownEnrolment(id_, read_enrolments(layout.enrolments).found)
    return enrolment_in(path)


def enrolment_in(path: Path) -> Enrolment:
    """Parse the enrolment ID from ID.toml. Keys that this version does not know are ignored. Raises
    ConfigError.
    """
    table = read_toml(path)
    try:
        return enrolment_from(path, table)
    except InvalidValue as error:
        raise ConfigError(path, str(error)) from error


def enrolment_from(path: Path, table: Mapping[str, Any]) -> Enrolment:
    """Raises ConfigError, InvalidValue."""

    def number(key: str, default: int, lowest: int, highest: int) -> int:
        return whole_in(path, key, table.get(key, default), lowest, highest)

    forwards = tuple(map(parse_forward, texts_in(path, table, "forwards")))
    if not forwards or any(one.port for one in forwards):
        raise ConfigError(path, "forwards must be a list of HOST:PORT[,public][,EXPECT]")
    return Enrolment(
        id=parse_enrolment_id(path.stem),
        public_key=parse_public_key(text_in(path, "public_key", table.get("public_key"))),
        forwards=forwards,
        tags=parse_tags(texts_in(path, table, "tags")),
        note=parse_note(text_in(path, "note", table["note"])) if table.get("note") else "",
        made_at=number("made_at", 0, 0, LATEST),
        expires=number("expires", 0, 0, LATEST),
        uses=number("uses", 0, 0, MOST_USES),
        per_address=number("per_address", PER_ADDRESS, 1, MOST_USES),
        is_auto=flag_in(path, "auto", table.get("auto", False)),
        accepted=texts_in(path, table, "accepted"),
        accepted_at=number("accepted_at", 0, 0, LATEST),
    )


def texts_in(path: Path, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Raises ConfigError."""
    value = table.get(key, [])
    if not isinstance(value, list):
        raise ConfigError(path, f"{key} must be a list, not {value!r:.80}")
    return tuple(text_in(path, key, one) for one in value)


def enrolment_toml(enrolment: Enrolment) -> bytes:
    """Render an enrolment's file; the inverse of enrolment_from."""
    table = {
        "public_key": enrolment.public_key,
        "forwards": list(map(str, enrolment.forwards)),
        "tags": list(enrolment.tags),
        "note": enrolment.note,
        "made_at": enrolment.made_at,
        "expires": enrolment.expires,
        "uses": enrolment.uses,
        "per_address": enrolment.per_address,
        "auto": enrolment.is_auto,
        "accepted_at": enrolment.accepted_at,
        "accepted": list(enrolment.accepted),
    }
    return (HEAD.format(enrolment.id) + tomli_w.dumps(table)).encode()


def write_enrolment(layout: Layout, enrolment: Enrolment) -> None:
    """Write the enrolment's file, under `locked`. Raises ConfigError."""
    make_enrolments_folder(layout)
    path = enrolment_path(layout, enrolment.id)
    write_atomically(path, enrolment_toml(enrolment), mode=0o644)


def write_enrolment_key(layout: Layout, id_: str, private_key: bytes) -> None:
    """Write the enrolment's private key, under `locked`. Raises ConfigError."""
    make_enrolments_folder(layout)
    write_secret(enrolment_key_path(layout, id_), private_key)


def make_enrolments_folder(layout: Layout) -> None:
    """Make the folder, readable as the one beside which it lies is. Raises ConfigError."""
    folder = layout.enrolments
    if folder.is_dir():
        return
    make_folder(folder)
    try:
        folder.chmod(mode_in(folder.parent.stat(), 0o755))  # in a closed directory, closed too
    except OSError as error:
        raise ConfigError(folder, f"cannot be made ({error.strerror})") from error


def remove_enrolment(layout: Layout, id_: str) -> None:
    """Remove the enrolment's files, under `locked`: the key last, as without its TOML it means
    nothing. Raises ConfigError.
    """
    file = enrolment_path(layout, id_)
    for path in (file, file.with_suffix(".pins"), enrolment_key_path(layout, id_)):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(path, f"cannot be removed ({error.strerror})") from error
    with contextlib.suppress(OSError):
        sync_folder(layout.enrolments)


def refuse_enrolling_key(layout: Layout, public_keys: Collection[str]) -> None:
    """Raise KeyEnrols if one of the keys belongs to an enrolment; ConfigError."""
    for one in read_enrolments(layout.enrolments).found.values():
        if one.public_key in public_keys:
            raise KeyEnrols(one.id)
