"""What `doctor` looks at: the facts of a gateway, without a judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from checker.install.steps import Account, Entry
from checker.model import Machine, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class SshdSeen:
    """sshd's own words."""

    file: Path = Path("/etc/ssh/sshd_config")
    version: tuple[int, int] | None = None
    complaint: str = ""
    """Why it would not start, or why it could not be asked."""
    is_asked: bool = True
    effective: Mapping[str, str] = field(default_factory=dict)
    openings: Sequence[str] = ()
    """A clause for each setting that does not hold for all connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A node's port that another process listens on."""

    port: int
    node: str
    uid: int
    free: int | None = None
    """Another that the node could have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of a gateway; None is what does not apply, or could not be told."""

    trouble: str = ""
    """Why the settings can not be read."""
    home: Path | None
    user: str
    account: Account | None
    is_own: bool
    """The tunnel user is whoever runs the gateway."""
    has_systemd: bool = True
    sshd: SshdSeen | None = None
    closed_by: Path | None = None
    """The file by which the machine lets nobody but root in."""
    is_drop_in_changed: bool = False
    """What `init` told sshd was changed since."""
    sshrc: Sequence[Path] = ()
    """What sshd runs before a forced command."""
    key_file: Path
    sshd_log: str | None = None
    """Where the daemon reads what sshd writes; empty for nowhere."""
    keys: Entry | None = None
    keys_loose: Path | None = None
    keys_lag: bool = False
    programs_gone: Sequence[str] = ()
    """Interpreters and gates that the key file names and that are not there, as after an upgrade of
    Python.
    """
    open_secrets: Sequence[Path] = ()
    """Private keys that others may read or write."""
    unreachable: str = ""
    unreachable_at: Path | None = None
    daemon_pid: int | None = None
    daemon_age_s: float | None = None
    swept_s_ago: float | None = None
    every_s: float = 20.0
    is_enabled: bool | None = None
    socket: Path
    socket_mode: int | None = None
    socket_blocked: Path | None = None
    spool: Path
    spool_seen: Entry | None = None
    nodes: int = 0
    node_keys: Sequence[tuple[str, str]] = ()
    """Each public key that should open something, behind its node's name."""
    problems: Sequence[str] = ()
    overdue: Sequence[tuple[str, str]] = ()
    """What has waited for a device too long: a clause, and the words of the command that ends
    it.
    """
    taken: Sequence[Taken] = ()
    unreserved: Sequence[int] = ()
    reserved: frozenset[int] = frozenset()
    """What the kernel reserves now."""
    peers: Mapping[str, int] = field(default_factory=dict)
    """Nodes by the address that they came from."""
    banned: frozenset[str] | None = None
    """Addresses that fail2ban keeps out; None where it has no jail for sshd."""
    is_synchronized: bool | None = None
    ahead_s: float = 0.0
    """How far what was recorded lies in the future."""
    free_bytes: Mapping[str, int] = field(default_factory=dict)
    machine: Machine | None = None
    daemon_usage: Usage | None = None
    state: Path
    state_trouble: str | None = None
    """Empty: sound. None: there is none yet."""
    state_is_newer: bool = False
    """Whether a newer release wrote it."""
    state_strays: bool = False
    """Something of the state file is not the daemon's to write."""
