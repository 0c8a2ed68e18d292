"""What may be set of a forward, as an admin writes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from checker.model import Forward, InvalidValue, parse_expect, parse_port, parse_target
from checker.registry.edits import moved, with_target


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The values to set; an empty one stays as it is."""

    target: str = ""
    expect: str = ""
    deadline: str = ""
    port: str = ""
    public: str = ""
    """yes or no."""
    now: bool = False
    """Whether the present port is freed at once, if there is another."""

    def __bool__(self) -> bool:
        return any((self.target, self.expect, self.deadline, self.port, self.public))


def as_set(setting: Setting, forward: Forward) -> Forward:
    """The forward with these values. Raises InvalidValue."""
    there = forward
    if setting.port:
        there = moved(forward, parse_port(setting.port, "--port"), now=setting.now)
    if setting.target:
        there = with_target(there, parse_target(setting.target, "--target"))
    return replace(
        there,
        expect=parse_expect(setting.expect) if setting.expect else forward.expect,
        deadline_s=parse_deadline(setting.deadline) if setting.deadline else forward.deadline_s,
        public=setting.public == "yes" if setting.public else forward.public,
    )


def parse_deadline(text: str) -> float | None:
    """Seconds, or None for `default`. Raises InvalidValue."""
    if text == "default":
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.5 <= seconds <= 60:
        raise InvalidValue(
            f"--deadline {text[:40]!r} is out of bounds; write 0.5 to 60 seconds, or default"
        )
    return seconds
