"""Something that a key does: its id, keys and texts. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that a key does."""

    id: str
    key: str
    """Textual's name for it; several are separated by commas; empty: no key."""
    title: str
    tip: str
    of_app: str = ""
    """The app's own method for it; empty: the main screen does it, by the action's id."""
    dangerous: bool = False
    """It ends a process, or does worse: it asks first."""
    changes: bool = False
    """It changes something: off in a read-only console."""
    shown: bool = False
    """Shown in the footer."""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for key in self.key.split(",") if key)

    @property
    def call(self) -> str:
        """What a binding of Textual's calls."""
        return f"app.{self.of_app}" if self.of_app else f"call({self.id!r})"
