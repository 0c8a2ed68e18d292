"""The instance of a client whose node keeps two tunnels: `WORD.PATH`. Pure.

WORD is the device's, the same for both of its paths; PATH is 1 or 2. Clients of a node with one
tunnel name a word without a dot.
"""

from __future__ import annotations

import re

PATHS = (1, 2)
OF_PATH = re.compile(r"(.+)\.([12])\Z")


def path_in(instance: str) -> int:
    """Return the path that an instance names; 0 if its node keeps one tunnel."""
    found = OF_PATH.match(instance)
    return int(found[2]) if found else 0


def device_of(instance: str) -> str:
    """Return the word of the device; for a node with one tunnel, the whole instance."""
    found = OF_PATH.match(instance)
    return found[1] if found else instance


def is_other_path(instance: str, other: str) -> bool:
    """Return whether two instances are the two paths of one device."""
    return instance != other and device_of(instance) == device_of(other)
