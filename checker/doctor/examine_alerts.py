"""Look at the service that sends alerts, and at its settings."""

from __future__ import annotations

import importlib.util
import os
import stat

from checker.alerts.settings import load_settings
from checker.config.layout import Layout, is_there
from checker.doctor.alert_facts import AlertFacts
from checker.install.extra_units import ALERT
from checker.install.steps import Entry
from checker.install.survey import SYSTEMD
from checker.install.unit_facts import is_turned_on
from checker.linux.accounts import group_name, user_name
from checker.linux.systemd import is_enabled, state_of
from checker.model import CheckerError


def alert_facts(layout: Layout) -> AlertFacts:
    """Return the facts; of a home, only those of its file."""
    has_unit = layout.home is None and SYSTEMD.is_dir() and is_turned_on(ALERT)
    path = layout.alerts
    is_readable = not is_there(path) or os.access(path, os.R_OK, effective_ids=True)
    trouble, ways, urls = "", 0, 0
    if is_readable:
        try:
            settings, _ = load_settings(path)
            urls = len(settings.send)
            ways = urls + bool(settings.command)
        except CheckerError as error:
            trouble = str(error)
    return AlertFacts(
        has_unit=has_unit,
        is_enabled=is_enabled(ALERT.name) if has_unit else None,
        is_running=has_unit and state_of(ALERT.name) in ("active", None),
        file=file_entry(layout),
        is_readable=is_readable,
        trouble=trouble,
        ways=ways,
        lacks_library=bool(urls) and importlib.util.find_spec(ALERT.library) is None,
    )


def file_entry(layout: Layout) -> Entry | None:
    """Return mode and owner of the settings; None if there are none, or none that we may see."""
    try:
        found = layout.alerts.stat()
    except OSError:
        return None
    return Entry(
        mode=stat.S_IMODE(found.st_mode),
        owner=user_name(found.st_uid),
        group=group_name(found.st_gid),
    )
