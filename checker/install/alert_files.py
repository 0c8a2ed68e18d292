"""What `init --alerts` writes beside the unit: alerts.toml, which holds passwords. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from checker.alerts.example import EXAMPLE
from checker.install.extra_units import ALERT, is_chosen
from checker.install.places import ALERTS, ALERTS_GROUP, ALERTS_MODE
from checker.install.steps import ROOT, Access, Command, Found


def alert_settings(found: Found) -> dict[Path, bytes]:
    """Return the settings as they are first written: an example, all of it commented out."""
    return {ALERTS: EXAMPLE.encode()} if is_chosen(found, ALERT) else {}


def alert_access(found: Found) -> Iterator[Access]:
    """Let only root and the service's group read the settings."""
    there = found.settings.get(ALERTS)
    has_access = there is not None and (there.mode, there.group) == (ALERTS_MODE, ALERTS_GROUP)
    if is_chosen(found, ALERT) and not has_access:
        yield Access(path=ALERTS, mode=ALERTS_MODE, group=ALERTS_GROUP)


def closed_again() -> Iterator[Command]:
    """Let only root read the settings that stay: somebody may get the number of the group."""
    yield Command(words=("chown", f"{ROOT}:{ROOT}", str(ALERTS)), must=False)
    yield Command(words=("chmod", "0600", str(ALERTS)), must=False)
