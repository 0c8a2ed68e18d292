"""The devices that asked to become nodes, as the state file has them."""

from __future__ import annotations

from checker.config.layout import Layout
from checker.config.toml_file import ConfigError
from checker.model import Applicant
from checker.registry.enrolments import read_enrolments
from checker.state.store import read_applicants


def applicants(layout: Layout) -> tuple[Applicant, ...]:
    """All that asked lately, also those that were rejected, the oldest first; none if no daemon ran
    yet. Raises StateError.

    Without a daemon, the state file still has those that were accepted, or whose enrolment was
    ended, since the last one ran. They are left out.
    """
    found = read_applicants(layout.state)
    if not found:
        return ()
    try:
        there = read_enrolments(layout.enrolments)
    except ConfigError:
        return found
    known = {*there.found, *there.broken}
    accepted = {print_ for one in there.found.values() for print_ in one.accepted}
    return tuple(one for one in found if one.enrolment in known and one.fingerprint not in accepted)


def waiting(layout: Layout) -> tuple[Applicant, ...]:
    """Those of them that wait for an answer. Raises StateError."""
    return tuple(one for one in applicants(layout) if not one.is_rejected)
