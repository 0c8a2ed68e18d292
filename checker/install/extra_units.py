"""Services that only some gateways run, such as the metrics: `init` writes one if asked. Pure.

The choice lasts until `--no-NAME` or `uninstall`: a unit file that is there stays, and follows each
upgrade.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from checker.install.packaged_units import is_packaged
from checker.install.places import ALERT_UNIT, ALERTS_GROUP, METRICS_UNIT, drop_in_of
from checker.install.refusals import Refused
from checker.install.steps import Command, Found, Remove, Step, digest
from checker.install.unit_files import HEAD, ONLY_ON_A_GATEWAY, options_of, with_python

HARDENED = """\
DynamicUser=yes
@READERS@CapabilityBoundingSet=
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""
"""An account of its own that has no rights. `@READERS@` lets it look at a gateway that only a group
may look at. Source: systemd.exec(5).
"""
RESTARTED = """\
Restart=always
RestartSec=10
RestartPreventExitStatus=2
"""
"""2 says that it can never work: a package is missing, or an older reversi lacks the command."""
LISTEN = "127.0.0.1:9948"
METRICS_TEXT = f"""{HEAD}[Unit]
Description=reversi: metrics for Prometheus
After=network.target
{ONLY_ON_A_GATEWAY}StartLimitIntervalSec=0

[Service]
Type=exec
{options_of("reversi-metrics")}ExecStart=@PYTHON@ -I -m checker metrics --listen @LISTEN@ $ARGS
{RESTARTED}Nice=10
TasksMax=64
{HARDENED}RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
IPAddressDeny=any
IPAddressAllow=localhost

[Install]
WantedBy=multi-user.target
""".replace("@LISTEN@", LISTEN)


ROOMY = HARDENED.replace("MemoryDenyWriteExecute=yes\n", "")
"""For the admin's own command, which may be a program that compiles itself, as in Java."""
ALERT_TEXT = f"""{HEAD}[Unit]
Description=reversi: messages about tunnels that are down
Wants=network-online.target
After=network-online.target
{ONLY_ON_A_GATEWAY}StartLimitIntervalSec=0

[Service]
Type=exec
{options_of("reversi-alert")}ExecStart=@PYTHON@ -I -m checker alert $ARGS
{RESTARTED}TimeoutStopSec=30
Nice=10
TasksMax=256
UMask=0077
SupplementaryGroups={ALERTS_GROUP}
StateDirectory=reversi-alert
StateDirectoryMode=0700
{ROOMY}RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=multi-user.target
"""
"""Its group reads alerts.toml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraUnit:
    """A service of systemd that an option of `init` turns on."""

    option: str
    """The option's name, without its dashes."""
    path: Path
    text: str
    help: str
    """What the option does."""
    library: str
    """The module that it needs beyond what reversi always needs."""
    works_without: str = ""
    """What it can do without the library, as a clause; empty: nothing."""
    group: str = ""
    """A group that is made for it."""
    has_state: bool = False
    """Whether systemd keeps a directory for it under /var/lib."""
    exposes: str = ""
    """What it shows to every local account, as a clause; empty: nothing."""

    @property
    def name(self) -> str:
        """Its name for systemctl."""
        return self.path.name

    def content(self, python: str, readers: str) -> bytes:
        """Return the unit file for this interpreter and this group of readers, if any."""
        line = f"SupplementaryGroups={readers}\n" if readers else ""
        return with_python(self.text.replace("@READERS@", line), python)

    def readers_part(self, readers: str) -> bytes:
        """Return the drop-in that adds to the plain unit what these readers need."""
        return f"{HEAD}[Service]\nSupplementaryGroups={readers}\n".encode()


METRICS = ExtraUnit(
    option="metrics",
    path=METRICS_UNIT,
    text=METRICS_TEXT,
    help=(
        f"serve metrics for Prometheus on {LISTEN}, by reversi-metrics.service; stays until"
        " --no-metrics or uninstall"
    ),
    library="prometheus_client",
    exposes=f"every local account can read the names of all nodes at {LISTEN}",
)
ALERT = ExtraUnit(
    option="alerts",
    path=ALERT_UNIT,
    text=ALERT_TEXT,
    help=(
        "send messages about tunnels that are down, as alerts.toml says, by reversi-alert.service;"
        " stays until --no-alerts or uninstall"
    ),
    library="apprise",
    works_without="only run the command of alerts.toml",
    group=ALERTS_GROUP,
    has_state=True,
)
EXTRA_UNITS = (METRICS, ALERT)


def asked_again(options: Collection[str], found: Found) -> dict[str, bool]:
    """Return what to ask for on this machine, for a backup of one that ran these services: only
    those that can run here.
    """
    return {
        unit.option: True
        for unit in EXTRA_UNITS
        if unit.option in options and unit.library not in found.missing_libraries
    }


