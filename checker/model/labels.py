"""Tags and notes that an admin gives to nodes, and parsers of what the admin types."""

from __future__ import annotations

import re
from collections.abc import Iterable

from checker.model.errors import InvalidValue

TAG_PATTERN = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}\Z")
MOST_TAGS = 16
LONGEST_NOTE = 200
"""Characters."""


def parse_tag(text: str) -> str:
    """Parse one tag. Raises InvalidValue."""
    if TAG_PATTERN.match(text):
        return text
    raise InvalidValue(
        f"{text[:80]!r} cannot be a tag; use 1 to 32 of a-z 0-9 . _ - and begin with a letter or"
        " digit"
    )


def parse_tags(texts: Iterable[str]) -> tuple[str, ...]:
    """Parse the tags of a node; the result is sorted, and has each only once. Raises
    InvalidValue.
    """
    found = tuple(sorted({parse_tag(text) for text in texts}))
    if len(found) > MOST_TAGS:
        raise InvalidValue(f"a node can have {MOST_TAGS} tags, not {len(found)}; leave some out")
    return found


def parse_note(text: str) -> str:
    """Parse a note, without blanks around it; it may be empty. Raises InvalidValue."""
    note = text.strip()
    if len(note) > LONGEST_NOTE:
        raise InvalidValue(
            f"a note can have {LONGEST_NOTE} characters, not {len(note)}; make it shorter"
        )
    if not note.isprintable():
        raise InvalidValue(
            f"{note[:80]!r} cannot be a note; write one line of characters that can be printed"
        )
    return note
