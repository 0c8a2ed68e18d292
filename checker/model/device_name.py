"""What an old device calls itself, and the name that its node gets.

The device's own word is only shown and compared. It never becomes part of a path, a key line, a
command or a label.
"""

from __future__ import annotations

import re
import unicodedata

from checker.model.errors import InvalidValue
from checker.model.node import NAME_PATTERN, VERBS, NodeName

LONGEST = 64
"""Characters of the longest word that a device may call itself."""
MOST_KEPT = 48
"""Characters of the device's word that its node's name keeps at most."""
NO_LETTERS = "device"


def parse_calls_itself(text: str) -> str:
    """Check what a device calls itself. Raises InvalidValue."""
    if 0 < len(text) <= LONGEST and text.isprintable() and text == text.strip():
        return text
    raise InvalidValue(
        f"{text[:80]!r} cannot be what a device calls itself; use 1 to {LONGEST} characters that"
        " can be printed"
    )


def name_for(word: str, port: int) -> NodeName:
    """Return the name of a node whose device calls itself `word` and listens on this port: the
    word, if it can name a node.

    Else it is made from both, so it is always the same, and two devices never get one name: a port
    belongs to one device, whatever others call themselves.
    """
    if NAME_PATTERN.match(word) and word not in VERBS:
        return NodeName(word)
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9.]+", "-", plain)[:MOST_KEPT].strip("-.") or NO_LETTERS
    return NodeName(f"{kept}-{port}")
