"""Reads the devices that wait to be accepted, and makes their rows."""

from __future__ import annotations

import time
from collections.abc import Collection

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.control.applicant_list import is_sound, still_asking
from checker.model import Applicant
from checker.registry.enrolments import Enrolments, read_enrolments
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
        self.seen: tuple[Applicant, ...] = ()
        """As the state file had them last."""
        self.sound: tuple[Applicant, ...] = ()
        """Those of them that can be shown, and were not rejected."""
        self.enrolments: Enrolments | None = None
        """None: not read yet, or they cannot be read."""
        self.stamp: object = None
        self.registered: Collection[str] = ()
        self.next_poll = 0.0

    def poll(self, state: StateFile, registered: Collection[str]) -> set[Key]:
        """Read again if it is time, and return the keys of the rows that came, went or changed. Who
        has a registered key was accepted just now. Raises StateError.
        """
        if time.monotonic() < self.next_poll:
            return set()
        self.next_poll = time.monotonic() + EVERY_S
        found = state.applicants()
        is_same = found == self.seen and registered is self.registered
        if not self.read_enrolments(found) and is_same:
            return set()
        if found != self.seen:
            self.sound = tuple(one for one in found if not one.is_rejected and is_sound(one))
        self.seen, self.registered = found, registered
        before, self.rows = self.rows, {row.key: row for row in map(self.row, self.waiting())}
        return {
            key for key in before.keys() | self.rows.keys() if before.get(key) != self.rows.get(key)
        }

    def waiting(self) -> tuple[Applicant, ...]:
        there = self.enrolments
        asking = self.sound if there is None else still_asking(self.sound, there)
        return tuple(one for one in asking if one.public_key not in self.registered)

    def row(self, one: Applicant) -> Row:
        there = self.enrolments.found if self.enrolments else {}
        return pending_row(one, there.get(one.enrolment))

    def read_enrolments(self, found: Collection[Applicant]) -> bool:
        """Read the enrolments if they changed and somebody asks; whether they did."""
        now = stamp(self.layout.enrolments) if found else self.stamp
        if now == self.stamp:
            return False
        self.stamp, self.trouble, self.enrolments = now, "", None
        try:
            self.enrolments = read_enrolments(self.layout.enrolments)
        except ConfigError as error:
            self.trouble = str(error)
        return True