def was_chosen(found: Found, unit: ExtraUnit) -> bool:
    """Return whether an earlier `init` turned it on: its file is in /etc, or the package's unit is
    enabled.
    """
    return unit.path in found.entries or (is_packaged(found) and unit.name in found.linked)


def is_chosen(found: Found, unit: ExtraUnit) -> bool:
    """Return whether the gateway runs it: as asked now, else as before."""
    return found.asked_units.get(unit.option, was_chosen(found, unit))


def chosen_units(found: Found) -> tuple[ExtraUnit, ...]:
    return tuple(unit for unit in EXTRA_UNITS if is_chosen(found, unit))


def how_to_get(unit: ExtraUnit, python: str) -> str:
    """Return the sentence for an interpreter without the library."""
    return (
        f"--{unit.option} needs the Python package {unit.library}, which {python} does not have;"
        f" run: sudo {python} -m pip install {unit.library}"
    )


def refuse_missing_library(found: Found) -> None:
    """Raise Refused if a service is asked for that could not start."""
    for unit in EXTRA_UNITS:
        is_missing = unit.library in found.missing_libraries
        if found.asked_units.get(unit.option) and is_missing and not unit.works_without:
            raise Refused(how_to_get(unit, found.python))


def extra_warnings(found: Found) -> Iterator[str]:
    """Say which services of earlier runs cannot start, and which new ones open a closed gateway."""
    for unit in EXTRA_UNITS:
        if found.asked_units.get(unit.option) and found.choices.readers and unit.exposes:
            yield (
                f"with --{unit.option}, {unit.exposes}, although only {found.choices.readers} may"
                " look at this gateway"
            )
    for unit in chosen_units(found):
        if unit.library in found.missing_libraries:
            able = f"can {unit.works_without}" if unit.works_without else "cannot run"
            yield f"{unit.name} {able}: {how_to_get(unit, found.python)}"


def extra_groups(found: Found) -> Iterator[Command]:
    """Make the groups of the chosen services."""
    for unit in chosen_units(found):
        if unit.group and unit.group not in found.groups:
            yield Command(words=("groupadd", "--system", unit.group), makes=f"group {unit.group}")


def forget_state(unit: ExtraUnit) -> Command:
    """Remove what a service that was stopped remembers."""
    return forget_folders(unit.path)


def forget_folders(unit: Path) -> Command:
    """Remove the directories that systemd keeps for a service; the first path is a link to the
    second. Source: systemd.exec(5), DynamicUser.
    """
    places = (f"/var/lib/{unit.stem}", f"/var/lib/private/{unit.stem}")
    return Command(words=("rm", "-rf", *places), must=False)


def withdrawals(found: Found) -> Iterator[Step]:
    """For `--no-NAME`: stop the service, and remove its file, unless the admin changed that."""
    gone = [unit for unit in EXTRA_UNITS if is_to_remove(found, unit)]
    for unit in gone:
        if found.has_systemd:
            yield Command(words=("systemctl", "disable", "--now", unit.name), must=False)
            if unit.has_state:
                yield forget_state(unit)
        if unit.path in found.entries:
            yield Remove(path=unit.path)
    if gone and found.has_systemd:
        yield Command(words=("systemctl", "daemon-reload"))


def is_to_remove(found: Found, unit: ExtraUnit) -> bool:
    """Return whether the service is there, unwanted, and as `init` or a package made it."""
    if is_chosen(found, unit) or not was_chosen(found, unit):
        return False
    there = found.entries.get(unit.path)
    if there is None:
        return True
    content = there.content or b""
    return found.written.get(str(unit.path)) == digest(content) or content == unit.content(
        found.python, found.choices.readers
    )


def extra_commands(found: Found, changed: Collection[Path]) -> Iterator[Command]:
    """Start what is chosen and does not run; restart what runs with an old file or release."""
    for unit in chosen_units(found):
        if not was_chosen(found, unit) or unit.name in found.idle_units:
            yield Command(words=("systemctl", "enable", "--now", unit.name))
        elif changed_ones(unit, changed) or unit.name in found.outdated_units:
            yield Command(words=("systemctl", "restart", unit.name))


def changed_ones(unit: ExtraUnit, changed: Collection[Path]) -> set[Path]:
    return {unit.path, drop_in_of(unit.path)}.intersection(changed)


def extra_notes(found: Found) -> Iterator[str]:
    """Name each file that `--no-NAME` leaves, because the admin changed it."""
    for unit in EXTRA_UNITS:
        if (
            unit.path in found.entries
            and not is_chosen(found, unit)
            and not is_to_remove(found, unit)
        ):
            yield (
                f"left as it is: {unit.path}, which init would write differently; remove it"
                f" yourself: systemctl disable --now {unit.name} && rm {unit.path}"
            )
