"""Read the registry before the daemon begins, and bring the keys in line with it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from checker.config.layout import Layout
from checker.linux.memory import give_back
from checker.registry.authorized_keys import KeysLag, key_sign, update_keys
from checker.registry.file_stamps import Stamp, stamp
from checker.registry.last_good import read_known
from checker.registry.nodes import Registry
from checker.registry.reading import Cache

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLook:
    """The registry, and what need not be read or compared again."""

    registry: Registry
    cache: Cache
    stamp: Stamp
    """From before it was read."""
    keys: object
    """What `key_sign` was before the keys were found in line with this registry; None if they were
    not, or it may have been another one.
    """


def first_look(layout: Layout) -> FirstLook:
    """Bring the keys in line, and read the registry. Raises ConfigError."""
    cache: Cache = {}
    before, keys = stamp(layout.nodes), key_sign(layout)
    try:
        update_keys(layout, cache)
    except KeysLag as lag:
        log.warning("%s", lag)
        keys = None
    registry = read_known(layout, cache)
    is_same = stamp(layout.nodes) == before
    give_back()
    return FirstLook(registry=registry, cache=cache, stamp=before, keys=keys if is_same else None)
