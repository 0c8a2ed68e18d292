"""Read and write `enrolments/ID.pins`: the host keys in the bundles of an enrolment.

Each of its devices has one of these bundles, so what it says is noted for each node that is made.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from checker.config.files import write_changed
from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import NodeName
from checker.registry.pin_files import SUFFIX, write_pins
from checker.registry.pins import Pins, parse_pins, pins_text, with_newest


def enrolment_pins_path(layout: Layout, id_: str) -> Path:
    """Return the path, beside the enrolment's own file."""
    return layout.enrolments / f"{id_}{SUFFIX}"


def read_enrolment_pins(layout: Layout, id_: str) -> tuple[Pins, ...]:
    """Return what was built, the oldest first; nothing if we cannot read the file."""
    try:
        text = enrolment_pins_path(layout, id_).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ()
    return tuple(parse_pins(text))


def note_enrolment_pins(layout: Layout, id_: str, newest: Pins) -> None:
    """Note what was built, under `locked`. Raises ConfigError."""
    pins = with_newest(read_enrolment_pins(layout, id_), newest)
    write_changed(enrolment_pins_path(layout, id_), pins_text(pins), mode=0o644)


def hand_on_pins(layout: Layout, made: Iterable[tuple[str, NodeName]]) -> None:
    """Note for each new node what the bundles of its enrolment pin, under `locked`. A node without
    that note works too, so no error stops the others.
    """
    for id_, name in made:
        if pins := read_enrolment_pins(layout, id_):
            with contextlib.suppress(ConfigError):
                write_pins(layout, name, pins)
