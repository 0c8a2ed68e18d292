"""What `init` finds on a machine, and the steps that it plans. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from checker.install.left_behind import Logins
from checker.registry.key_files import Stand
from checker.sshd.lockdown import ANY_STARTUPS, NOT_EVERYWHERE

TUNNEL_USER = "reversi"
OPERATORS = "reversi-operators"
ROOT = "root"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAccount:
    """A user of the machine."""

    uid: int
    shell: str
    is_locked: bool
    """Its password begins with `!`: with `UsePAM no`, sshd then refuses the account. With PAM, its
    keys open it all the same.
    """
    expires_in_days: int | None = None
    """0 or less: nobody can log in any more. None: never, or unknown."""
    password_in_days: int | None = None
    """In how many days its password expires. Less than 0: a login can only change it."""

    @property
    def is_expired(self) -> bool:
        """Whether its expiry date shuts every login out."""
        return self.expires_in_days is not None and self.expires_in_days <= 0

    @property
    def is_aged(self) -> bool:
        """Whether its password has expired."""
        return self.password_in_days is not None and self.password_in_days < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or directory on the machine."""

    mode: int
    owner: str
    group: str
    content: bytes | None = None
    """None for a directory."""
    strays: bool = False
    """Whether a file directly in it has another owner."""
    is_folder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The settings that `reversi.toml` has, or will have."""

    tunnel_user: str = TUNNEL_USER
    operators: str = OPERATORS
    readers: str = ""
    """The group that the gateway is closed to others for; empty: everyone may look."""
    ports: Collection[int] = range(20000, 30000)
    shared_ports: Collection[int] = ()
    """The ports of the shared key; empty if it is not enabled."""
    gateways: tuple[str, ...] = ()
    asked_gateways: tuple[str, ...] = ()
    """As given on the command line."""
    is_in_fleet: bool = False
    is_signing: bool = True
    """Whether the fleet's entries count only if they are signed."""
    is_on_bus: bool = False
    """Whether the gateway has a nats-server for its fleet."""
    config: bytes | None = None
    """What `reversi.toml` will say, if `init` was asked to change it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """The kernel's limit on unsent data of a TCP socket, `net.ipv4.tcp_notsent_lowat`."""

    value: str = ""
    """Empty if unknown, as for the tree of a package."""
    is_missing: bool = False
    """The kernel has no such setting."""
    is_read_only: bool = False
    set_in: Path | None = None
    """A file other than ours that sets it at boot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What an account of the gateway could not read."""

    sentence: str
    commands: tuple[str, ...] = ()
    """What opens it, for root."""
    advice: str = ""
    """What to do if nothing should be opened."""

    def __str__(self) -> str:
        return f"{self.sentence}; {self.advice or 'run: ' + ' && '.join(self.commands)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysFound:
    """Where our key lines are, and where they should be."""

    stand: Stand = Stand.FILE
    why: str = ""
    """Why they stay in the key file; empty if nobody decided that."""
    is_in_both: bool = False
    """Whether lines of ours are in the key file though sshd reads them by fingerprint."""
    has_faults: bool = False
    """Whether a file by fingerprint is not as it should be."""
    asked: str = ""
    """What `init --keys` said: `file` or `fingerprint`; empty: nothing."""
    is_sshd_active: bool = False
    """Whether systemd runs sshd now, so that a login can be tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is on the machine."""

    python: str
    choices: Choices
    accounts: Mapping[str, UserAccount] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    entries: Mapping[Path, Entry] = field(default_factory=dict)
    written: Mapping[str, str] = field(default_factory=dict)
    """The digest of each file that an earlier `init` wrote."""
    unknown_options: frozenset[str] = NOT_EVERYWHERE
    startups: str = ANY_STARTUPS
    """MaxStartups for this machine."""
    ephemeral: range = range(32768, 61000)
    reserved: frozenset[int] = frozenset()
    has_systemd: bool = False
    is_enabled: bool = False
    is_active: bool = False
    keys_lag: bool = False
    """The key file does not match the registry."""
    keys: KeysFound = field(default_factory=KeysFound)
    node_ports: frozenset[int] = frozenset()
    readers: frozenset[str] = frozenset()
    """The members of the readers' group."""
    operators: frozenset[str] = frozenset()
    """The members of the operators' group."""
    tunnel_group: str = ""
    """The tunnel user's own group; empty if there is no such user yet."""
    settings: Mapping[Path, Entry] = field(default_factory=dict)
    """What lies in the settings' directory, without contents."""
    is_served_by_root: bool = False
    """Root runs the daemon, and owns its files."""
    sshd_unit: str = ""
    """The name of sshd's service; empty if systemd does not run."""
    sshrc: tuple[Path, ...] = ()
    """What sshd runs before a forced command of the tunnel user."""
    not_sent: NotSent = NotSent()
    tune: bool | None = None
    """As given on the command line; None keeps the earlier choice."""
    force: bool = False
    allowed: Mapping[str, str] | None = None
    """The lists of whom sshd lets in, by lower-case keyword; None if sshd was not asked."""
    allow_login: bool = False
    """Whether to add the tunnel user to them."""
    asked_units: Mapping[str, bool] = field(default_factory=dict)
    """Services that only some gateways run: what was asked for on the command line, by option."""
    idle_units: frozenset[str] = frozenset()
    """Those whose file is there, but that systemd does not run, or not at boot."""
    outdated_units: frozenset[str] = frozenset()
    """Those that have run since before the present release was installed."""
    packaged: Mapping[str, bytes] = field(default_factory=dict)
    """The units that a package ships, by name."""
    linked: frozenset[str] = frozenset()
    """The units that systemd starts at boot, by name."""
    missing_libraries: frozenset[str] = frozenset()
    """The modules that such services need and the interpreter does not have."""
    has_nats_server: bool = True
    places: tuple[str, ...] = ()
    """Where the interpreter, its library and reversi are, links resolved."""
    unreadable: str = ""
    """Which account could not read a part of that, and what opens it; empty if both can."""
    uses_pam: bool | None = None
    """Whether sshd leaves it to PAM who may log in; None if sshd was not asked."""
    logins: Logins = field(default_factory=Logins)
    old_metadata: tuple[Path, ...] = ()
    """What pip noted about a release under its old name."""
    is_daemon_older: bool = False
    """Whether the daemon started before `reversi.toml` was last changed, which it reads only
    then.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command to run."""

    words: tuple[str, ...]
    makes: str = ""
    """The account that it makes, as the manifest names it: `user NAME` or `group NAME`."""
    must: bool = True
    """Whether its failure stops `init`. A container may not let us change kernel settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A directory with its mode and owner."""

    path: Path
    mode: int = 0o755
    owner: str = ROOT
    group: str = ROOT
    deep: bool = False
    """Whether the files directly in it get the same owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that root owns."""

    path: Path
    content: bytes
    backup: bool = False
    """Whether to keep the present file, which the admin changed, as `NAME.bak`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoLive:
    """Write the drop-ins of sshd, have sshd test and load them; restore the old ones if that
    fails.
    """

    file: File
    reload: tuple[str, ...]
    """Empty if systemd does not run."""
    user: str = ""
    """The user for whom sshd is asked about each kind of connection before it loads them."""
    rest: File | None = None
    """The second file, which takes effect together with the first."""

    @property
    def files(self) -> tuple[File, ...]:
        return (self.file, self.rest) if self.rest else (self.file,)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysInLine:
    """Write the keys from the registry, where they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysMove:
    """Have the keys belong in another place, and write them there from the registry."""

    stand: Stand
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysProof:
    """Log in with a key that only the files by fingerprint have. If that works, the keys leave the
    key file; if not, sshd gets its former settings, and they stay there.
    """

    back: GoLive


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Set owner root, a group and a mode for files or directories that are there already."""

    path: Path
    mode: int
    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Remove a file, or a directory with its contents."""

    path: Path
    backup: bool = False
    """Whether to keep the file, which the admin changed, as `NAME.bak`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Remove a drop-in of sshd, and have sshd read its configuration again."""

    path: Path
    reload: tuple[str, ...]


Step = (
    Command
    | Folder
    | File
    | GoLive
    | KeysInLine
    | KeysMove
    | KeysProof
    | Access
    | Remove
    | Withdraw
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitPlan:
    """The steps, in order, and sentences for the admin."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
