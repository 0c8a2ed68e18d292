"""Look at the enrolments, and at the devices that wait."""

from __future__ import annotations

from collections import Counter

from checker.config.layout import Layout
from checker.control.applicant_list import waiting
from checker.doctor.enrolment_facts import EnrolmentFacts, Stranded
from checker.model import CheckerError
from checker.registry.enrolments import read_enrolments
from checker.state.errors import StateError


def enrolment_facts(layout: Layout, now: float) -> EnrolmentFacts:
    """Return the facts; a state file that cannot be read has a finding of its own."""
    try:
        enrolments = read_enrolments(layout.enrolments)
    except CheckerError as error:
        return EnrolmentFacts(broken=(str(error),))
    found = enrolments.found.values()
    return EnrolmentFacts(
        count=len(found),
        broken=tuple(enrolments.broken.values()),
        stranded=tuple(
            Stranded(id=id_, why=enrolments.found[id_].why_closed(now), waiting=count)
            for id_, count in sorted(waiting_by_enrolment(layout).items())
            if id_ in enrolments.found and enrolments.found[id_].why_closed(now)
        ),
        boundless=tuple(one.id for one in found if one.is_auto and not (one.uses and one.expires)),
    )


def waiting_by_enrolment(layout: Layout) -> Counter[str]:
    """Count the devices that wait, by enrolment."""
    try:
        return Counter(one.enrolment for one in waiting(layout))
    except StateError:
        return Counter()
