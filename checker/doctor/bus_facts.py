"""What `doctor` knows of the bus of a fleet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class BusFacts:
    """A gateway that is on the bus of its fleet."""

    version: tuple[int, int, int] | None = (2, 14, 0)
    """Of nats-server; None: it is not installed, or does not say."""
    has_library: bool = True
    """Whether this interpreter has nats-py."""
    states: Mapping[str, str | None] = field(default_factory=dict)
    """Of its services, in systemd's word; None: unknown."""
    ahead_s: Mapping[str, float] = field(default_factory=dict)
    """How far the clock of each gateway that is heard is ahead of ours."""
    silent: Mapping[str, float | None] = field(default_factory=dict)
    """How long each gateway was not heard that should be, in seconds; None: never."""
    bucket: tuple[str, ...] = ()
    """Sentences about what the bucket of the registry lacks or has newer."""
    trouble: str = ""
    """Why it could not be examined, as a sentence."""
