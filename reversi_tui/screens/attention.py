"""Calls the operator who looks elsewhere: the title counts the faults, and the bell rings."""

from __future__ import annotations

import time

from checker.rows.row import Row
from reversi_tui.rows.faults import Faults, title
from reversi_tui.rows.report import Report
from reversi_tui.screens.desk import Desk
from reversi_tui.terminal.driver import Driver


class Attention:
    """Rings only for a fault that came while the console ran, and not for each of many."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.faults = desk, Faults()
        self.has_begun = False
        """Whether all rows were read: what is a fault by then was one before."""
        self.machine = desk.dependencies.host
        self.shown = ""
        self.rings = 0

    def follow(self, report: Report) -> tuple[Row, ...]:
        """Look at the rows that changed; those that became faults while the console ran."""
        if report.keys is not None:
            self.faults.now &= report.keys
        came = self.faults.judge(report.changed, self.desk.moment(), report.probed)
        new = came if self.has_begun else ()
        self.tell(came=bool(new))
        self.has_begun |= report.health.registry_read
        return new

    def look_again(self) -> None:
        """Look at the rows that may be stale by now."""
        view = self.desk.view
        turned = view.count().turned
        rows = [row for key in turned if (row := view.rows.get(key))]
        turned.clear()
        came = self.faults.judge(rows, self.desk.moment())
        self.tell(came=bool(came) and self.has_begun)

    def tell(self, *, came: bool) -> None:
        wanted = self.desk.dependencies.preferences
        if came and wanted.bell and self.faults.may_ring(time.monotonic()):
            self.rings += 1
            self.desk.app.bell()
        shown = title(len(self.faults.now), self.machine)
        if wanted.title and shown != self.shown:
            self.shown = shown
            driver = self.desk.app._driver  # noqa: SLF001 - there is no public way to the terminal
            if isinstance(driver, Driver):
                driver.show_title(shown)
