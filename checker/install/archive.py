"""The archive of `backup`: its names, what it says about itself, what it may have. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from checker.config.layout import SYSTEM, Layout
from checker.model import CheckerError

ABOUT = "reversi-backup.json"
"""The first file of each archive."""
SCHEMA = 1
CONFIG, SSH, STATE = (
    PurePosixPath(str(place)[1:])
    for place in (SYSTEM.config.parent, SYSTEM.host_key.parent, SYSTEM.state.parent)
)
"""Where an archive has the files: as on an installed gateway, also those of a home."""
HOST_KEY = re.compile(r"[A-Za-z0-9_.-]{0,80}_key(-cert)?(\.pub)?")
STATE_FILES = ("state.db", "last-good.json")
OF_THIS_MACHINE = frozenset(
    {".installed.json", "nodes/.lock", "nodes/.index", "keys", "keys.list", ".keys-unfinished"}
)
"""Below the settings' directory: never in an archive. The first lists what `init` made here; the
keys by fingerprint are in the archive's key file, which every release and every sshd can read.
"""
HOME_CONFIG = (
    "reversi.toml",
    "alerts.toml",
    "authorized_keys",
    "freed-ports.toml",
    "haproxy.cfg",
    "nodes",
    "enrolments",
    "fleet",
)
"""All that a home has of the settings; the rest of the directory may be anything."""
MOST_ABOUT = 64 << 20
"""Bytes that the file ABOUT may have: 30,000 nodes need 6 MB."""


class BadBackup(CheckerError):
    """The file is not a backup that may be restored; nothing was done."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}; nothing was restored")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Size and digest of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an archive says about itself."""

    version: str
    """The release that wrote it."""
    made_at: int
    """Unix seconds."""
    machine: str
    tune: bool = False
    """Whether that gateway was tuned (`init --tune`)."""
    services: tuple[str, ...] = ()
    """Which services it ran that only some gateways run, by their option of `init`."""
    files: Mapping[str, Content] = field(default_factory=dict)


def about_json(about: About) -> bytes:
    files = {
        name: {"size": one.size, "sha256": one.sha256} for name, one in sorted(about.files.items())
    }
    document = {
        "schema": SCHEMA,
        "version": about.version,
        "made_at": about.made_at,
        "machine": about.machine,
        "tune": about.tune,
        "services": list(about.services),
        "files": files,
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def about_from(path: Path, content: bytes) -> About:
    """Raises BadBackup."""
    try:
        document = json.loads(content)
        schema = int(document["schema"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadBackup(path, f"its {ABOUT} cannot be read ({error!r})") from error
    if schema > SCHEMA:
        raise BadBackup(path, "a newer release wrote it; install that release first")
    try:
        return about_in(document)
    except (ValueError, KeyError, TypeError) as error:
        raise BadBackup(path, f"its {ABOUT} is not as we write it ({error!r})") from error


def about_in(document: Mapping[str, Any]) -> About:
    """Raises ValueError, KeyError, TypeError."""
    return About(
        version=str(document["version"]),
        made_at=int(document["made_at"]),
        machine=str(document["machine"]),
        tune=bool(document["tune"]),
        services=tuple(map(str, document.get("services", ()))),  # an older release has none
        files={
            str(name): Content(size=int(one["size"]), sha256=str(one["sha256"]))
            for name, one in dict(document["files"]).items()
        },
    )


def is_of_this_machine(relative: PurePath) -> bool:
    """Return whether a path below the settings' directory is never in an archive."""
    return str(relative) in OF_THIS_MACHINE or relative.parts[:1] == ("keys",)


def why_not(name: str) -> str:
    """Say why an archive may not have this file or directory, as a clause; empty if it may."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not name.isprintable() or str(path) != name:
        return f"has the name {name!r}, which leads out of it"
    if path in (CONFIG, CONFIG.parent, SSH, STATE, *STATE.parents):
        return ""
    if path.is_relative_to(CONFIG) and not is_of_this_machine(path.relative_to(CONFIG)):
        return ""
    if path.parent == SSH and HOST_KEY.fullmatch(path.name):
        return ""
    if path.parent == STATE and path.name in STATE_FILES:
        return ""
    return f"has {name}, which does not belong to a gateway"


def member_of(layout: Layout, path: Path) -> str:
    """Return the name in the archive of a file of this gateway."""
    if path.is_relative_to(layout.nodes.parent) and (
        layout.home is None or path.relative_to(layout.home).parts[0] in HOME_CONFIG
    ):
        return str(CONFIG / path.relative_to(layout.config.parent))
    if path.name in STATE_FILES:
        return str(STATE / path.name)
    return str(SSH / path.name)


def place_of(layout: Layout, name: str) -> Path:
    """Return where a file of an archive belongs on this gateway."""
    path = PurePosixPath(name)
    if path.is_relative_to(CONFIG):
        return layout.config.parent / path.relative_to(CONFIG)
    if path.is_relative_to(STATE):
        return layout.state.parent / path.relative_to(STATE)
    return layout.host_key.parent / path.relative_to(SSH)
