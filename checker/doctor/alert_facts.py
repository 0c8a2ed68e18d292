"""What `doctor` knows about the alerts. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from checker.install.steps import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFacts:
    """The service that sends alerts, and its settings."""

    has_unit: bool = False
    is_enabled: bool | None = None
    """None if unknown."""
    is_running: bool = False
    """Whether it runs; also if systemd does not say."""
    file: Entry | None = None
    """alerts.toml, without its content; None if there is none."""
    is_readable: bool = True
    """Whether we may read it."""
    trouble: str = ""
    """What is wrong in it, as a sentence; empty if nothing is."""
    ways: int = 0
    """How many ways to send it names."""
    lacks_library: bool = False
    """Whether it names URLs, and the package that sends to them is missing."""
