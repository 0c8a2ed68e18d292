"""Ask systemd and the interpreter about the services that only some gateways run."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import checker
from checker.install.bus_units import LIBRARY, PATH
from checker.install.extra_units import EXTRA_UNITS, ExtraUnit
from checker.install.places import EVERY_UNIT, PACKAGED, WANTS
from checker.linux.processes import read_process, started_at
from checker.linux.systemd import is_enabled, is_unit, main_pid, state_of

ASKED_WITHIN_S = 60
HAS_MODULES = "import importlib.util as u, sys; print(*(m for m in sys.argv[1:] if u.find_spec(m)))"


def packaged_units() -> dict[str, bytes]:
    """Return the units that a package ships, by name."""
    places = ((path.name, PACKAGED / path.name) for path in EVERY_UNIT)
    return {name: place.read_bytes() for name, place in places if place.is_file()}


def linked_units() -> frozenset[str]:
    """Return those of our units that systemd starts at boot. Needs no answer of systemd."""
    names = (path.name for path in EVERY_UNIT)
    return frozenset(name for name in names if (WANTS / name).is_symlink())


def is_masked(path: Path) -> bool:
    """Return whether the admin masked the unit, which then is a link to /dev/null."""
    return path.is_char_device()


def is_turned_on(unit: ExtraUnit) -> bool:
    """Return whether `init` turned the service on: its file is in /etc, or the package's unit is
    enabled.
    """
    return unit.path.is_file() or (unit.name in linked_units() and is_unit(unit.name))


def idle_units(units: Iterable[ExtraUnit | Path]) -> frozenset[str]:
    """Return those that systemd does not run, or does not start at boot."""
    return frozenset(
        unit.name for unit in units if state_of(unit.name) != "active" or not is_enabled(unit.name)
    )


def outdated_units(units: Iterable[ExtraUnit | Path]) -> frozenset[str]:
    """Return those whose process has run since before the present release was installed."""
    installed_at = Path(checker.__file__).stat().st_ctime
    now, uptime_s = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    found = set()
    for unit in units:
        process = read_process(main_pid(unit.name))
        if process is not None and started_at(process.id, now, uptime_s) < installed_at:
            found.add(unit.name)
    return frozenset(found)


def has_nats_server() -> bool:
    """Return whether the server of the bus is installed."""
    return shutil.which("nats-server", path=PATH) is not None


def missing_libraries(python: str) -> frozenset[str]:
    """Return the modules of these services that the interpreter does not have; all of them if it
    does not answer.
    """
    wanted = frozenset((*(unit.library for unit in EXTRA_UNITS), LIBRARY))
    if python == sys.executable:
        return frozenset(name for name in wanted if importlib.util.find_spec(name) is None)
    try:
        answer = subprocess.run(
            [python, "-I", "-c", HAS_MODULES, *sorted(wanted)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=ASKED_WITHIN_S,
        )
    except (OSError, subprocess.SubprocessError):
        return wanted
    return wanted - frozenset(answer.stdout.split())
