"""What `init` finds on a machine, and the steps that it takes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from checker.sshd.lockdown import NOT_EVERYWHERE

TUNNEL_USER = "reversi"
OPERATORS = "reversi-operators"
ROOT = "root"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user of the machine."""

    uid: int
    shell: str
    locked: bool
    """By a `!`, with which sshd refuses the account where `UsePAM no`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or directory as it is."""

    mode: int
    owner: str
    group: str
    content: bytes | None = None
    """None for a directory."""
    strays: bool = False
    """Whether a file right below it has another owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What `reversi.toml` says, or will say."""

    tunnel_user: str = TUNNEL_USER
    operators: str = OPERATORS
    ports: range = range(20000, 30000)
    shared_ports: range = range(0)
    """The shared key's, where it is enabled."""
    gateways: tuple[str, ...] = ()
    asked_gateways: tuple[str, ...] = ()
    """As typed now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The kernel's limit on unsent data of a TCP socket, `net.ipv4.tcp_notsent_lowat`."""

    value: str = ""
    """Empty if not known, as for a tree."""
    is_missing: bool = False
    """The kernel has no such setting."""
    is_read_only: bool = False
    set_in: Path | None = None
    """Another file than ours, which sets it at boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is on the machine."""

    python: str
    choices: Choices
    accounts: Mapping[str, Account] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    entries: Mapping[Path, Entry] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    """The digest of each file that an earlier `init` wrote."""
    unknown_options: frozenset[str] = NOT_EVERYWHERE
    ephemeral: range = range(32768, 61000)
    reserved: frozenset[int] = frozenset()
    has_systemd: bool = False
    is_enabled: bool = False
    is_active: bool = False
    keys_lag: bool = False
    """The key file does not follow the registry."""
    node_ports: frozenset[int] = frozenset()
    is_served_by_root: bool = False
    """Root runs the daemon that is there, and its files are root's."""
    sshd_unit: str = ""
    """The name of sshd's service; empty where no systemd runs."""
    sshrc: tuple[Path, ...] = ()
    """What sshd runs before a forced command of the tunnel user."""
    not_sent: NotSent = NotSent()
    tune: bool | None = None
    """As typed now; None keeps what was chosen before."""
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to run; `makes` names the user or group that is there afterwards, as the manifest
    has it.
    """

    words: tuple[str, ...]
    makes: str = ""
    must: bool = True
    """Whether its failure ends it all: a container may keep its kernel's settings to itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A directory with its mode and owner; `deep`: the files right below it too."""

    path: Path
    mode: int = 0o755
    owner: str = ROOT
    group: str = ROOT
    deep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of root's; `backup`: what is there is the admin's, and is kept beside it."""

    path: Path
    content: bytes
    backup: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GoLive:
    """Drop-ins of sshd: written, judged by sshd once more, loaded, and taken back where any of that
    fails.
    """

    file: File
    reload: tuple[str, ...]
    """Empty where no systemd runs."""
    user: str = ""
    """For whom sshd is asked about every connection, before it loads the drop-in."""
    rest: File | None = None
    """A second file, which counts together with the first."""

    @property
    def files(self) -> tuple[File, ...]:
        return (self.file, self.rest) if self.rest else (self.file,)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysInLine:
    """The key file is written from the registry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """A file goes, or a directory with what is in it."""

    path: Path


Step = Command | Folder | File | GoLive | KeysInLine | Remove


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps, in order, and sentences for the admin."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
