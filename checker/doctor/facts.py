"""The facts of a gateway that `doctor` judges. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from checker.config.layout import Layout
from checker.doctor.alert_facts import AlertFacts
from checker.doctor.bus_facts import BusFacts
from checker.doctor.enrolment_facts import EnrolmentFacts
from checker.doctor.fleet_facts import FleetFacts
from checker.doctor.login_facts import Trial
from checker.install.steps import Entry, Trouble, UserAccount
from checker.model import Machine, Usage
from checker.model.drain import Drain
from checker.registry.key_files import Stand
from checker.registry.pins import Pins
from checker.sshd.includes import Misplaced
from checker.sshd.listening import Unheard


@dataclass(frozen=True, slots=True, kw_only=True)
class SshdFacts:
    """What sshd says about its configuration."""

    file: Path = Path("/etc/ssh/sshd_config")
    version: tuple[int, int] | None = None
    complaint: str = ""
    """Why it would not start, or why it could not be asked."""
    is_asked: bool = True
    effective: Mapping[str, str] = field(default_factory=dict)
    openings: Sequence[str] = ()
    """A clause for each setting that does not hold for all connections."""
    refusals: Sequence[str] = ()
    """A clause for each setting by which sshd rejects every key of the tunnel user."""
    limits: Sequence[str] = ()
    """A clause for each setting by which it rejects them from some addresses."""
    misplaced: Misplaced | None = None
    """The Include of our drop-ins, if it is inside a Match block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginFacts:
    """What affects a login besides sshd's settings."""

    closed_by: Path | None = None
    """A file that lets only root log in."""
    is_drop_in_changed: bool = False
    """Whether a drop-in of sshd was changed since `init` wrote it."""
    sshrc: Sequence[Path] = ()
    """What sshd runs before a forced command."""
    pam: Sequence[str] = ()
    """Modules of PAM that may refuse the tunnel user, and the file that names each."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Nodes whose last login sshd refused, with its words."""
    log: str | None = None
    """Where the daemon reads sshd's log; empty if nowhere."""
    own_lists: Sequence[str] = ()
    """Lists of whom sshd lets in, to which a file of ours adds the tunnel user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintFacts:
    """The files by fingerprint, one for each key."""

    stand: Stand
    why_file: str = ""
    """Why the keys stay in the key file."""
    in_both: Sequence[str] = ()
    """Whose keys are in the key file, too."""
    faults: Sequence[tuple[str, str]] = ()
    """Each file that is not as it should be, and why, as a clause."""
    unread: str = ""
    """Why sshd's settings do not have it read these files; empty if they do, or if unknown."""
    command_fails: str = ""
    """Why that command, run as sshd runs it, does not print a key that is there."""
    confined: str = ""
    """What limits sshd and not ourselves: then only a login shows whether sshd reads the files."""
    loose: Path | None = None
    """A part of the path that others may write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """The key file, private keys, and the way from a key line to the gate."""

    file: Entry | None = None
    is_closed: bool = False
    """Whether the tunnel user cannot read it."""
    loose: Path | None = None
    """A part of the key file's path that others may write."""
    lag: bool = False
    """Whether the key file does not match the registry."""
    programs_gone: Sequence[str] = ()
    """Interpreters and gates that the key file names but that are gone, as after an upgrade of
    Python.
    """
    open_secrets: Sequence[Path] = ()
    """Private keys that others may read or write."""
    unreachable: Path | None = None
    """What the tunnel user needs but cannot reach."""
    unreadable: Trouble | None = None
    """What one of the two accounts of an installed gateway cannot read; None if only root could
    try it.
    """
    unreachable_at: Path | None = None
    """The directory that keeps the tunnel user out."""
    by_fingerprint: FingerprintFacts | None = None
    """None if all keys are in the key file because nobody decided otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonFacts:
    """The daemon and its service."""

    pid: int | None = None
    age_s: float | None = None
    swept_s_ago: float | None = None
    """None if it never swept."""
    every_s: float = 20.0
    """How often it should sweep."""
    version: str | None = None
    """The release that it runs; empty if it does not say, None if no daemon answers."""
    has_unit: bool = False
    """Whether systemd has a unit for it."""
    is_enabled: bool | None = None
    """Whether systemd starts it at boot; None if unknown."""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceFacts:
    """The daemon's socket and the spool."""

    socket_mode: int | None = None
    socket_blocked: Path | None = None
    """The directory that keeps the tunnel user from the socket."""
    spool: Entry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFacts:
    """The registered nodes."""

    nodes: int = 0
    node_keys: Sequence[tuple[str, str]] = ()
    """Each node's name with a public key that sshd should accept."""
    problems: Sequence[str] = ()
    overdue: Sequence[tuple[str, str]] = ()
    """An old key or port that is still valid, as a clause, and the words of the command that ends
    it.
    """
    unpinned: Sequence[str] = ()
    """Nodes of which a forward expects its host key, and none is pinned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenPort:
    """A node's port on which a process of another user listens."""

    port: int
    node: str
    uid: int
    free: int | None = None
    """Another port that the node could have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFacts:
    """Who else uses the gateway's ports, or could."""

    taken: Sequence[TakenPort] = ()
    unreserved: Sequence[int] = ()
    """Ports that an outgoing connection may take."""
    reserved: frozenset[int] = frozenset()
    """Ports that the kernel reserves now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFacts:
    """Public ports, which HAProxy must serve."""

    ports: Sequence[int] = ()
    is_installed: bool = True
    lags: bool = False
    """Whether HAProxy's file does not match the registry."""
    silent: Sequence[int] = ()
    """Public ports on which nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """The machine: fail2ban, the clock, disk space, capacity."""

    has_systemd: bool = True
    banned: frozenset[str] | None = None
    """Addresses that fail2ban bans; None if it has no jail for sshd."""
    peers: Mapping[str, int] = field(default_factory=dict)
    """How many nodes connect from each address."""
    is_synchronized: bool | None = None
    """None if the kernel does not say."""
    ahead_s: float = 0.0
    """How far recorded times lie in the future."""
    free_bytes: Mapping[str, int] = field(default_factory=dict)
    old_metadata: Sequence[Path] = ()
    """What pip noted about a release under its old name."""
    capacity: Machine | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFacts:
    """The state file."""

    trouble: str | None = None
    """What is wrong with it; empty if nothing is, None if there is no file yet."""
    is_newer: bool = False
    """Whether a newer release wrote it."""
    has_strays: bool = False
    """Whether a file beside it does not belong to the daemon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderFacts:
    """Who may look at an installed gateway that `readers_group` closes."""

    group: str
    is_missing: bool = False
    outside: Sequence[str] = ()
    """Our accounts that are not in the group."""
    blind: Sequence[str] = ()
    """Operators who are not in the group."""
    loose: Sequence[Path] = ()
    """What everyone can read all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKeyFacts:
    """Host keys, `TYPE FINGERPRINT` each: those of sshd, and those that devices pin."""

    known: frozenset[str] = frozenset()
    """Those that sshd's configuration names; empty if sshd could not be asked."""
    offered: frozenset[str] = frozenset()
    """Those that sshd proves to a client: of several of one type, only the first."""
    pinned: Mapping[str, Sequence[Pins]] = field(default_factory=dict)
    """What was handed to each node's device; nodes for which that is unknown are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFacts:
    """The addresses that devices are given."""

    are_checked: bool = False
    """Whether there are any, and sshd said where it listens."""
    unheard: Sequence[Unheard] = ()
    are_missing: bool = False
    """Whether the settings of an installed gateway name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsFacts:
    """The service that serves metrics."""

    state: str | None = "active"
    """In systemd's word; None if systemd does not answer."""
    lacks_library: bool = False
    """Whether the Python package that it needs is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A gateway. None means that a fact does not apply, or is unknown."""

    layout: Layout
    trouble: str = ""
    """Why the settings cannot be read."""
    is_missing: bool = False
    """Whether there is no gateway: `init` did not run here, or was undone, or the home is gone."""
    is_undone: bool = False
    """Whether `uninstall` left the admin's decisions."""
    user: str = ""
    """The tunnel user."""
    account: UserAccount | None = None
    is_own: bool = False
    """Whether the gateway runs as the tunnel user."""
    sshd: SshdFacts | None = None
    login: LoginFacts = LoginFacts()
    keys: KeyFacts = KeyFacts()
    daemon: DaemonFacts = DaemonFacts()
    places: PlaceFacts = PlaceFacts()
    registry: RegistryFacts = RegistryFacts()
    ports: PortFacts = PortFacts()
    published: PublishedFacts = PublishedFacts()
    machine: MachineFacts = field(default_factory=MachineFacts)
    state: StateFacts = StateFacts()
    trials: Sequence[Trial] = ()
    """Logins that were tried."""
    readers: ReaderFacts | None = None
    """None: every account may look."""
    is_guarded: bool | None = None
    """Whether a firewall rule keeps other accounts from the nodes' ports; None if unknown."""
    host_keys: HostKeyFacts = HostKeyFacts()
    gateway: GatewayFacts = GatewayFacts()
    metrics: MetricsFacts | None = None
    """None: nobody asked for metrics."""
    alerts: AlertFacts = field(default_factory=AlertFacts)
    enrolments: EnrolmentFacts = field(default_factory=EnrolmentFacts)
    fleet: FleetFacts | None = None
    """None: the gateway is on its own."""
    bus: BusFacts | None = None
    """None: it is on no bus."""
    drain: Drain | None = None
    """None: the gateway does not drain."""
    drain_trouble: str = ""
    """Why the file that says so does not count, as a sentence."""

    @property
    def home(self) -> Path | None:
        """None for the gateway that `init` installs."""
        return self.layout.home
