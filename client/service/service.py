"""The service that keeps one node's tunnel: its name, and its files. Pure."""

from __future__ import annotations

import enum
import shlex
from dataclasses import dataclass
from pathlib import Path

PREFIX = "reversi-client-"
STATE = Path("/var/lib")
MADE_BY = "reversi-client install --config "


class Manager(enum.Enum):
    """What starts the service at boot, or when its user logs in."""

    SYSTEMD = "systemd"
    SYSTEMD_USER = "systemd --user"
    LAUNCHD_DAEMON = "launchd"
    LAUNCHD_AGENT = "launchd of a user"

    @property
    def is_systemd(self) -> bool:
        return self in {Manager.SYSTEMD, Manager.SYSTEMD_USER}

    @property
    def is_system(self) -> bool:
        return self in {Manager.SYSTEMD, Manager.LAUNCHD_DAEMON}

    def folder(self, home: Path) -> Path:
        """Return where its services' files are."""
        match self:
            case Manager.SYSTEMD:
                return Path("/etc/systemd/system")
            case Manager.SYSTEMD_USER:
                return home / ".config/systemd/user"
            case Manager.LAUNCHD_DAEMON:
                return Path("/Library/LaunchDaemons")
            case Manager.LAUNCHD_AGENT:
                return home / "Library/LaunchAgents"

    @property
    def suffix(self) -> str:
        return ".service" if self.is_systemd else ".plist"

    def log(self, home: Path, name: str) -> Path | None:
        """Return the file that gets the client's log; None: the journal."""
        if self.is_systemd:
            return None
        place = Path("/var/log") if self.is_system else home / "Library/Logs"
        return place / f"{name}.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The client of one configuration file, as the system is to start it."""

    tunnel: str
    """The node's name, or what its second path is called."""
    config: Path
    key: Path
    command: tuple[str, ...]
    """What starts `reversi-client` of this environment."""
    note: str
    """Differs once the release, the configuration or the key does."""

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.tunnel}"

    @property
    def made_by(self) -> str:
        """The words that tell our file from another one's, and name the configuration."""
        return f"{MADE_BY}{self.config}"

    @property
    def shown(self) -> str:
        """The configuration as a word of a command line."""
        return shlex.quote(str(self.config))


def state_folders(name: str) -> tuple[Path, ...]:
    """Return where systemd keeps the status of a system service: a directory, and with an account
    of its own a link to one.
    """
    return (STATE / name, STATE / "private" / name)
