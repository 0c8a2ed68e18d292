"""The files and directories of an installed gateway, and the units that systemd runs. Pure."""

from __future__ import annotations

from pathlib import Path

from checker.config.layout import AGENT_USER, SYSTEM
from checker.install.tuning import TUNE

CONFIG = SYSTEM.config.parent
STATE = SYSTEM.state.parent
RUN = SYSTEM.socket.parent
MANIFEST = CONFIG / ".installed.json"
DROP_IN = Path("/etc/ssh/sshd_config.d/00-reversi.conf")
"""sshd uses the first value that it finds, so the name sorts before others."""
REST = DROP_IN.with_name("reversi.conf")
"""The settings that must be read last. Earlier releases wrote all settings here."""
DROP_INS = (DROP_IN, REST)
ALLOW = DROP_IN.with_name("00-reversi-allow.conf")
"""Only with `init --allow-login`: adds the tunnel user to the lists of whom sshd lets in."""
UNIT_FILE = Path("/etc/systemd/system/reversi-checker.service")
SERVICE = UNIT_FILE.name
KEYS_SERVICE_FILE = UNIT_FILE.with_name("reversi-keys.service")
KEYS_PATH_FILE = UNIT_FILE.with_name("reversi-keys.path")
UNITS = (UNIT_FILE, KEYS_SERVICE_FILE, KEYS_PATH_FILE)
METRICS_UNIT = UNIT_FILE.with_name("reversi-metrics.service")
ALERT_UNIT = UNIT_FILE.with_name("reversi-alert.service")
EXTRA_UNIT_FILES = (METRICS_UNIT, ALERT_UNIT)
"""Of services that only some gateways run: checker.install.extra_units."""
FLEET_SERVICE_FILE = UNIT_FILE.with_name("reversi-fleet-apply.service")
FLEET_PATH_FILE = UNIT_FILE.with_name("reversi-fleet-apply.path")
FLEET_UNIT_FILES = (FLEET_SERVICE_FILE, FLEET_PATH_FILE)
"""Only on a gateway in a fleet: checker.install.fleet_units."""
BUS_FILE = UNIT_FILE.with_name("reversi-bus.service")
FLEET_AGENT_FILE = UNIT_FILE.with_name("reversi-fleet.service")
BUS_UNIT_FILES = (BUS_FILE, FLEET_AGENT_FILE)
"""Only on a gateway that is on the bus of its fleet: checker.install.bus_units."""
EVERY_UNIT = (*UNITS, *EXTRA_UNIT_FILES, *FLEET_UNIT_FILES, *BUS_UNIT_FILES)
FLEET_STATE = SYSTEM.inbox.parent
FLEET_USER = AGENT_USER
"""Runs the agent, which writes mirrors and may bring letters."""
BUS_CONFIG = SYSTEM.fleet / "bus" / "nats.conf"
PACKAGED = Path("/usr/lib/systemd/system")
"""Where a package puts its units. A unit of the same name in /etc takes the place of one here."""
WANTS = UNIT_FILE.with_name("multi-user.target.wants")
"""What systemd starts at boot: a link for each unit that is enabled."""


def drop_in_of(unit: Path) -> Path:
    """Return where `init` writes what a packaged unit lacks here."""
    return unit.with_name(f"{unit.name}.d") / "10-readers.conf"


READERS_DROP_INS = tuple(
    drop_in_of(unit) for unit in (UNIT_FILE, *EXTRA_UNIT_FILES, FLEET_AGENT_FILE)
)
"""What a packaged unit lacks on a gateway that only a group may look at."""
ALERTS = CONFIG / "alerts.toml"
"""Only with `init --alerts`: the admin's, as reversi.toml."""
ALERTS_GROUP, ALERTS_MODE = "reversi-alerts", 0o640
"""Who besides root may read it: it has passwords."""
ENABLED = (SERVICE, KEYS_PATH_FILE.name)
TMPFILES = Path("/etc/tmpfiles.d/reversi.conf")
SYSCTL = Path("/etc/sysctl.d/99-reversi.conf")
FILES = (
    SYSTEM.config,
    SYSTEM.authorized_keys,
    ALERTS,
    TMPFILES,
    SYSCTL,
    TUNE,
    *UNITS,
    *EXTRA_UNIT_FILES,
    *FLEET_UNIT_FILES,
    *BUS_UNIT_FILES,
    *READERS_DROP_INS,
    REST,
    DROP_IN,
    ALLOW,
)
"""All files that `init` may write, in the order in which it writes them."""
