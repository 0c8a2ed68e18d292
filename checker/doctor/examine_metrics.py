"""Whether the service that serves metrics runs."""

from __future__ import annotations

import importlib.util

from checker.config.layout import Layout
from checker.doctor.facts import MetricsFacts
from checker.install.extra_units import METRICS
from checker.install.survey import SYSTEMD
from checker.install.unit_facts import is_turned_on
from checker.linux.systemd import state_of


def metrics_facts(layout: Layout) -> MetricsFacts | None:
    """Return the facts; None if `init` was not asked for the service."""
    if layout.home is not None or not SYSTEMD.is_dir() or not is_turned_on(METRICS):
        return None
    return MetricsFacts(
        state=state_of(METRICS.name),
        lacks_library=importlib.util.find_spec(METRICS.library) is None,
    )
