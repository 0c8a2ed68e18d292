"""Look at a gateway in a fleet: who may sign, what waits, and whether root's service runs."""

from __future__ import annotations

import stat
from pathlib import Path

from checker.config.layout import Layout
from checker.config.settings import Config
from checker.doctor.fleet_facts import FleetFacts
from checker.install.places import BUS_UNIT_FILES, FLEET_PATH_FILE
from checker.install.survey import SYSTEMD
from checker.linux.systemd import state_of
from checker.model import CheckerError

RUNNING = ("active", "activating")
"""In systemd's words; a service that fails again and again is activating between."""


def fleet_facts(layout: Layout, config: Config) -> FleetFacts | None:
    """Return the facts; None if the gateway is on its own."""
    if config.fleet is None:
        return None
    # only a fleet needs them
    from checker.control.sealing import signers_file
    from checker.fleet.card_files import remover
    from checker.fleet.standing import standing
    from checker.signatures import REGISTRY, allowed_keys

    try:
        found = standing(layout)
        signers = sum(one.may(REGISTRY) for one in allowed_keys(signers_file(layout)))
        removed_by = remover(layout, config.fleet)
    except CheckerError as error:
        return FleetFacts(trouble=str(error))
    has_unit = layout.home is None and SYSTEMD.is_dir()
    return FleetFacts(
        is_signing=found.is_signing,
        signers=signers,
        open_paths=tuple(
            str(path)
            for path, bits in (
                (layout.fleet, 0o022),
                (signers_file(layout), 0o022),
                (layout.fleet / "identity", 0o077),
            )
            if is_open(path, bits)
        ),
        state=state_of(FLEET_PATH_FILE.name) if has_unit else None,
        unsigned=found.unsigned,
        left_out=tuple(found.left_out),
        removed_by=removed_by,
        still_calls=bool(removed_by) and has_unit and any(map(runs, BUS_UNIT_FILES)),
    )


def runs(unit: Path) -> bool:
    return state_of(unit.name) in RUNNING


def is_open(path: Path, bits: int) -> bool:
    """Return whether its mode has any of these bits."""
    try:
        return bool(stat.S_IMODE(path.stat().st_mode) & bits)
    except OSError:
        return False
