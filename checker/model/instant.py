"""Times and durations as an operator types them: `2h`, `2026-11-26T08:00`, `08:00`. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from checker.model.errors import InvalidValue

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
DURATION = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
DATE = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?", re.ASCII
)
CLOCK = re.compile(r"([0-9]{2}):([0-9]{2})", re.ASCII)
LAST_YEAR = 2200


class NoTime(InvalidValue):
    """A text that is neither a duration nor a time."""

    def __init__(self, what: str, text: str, forms: str) -> None:
        super().__init__(f"{what} {text[:40]!r} is not a time; write {forms}")


def duration_s(text: str) -> int | None:
    """The seconds of a duration such as `30m`, `2h`, `3d` or `1w`; None if it is not one."""
    match = DURATION.fullmatch(text)
    return int(match[1]) * SECONDS[match[2]] if match else None


def instant(text: str) -> float | None:
    """A local day (its first second) or time as Unix seconds; None if it is not one."""
    match = DATE.fullmatch(text)
    if match is None or not 1970 < int(match[1]) < LAST_YEAR:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        typed = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - in local time
        return typed.timestamp()
    except ValueError:
        return None


def next_clock(text: str, now: float) -> float | None:
    """When it is `HH:MM` next, in local time, as Unix seconds; None if it is not a time of day."""
    match = CLOCK.fullmatch(text)
    if match is None or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    today = datetime.fromtimestamp(now).replace(  # noqa: DTZ006 - as above
        hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0
    )
    found = today.timestamp()
    return found if found > now else (today + timedelta(days=1)).timestamp()


def parse_past(text: str, now: float, what: str) -> float:
    """When something was: `2h` ago, or a local day or time. `what` names it in the error. Raises
    NoTime.
    """
    passed = duration_s(text)
    found = instant(text) if passed is None else now - passed
    if found is None:
        raise NoTime(what, text, "2h (ago; or 30m, 3d, 1w), 2026-11-26 or 2026-11-26T08:00")
    return found


def parse_until(text: str, now: float, what: str) -> float:
    """When something ends: in `2h`, at `08:00`, or at a local day or time. `what` names it in the
    error. Raises NoTime.
    """
    lasts = duration_s(text)
    found = now + lasts if lasts is not None else instant(text) or next_clock(text, now)
    if found is None:
        raise NoTime(what, text, "30m, 2h, 3d or 1w, or a time: 08:00, 2026-11-27T08:00")
    return found
