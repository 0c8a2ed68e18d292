"""Where a gateway's files are: in /etc and /var/lib, or under a home directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from checker.model import CheckerError, InvalidValue


class NoGateway(CheckerError):
    """There is no gateway. To show nothing would look as if all were well."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"there is no gateway at {folder}; to make this machine one, run: sudo"
            " reversi-checker init --gateway HOST:22 (if it is elsewhere: --home, or REVERSI_HOME)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The paths of one gateway."""

    config: Path
    nodes: Path
    authorized_keys: Path
    state: Path
    run: Path
    """Verdicts for the beat loops; only the daemon writes here."""
    spool: Path
    """What sessions of the tunnel user leave for the daemon; the tunnel user writes here."""
    socket: Path
    host_key: Path
    home: Path | None
    """The one directory that holds everything; None for an installed gateway."""

    @property
    def mutes(self) -> Path:
        """For whom no alerts are sent, beside the state file."""
        return self.state.with_name("mutes.json")

    @property
    def drain(self) -> Path:
        """Says that this gateway drains, beside the state file; missing if it does not."""
        return self.state.with_name("drain.json")

    @property
    def alerts(self) -> Path:
        """Where messages about outages go, beside the gateway's settings."""
        return self.config.with_name("alerts.toml")

    @property
    def enrolments(self) -> Path:
        """By which keys devices may ask to become nodes, beside the registry."""
        return self.nodes.with_name("enrolments")

    @property
    def fleet(self) -> Path:
        """What all gateways of a fleet have: who may sign, entries of nodes, cards of gateways."""
        return self.config.with_name("fleet")

    @property
    def inbox(self) -> Path:
        """Where other gateways and operators leave entries and cards, for root to verify."""
        return SYSTEM_INBOX if self.home is None else self.home / "fleet-inbox"

    @property
    def from_bus(self) -> Path:
        """Where the agent leaves what it found in the bucket of the bus, for root to verify."""
        return FROM_BUS if self.home is None else self.home / "fleet-from-bus"

    @property
    def mirrors(self) -> Path:
        """Copies of the other gateways' state files; only an agent of a fleet writes here."""
        return SYSTEM_INBOX.parent if self.home is None else self.home / "fleet-mirrors"

    @property
    def post(self) -> Path:
        """The socket of the fleet's agent: what operators ask of other gateways."""
        return SYSTEM_POST if self.home is None else self.home / "post.sock"

    @property
    def keys(self) -> Path:
        """A file for each key, named by its fingerprint, if sshd reads the keys that way."""
        return keys_beside(self.authorized_keys)

    @property
    def key_list(self) -> Path:
        """Says where the keys belong, and repeats the lines of those files. sshd does not read
        it.
        """
        return list_beside(self.authorized_keys)


def keys_beside(key_file: Path) -> Path:
    """Return the directory with a file for each key."""
    return key_file.with_name("keys")


def list_beside(key_file: Path) -> Path:
    """Return the list of what is in that directory."""
    return key_file.with_name("keys.list")


AGENT_USER = "reversi-fleet"
"""The account of the fleet's agent. It may bring letters to the daemon, and has no other right."""
SYSTEM_POST = Path("/run/reversi-fleet/post.sock")
SYSTEM_INBOX = Path("/var/lib/reversi-fleet/inbox")
FROM_BUS = SYSTEM_INBOX.with_name("from-bus")
SYSTEM = Layout(
    config=Path("/etc/reversi/reversi.toml"),
    nodes=Path("/etc/reversi/nodes"),
    authorized_keys=Path("/etc/reversi/authorized_keys"),
    state=Path("/var/lib/reversi/state.db"),
    run=Path("/run/reversi/verdicts"),
    spool=Path("/run/reversi/spool"),
    socket=Path("/run/reversi/checker.sock"),
    host_key=Path("/etc/ssh/ssh_host_ed25519_key"),
    home=None,
)
KEEP_AGENT = "sudo --preserve-env=SSH_AUTH_SOCK "
"""What an operator types before a command of root that signs with his agent."""


def home_layout(home: Path) -> Layout:
    """The layout of a gateway under one directory. Raises InvalidValue."""
    try:
        home = home.expanduser().absolute()
    except RuntimeError as error:
        raise InvalidValue(
            f"the home {str(home)!r} begins with a user who does not exist here; write the whole"
            " path"
        ) from error
    if "\n" in str(home):
        raise InvalidValue(
            f"the home {str(home)!r} has a newline, which a key file cannot hold; choose another"
            " --home"
        )
    return Layout(
        config=home / "reversi.toml",
        nodes=home / "nodes",
        authorized_keys=home / "authorized_keys",
        state=home / "state.db",
        run=home / "run",
        spool=home / "spool",
        socket=home / "checker.sock",
        host_key=home / "ssh_host_ed25519_key",
        home=home,
    )


def has_mirrors(layout: Layout) -> bool:
    """Whether other gateways' rows are here, too."""
    return next(layout.mirrors.glob("*.db"), None) is not None


def is_there(path: Path) -> bool:
    """Whether the file exists. True if we may not look: then reading it reports why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def refuse_missing(layout: Layout) -> None:
    """Raise NoGateway if the directory of its configuration does not exist."""
    if not layout.config.parent.is_dir():
        raise NoGateway(layout.config.parent)


def refuse_unmade(layout: Layout, home: str | None, environ: Mapping[str, str]) -> None:
    """Raise NoGateway if no home was named, and there is none yet: a node that is registered there
    would be missing from the gateway that `init` makes later.
    """
    if not (home or environ.get("REVERSI_HOME")):
        refuse_missing(layout)


def find_layout(home: str | None, environ: Mapping[str, str]) -> Layout:
    """Use `--home`, else REVERSI_HOME, else an installed gateway, else a directory under
    XDG_STATE_HOME. Raises InvalidValue.
    """
    chosen = home or environ.get("REVERSI_HOME")
    if chosen:
        return home_layout(Path(chosen))
    if is_there(SYSTEM.config):
        return SYSTEM
    state = environ.get("XDG_STATE_HOME") or f"{environ.get('HOME', '/')}/.local/state"
    return home_layout(Path(state) / "reversi")


def listen_note(layout: Layout) -> Path:
    """Where `up` records the address on which its sshd listens."""
    return layout.run / "_gateway"
