"""Whether the services that only some gateways run do run."""

from __future__ import annotations

import importlib.util

from checker.config.layout import Layout
from checker.doctor.facts import UnitFacts
from checker.install.extra_units import EXTRA_UNITS
from checker.install.survey import SYSTEMD
from checker.linux.systemd import state_of


def unit_facts(layout: Layout) -> tuple[UnitFacts, ...]:
    """Return the facts of each that `init` was asked for here."""
    if layout.home is not None or not SYSTEMD.is_dir():
        return ()
    return tuple(
        UnitFacts(
            option=unit.option,
            name=unit.name,
            state=state_of(unit.name),
            lacks=None if importlib.util.find_spec(unit.library) else unit.library,
        )
        for unit in EXTRA_UNITS
        if unit.path.exists()
    )
