"""Where each node connected from last, as the events in the state file say."""

from __future__ import annotations

import re
from pathlib import Path

from checker.model import NodeName
from checker.state.errors import StateMissing
from checker.state.store import open_reader

CONNECTED = re.compile(r"instance \S+ connected from (?:\[([^\]]+)\]|([^\s:]+)):\d+$")


def last_addresses(state: Path) -> dict[NodeName, str]:
    """Return the address of each node's last `hold`, as far as the events reach back. Raises
    StateError.
    """
    try:
        reader = open_reader(state)
    except StateMissing:
        return {}
    try:
        texts = reader.last_holds()
    finally:
        reader.close()
    found = ((node, CONNECTED.search(text)) for node, text in texts.items())
    return {node: match[1] or match[2] for node, match in found if match}
