"""Options of `init` that turn on services which only some gateways run."""

from __future__ import annotations

import argparse

from checker.install.extra_units import EXTRA_UNITS


def add_unit_options(init: argparse.ArgumentParser) -> None:
    """Declare `--NAME` and `--no-NAME` for each of these services."""
    for unit in EXTRA_UNITS:
        init.add_argument(f"--{unit.option}", action=argparse.BooleanOptionalAction, help=unit.help)


def asked_units(args: argparse.Namespace) -> dict[str, bool]:
    """Return what was asked for, by option; what was not named stays as it is."""
    found = {unit.option: getattr(args, unit.option) for unit in EXTRA_UNITS}
    return {option: chosen for option, chosen in found.items() if chosen is not None}
