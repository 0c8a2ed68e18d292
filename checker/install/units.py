"""What `init` does about units: write them, or leave them to the package. Pure.

A unit that a package ships, and that fits, is left alone. What only some gateways need comes into
a drop-in. A copy of an earlier `init` is removed: it would hide the package's unit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from checker.install.bus_units import BUS_TEXT, agent_content, agent_part, bus_commands
from checker.install.extra_units import EXTRA_UNITS, ExtraUnit, chosen_units, extra_commands
from checker.install.fleet_units import PATH_TEXT, SERVICE_TEXT, fleet_commands
from checker.install.packaged_units import as_packaged, is_packaged
from checker.install.places import (
    BUS_FILE,
    ENABLED,
    EVERY_UNIT,
    FLEET_AGENT_FILE,
    FLEET_PATH_FILE,
    FLEET_SERVICE_FILE,
    KEYS_PATH_FILE,
    KEYS_SERVICE_FILE,
    READERS_DROP_INS,
    SERVICE,
    UNIT_FILE,
    drop_in_of,
)
from checker.install.steps import Command, Found, Remove, digest
from checker.install.unit_files import KEYS_PATH, keys_unit, readers_part, unit, with_python

ALL_UNIT_FILES = (*EVERY_UNIT, *READERS_DROP_INS)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitText:
    """A unit that the gateway should have."""

    path: Path
    """Of a copy in /etc."""
    whole: bytes
    """As a copy in /etc says it."""
    plain: bytes
    """The same on a gateway that everybody may look at."""
    part: bytes = b""
    """The drop-in that makes `whole` of `plain`; empty if they are the same."""


def own_text(python: str, readers: str) -> tuple[UnitText, ...]:
    """Return the units of every gateway."""
    keys, path = keys_unit(python), KEYS_PATH.encode()
    return (
        UnitText(
            path=UNIT_FILE,
            whole=unit(python, readers),
            plain=unit(python),
            part=readers_part(readers) if readers else b"",
        ),
        UnitText(path=KEYS_SERVICE_FILE, whole=keys, plain=keys),
        UnitText(path=KEYS_PATH_FILE, whole=path, plain=path),
    )


def extra_text(extra: ExtraUnit, python: str, readers: str) -> UnitText:
    return UnitText(
        path=extra.path,
        whole=extra.content(python, readers),
        plain=extra.content(python, ""),
        part=extra.readers_part(readers) if readers else b"",
    )


def fleet_text(python: str) -> tuple[UnitText, ...]:
    """Return the units of a gateway in a fleet."""
    service, path = with_python(SERVICE_TEXT, python), PATH_TEXT.encode()
    return (
        UnitText(path=FLEET_SERVICE_FILE, whole=service, plain=service),
        UnitText(path=FLEET_PATH_FILE, whole=path, plain=path),
    )


def bus_text(python: str, readers: str) -> tuple[UnitText, ...]:
    """Return the units of a gateway that is on the bus."""
    server = BUS_TEXT.encode()
    return (
        UnitText(path=BUS_FILE, whole=server, plain=server),
        UnitText(
            path=FLEET_AGENT_FILE,
            whole=agent_content(python, readers),
            plain=agent_content(python, ""),
            part=agent_part(readers),
        ),
    )


def packaged_texts(python: str) -> dict[str, bytes]:
    """Return all units as a package ships them, by name."""
    extra = (extra_text(extra, python, "") for extra in EXTRA_UNITS)
    texts = (*own_text(python, ""), *extra, *fleet_text(python), *bus_text(python, ""))
    return {text.path.name: as_packaged(text.plain) for text in texts}


def unit_texts(found: Found) -> tuple[UnitText, ...]:
    """Return the units that this gateway should have."""
    readers = found.choices.readers
    extra = (extra_text(one, found.python, readers) for one in chosen_units(found))
    fleet = fleet_text(found.python) if found.choices.is_in_fleet else ()
    bus = bus_text(found.python, readers) if found.choices.is_on_bus else ()
    return (*own_text(found.python, readers), *extra, *fleet, *bus)


def is_left(found: Found, text: UnitText) -> bool:
    """Return whether the package's unit is the one that the gateway should have."""
    return is_packaged(found) and found.packaged.get(text.path.name) == as_packaged(text.plain)


def unit_contents(found: Found) -> dict[Path, bytes]:
    """Return the files that the gateway should have in /etc for its units."""
    files = {}
    for text in unit_texts(found):
        if not is_left(found, text):
            files[text.path] = text.whole
        elif text.part and text.path not in kept_copies(found):
            files[drop_in_of(text.path)] = text.part
    return files


def is_by_admin(found: Found, text: UnitText) -> bool:
    """Return whether the copy in /etc was changed since `init` wrote it."""
    there = found.entries.get(text.path)
    content = (there.content or b"") if there else b""
    return (
        there is not None
        and found.written.get(str(text.path)) != digest(content)
        and as_packaged(content) != as_packaged(text.whole)
    )


def kept_copies(found: Found) -> tuple[Path, ...]:
    """Return the admin's own copies, which take the place of the package's units."""
    return tuple(
        text.path
        for text in unit_texts(found)
        if is_left(found, text) and is_by_admin(found, text) and not found.force
    )


def removals(found: Found) -> Iterator[Remove]:
    """Remove copies of what the package ships, and drop-ins that nothing needs any more."""
    kept = kept_copies(found)
    for text in unit_texts(found):
        is_known = text.path in found.entries or str(text.path) in found.written
        if is_left(found, text) and is_known and text.path not in kept:
            yield Remove(path=text.path, backup=is_by_admin(found, text))
    wanted = unit_contents(found)
    for path in READERS_DROP_INS:
        there = found.entries.get(path)
        is_ours = there and found.written.get(str(path)) == digest(there.content or b"")
        if is_ours and path not in wanted:
            yield Remove(path=path)


def unit_notes(found: Found) -> Iterator[str]:
    """Name each copy that the admin changed."""
    for path in kept_copies(found):
        yield (
            f"left as it is: {path}, which was changed, and takes the place of the package's unit;"
            f" init --force removes it, and keeps yours as {path.name}.bak"
        )


def unit_commands(found: Found, changed: Collection[Path], *, is_edited: bool) -> Iterator[Command]:
    """Have systemd read, start and restart what it should. `is_edited`: whether the daemon must
    read its settings again.
    """
    yield from reload_commands(found, changed)
    if not found.is_enabled or not found.is_active:
        yield Command(words=("systemctl", "enable", "--now", *ENABLED))
    elif is_edited or {UNIT_FILE, drop_in_of(UNIT_FILE)}.intersection(changed):
        yield Command(words=("systemctl", "restart", SERVICE))
    yield from extra_commands(found, changed)
    yield from fleet_commands(found, changed)
    yield from bus_commands(found, changed)


def reload_commands(found: Found, changed: Collection[Path]) -> Iterator[Command]:
    """Have systemd read the units again, and link to the present files of those enabled."""
    if not set(changed).intersection(ALL_UNIT_FILES):
        return
    yield Command(words=("systemctl", "daemon-reload"))
    wanted = unit_contents(found)
    moved = [
        text.path.name
        for text in unit_texts(found)
        if text.path in changed
        and text.path.name in found.linked
        and (text.path in found.entries) != (text.path in wanted)
    ]
    if moved:
        yield Command(words=("systemctl", "reenable", *moved), must=False)
