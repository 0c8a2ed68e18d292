"""What `doctor` knows about enrolments. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranded:
    """An enrolment that takes no device any more, while some wait."""

    id: str
    why: str
    """Why it takes none, as a clause."""
    waiting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentFacts:
    """The enrolments, and the devices that wait."""

    count: int = 0
    broken: Sequence[str] = ()
    """A sentence for each file that cannot be read."""
    stranded: Sequence[Stranded] = ()
    boundless: Sequence[str] = ()
    """Ids of those that accept devices by themselves, without a limit or an end."""
