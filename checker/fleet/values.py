"""Values in what another gateway says: each is checked, as a member may be stolen. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from checker.model import InvalidValue

MOST_TEXT = 1024
UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What could command a terminal, or be no text at all."""
LAST_INSTANT = 2.0**33
MOST_WHOLE = (1 << 63) - 1
"""SQLite's largest integer."""


def table_of(body: bytes) -> dict[str, Any]:
    """Parse a JSON object. Raises InvalidValue."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidValue("is not JSON") from None
    if not isinstance(found, dict):
        raise InvalidValue("is not a table")
    return found


def list_of(value: Any) -> list[Any]:
    """Raises InvalidValue."""
    if not isinstance(value, list):
        raise InvalidValue(f"{value!r:.40} is not a list")
    return value


def whole_of(value: Any, lowest: int = 0, highest: int = MOST_WHOLE) -> int:
    """Raises InvalidValue."""
    if type(value) is not int or not lowest <= value <= highest:
        raise InvalidValue(f"{value!r:.40} is not a whole number from {lowest} to {highest}")
    return value


def number_of(value: Any) -> float:
    """Raises InvalidValue."""
    if type(value) not in (int, float) or not -MOST_WHOLE <= value <= MOST_WHOLE:  # nor NaN
        raise InvalidValue(f"{value!r:.40} is not a number")
    return float(value)


def number_or_none(value: Any) -> float | None:
    """Raises InvalidValue."""
    return None if value is None else number_of(value)


def instant_of(value: Any) -> float:
    """Return Unix seconds that a calendar can show. Raises InvalidValue."""
    at = number_of(value)
    if not 0 <= at <= LAST_INSTANT:
        raise InvalidValue(f"{value!r:.40} is not a time")
    return at


def instant_or_none(value: Any) -> float | None:
    """Raises InvalidValue."""
    return None if value is None else instant_of(value)


def text_of(value: Any, most: int = MOST_TEXT) -> str:
    """Return a text that is safe to show. Raises InvalidValue."""
    if not isinstance(value, str) or len(value) > most or UNSHOWN.search(value):
        raise InvalidValue(f"{value!r:.40} is not a text of at most {most} characters")
    return value
