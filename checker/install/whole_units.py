"""Write the units of a package to /etc in full, as `python -m checker.install.whole_units`.

The package's prerm does this before its units go: with the package, or because a release comes that
may ship none. That release then finds what `init` of any release finds: units in /etc.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace

from checker.install.carry_out import carry_out
from checker.install.extra_units import EXTRA_UNITS, is_chosen
from checker.install.manifest import load_manifest
from checker.install.packaged_units import is_packaged
from checker.install.steps import Command, File, Found, InitPlan, Step
from checker.install.survey import entry
from checker.install.unit_facts import linked_units, packaged_units
from checker.install.units import ALL_UNIT_FILES, reload_commands, removals, unit_contents
from checker.install.wanted_settings import choices
from checker.model import CheckerError
from checker.output import sentence_of


def main() -> None:
    """Exit with 1 and a sentence if that fails."""
    os.umask(0o022)
    try:
        planned = InitPlan(steps=tuple(in_full(here())))
        carry_out(planned, load_manifest(), lambda _: None)
    except (CheckerError, OSError) as error:
        sys.exit(sentence_of(error))


def here() -> Found:
    """Look at the units of this machine. Raises ConfigError."""
    return Found(
        python=sys.executable,
        choices=choices(None, ()),
        entries={path: found for path in ALL_UNIT_FILES if (found := entry(path))},
        written=load_manifest().files,
        has_systemd=True,
        packaged=packaged_units(),
        linked=linked_units(),
    )


def in_full(found: Found) -> Iterator[Step]:
    """Plan it; nothing if the gateway does not run the package's units. A copy of the admin's own
    stays.
    """
    if not is_packaged(found):
        return
    chosen = {unit.option: is_chosen(found, unit) for unit in EXTRA_UNITS}
    without = replace(found, packaged={}, asked_units=chosen)
    missing = {
        path: content
        for path, content in unit_contents(without).items()
        if path not in found.entries
    }
    gone = tuple(removals(without))
    yield from (File(path=path, content=content) for path, content in missing.items())
    yield from gone
    changed = {*missing, *(step.path for step in gone)}
    for command in reload_commands(without, changed):
        yield Command(words=command.words, must=False)


if __name__ == "__main__":
    main()
