"""Takes in the reader's reports, and holds them back while the console is paused. Pure."""

from __future__ import annotations

from checker.rows.row import Key, Row, age_text
from reversi_tui.rows.report import Health, Report
from reversi_tui.view import View


class Feed:
    """The rows go into the view; paused, they wait here."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.health = Health()
        self.held: Report | None = None
        """What came since the pause began, merged."""
        self.paused_at: float | None = None

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None

    def pause(self, now: float) -> None:
        self.paused_at = now

    def resume(self) -> Report | None:
        """End the pause, and return what was held back."""
        held, self.held, self.paused_at = self.held, None, None
        return held

    def pause_text(self, now: float, key: str) -> str:
        """How long the pause has lasted, and what waits; empty without one. `key` ends it."""
        if self.paused_at is None:
            return ""
        waiting = len(self.held.changed) if self.held else 0
        return (
            f"PAUSED for {age_text(now - self.paused_at)}: {waiting} changed"
            f" row{'' if waiting == 1 else 's'} held back; {key} resumes"
        )

    def take(self, report: Report) -> bool:
        """Take in a report; whether the order of the rows changed."""
        self.health = report.health
        if self.is_paused:
            self.held = report if self.held is None else merged(self.held, report)
            return False
        return self.view.apply(report)

    def newest(self, key: Key) -> Row | None:
        """The row as it was last reported, paused or not."""
        if self.held is None:
            return self.view.row(key)
        if self.held.keys is not None and key in self.view.rows and key not in self.held.keys:
            return None
        held = next((row for row in self.held.changed if row.key == key), None)
        return held or self.view.row(key)


def merged(first: Report, then: Report) -> Report:
    """Two reports as one."""
    rows = {row.key: row for row in (*first.changed, *then.changed)}
    keys = first.keys if then.keys is None else then.keys
    return Report(
        changed=tuple(row for key, row in rows.items() if keys is None or key in keys),
        keys=keys,
        health=then.health,
    )
