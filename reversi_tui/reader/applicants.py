"""Reads the devices that wait to be accepted, and makes their rows."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import Applicant, Enrolment
from checker.registry.enrolments import read_enrolments
from checker.registry.file_stamps import stamp
from checker.rows.applicants import pending_row
from checker.rows.row import Key, Row
from checker.state.store import StateFile

EVERY_S = 2.0


class ApplicantReader:
    """Only the reading thread uses it."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.rows: dict[Key, Row] = {}
        self.trouble = ""
        """Why the enrolments cannot be read."""
        self.waiting: tuple[Applicant, ...] = ()
        self.enrolments: Mapping[str, Enrolment] = {}
        self.stamp: object = None
        self.next_poll = 0.0

    def poll(self, state: StateFile, registered_keys: Collection[str]) -> set[Key]:
        """Read again if it is time, and return the keys of the rows that came, went or changed. Who
        has a registered key was accepted just now. Raises StateError.
        """
        if time.monotonic() < self.next_poll:
            return set()
        self.next_poll = time.monotonic() + EVERY_S
        waiting = tuple(
            one
            for one in state.applicants()
            if not one.is_rejected and one.public_key not in registered_keys
        )
        if not self.read_enrolments(waiting) and waiting == self.waiting:
            return set()
        before, self.waiting = self.rows, waiting
        rows = (pending_row(one, self.enrolments.get(one.enrolment)) for one in waiting)
        self.rows = {row.key: row for row in rows}
        return {
            key for key in before.keys() | self.rows.keys() if before.get(key) != self.rows.get(key)
        }

    def read_enrolments(self, waiting: Collection[Applicant]) -> bool:
        """Read the enrolments if they changed and somebody waits; whether they did."""
        found = stamp(self.layout.enrolments) if waiting else self.stamp
        if found == self.stamp:
            return False
        self.stamp, self.trouble = found, ""
        try:
            self.enrolments = read_enrolments(self.layout.enrolments).found
        except ConfigError as error:
            self.trouble = str(error)
        return True
