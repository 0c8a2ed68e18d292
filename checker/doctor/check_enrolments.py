"""Judge the enrolments. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from checker.doctor import remedies
from checker.doctor.enrolment_facts import EnrolmentFacts
from checker.doctor.facts import Facts
from checker.doctor.finding import Finding, finding

NAME = "enrolments"


def check_enrolments(facts: Facts) -> Iterator[Finding]:
    """Say nothing if nobody makes enrolments."""
    found = facts.enrolments
    if found.count or found.broken:
        wrong = [*broken(found), *boundless(facts, found), *stranded(facts, found)]
        well = "1 enrolment is" if found.count == 1 else f"{found.count} enrolments are"
        yield from wrong or [finding(NAME, f"{well} valid")]


def broken(found: EnrolmentFacts) -> Iterator[Finding]:
    for sentence in found.broken:
        yield Finding(
            name=NAME,
            ok=False,
            sentence=f"{sentence}; it takes no device",
            mend="fix that file, or end the enrolment: reversi-checker enrol end ID",
        )


def boundless(facts: Facts, found: EnrolmentFacts) -> Iterator[Finding]:
    """`enrol new` makes none; a file can be edited."""
    for id_ in found.boundless:
        path = facts.layout.enrolments / f"{id_}.toml"
        end = remedies.ours(facts, f"enrol end {id_}")
        yield Finding(
            name=NAME,
            ok=False,
            sentence=f"enrolment {id_} accepts whoever has its bundle, without a number or an end",
            mend=f"give {path} uses and expires, or run: {end}",
        )


def stranded(facts: Facts, found: EnrolmentFacts) -> Iterator[Finding]:
    for one in found.stranded:
        devices = "1 device waits" if one.waiting == 1 else f"{one.waiting} devices wait"
        end = remedies.ours(facts, f"enrol end {one.id}")
        yield Finding(
            name=NAME,
            ok=False,
            sentence=f"enrolment {one.id}: {one.why}, and {devices} to be accepted all the same",
            mend=f"{end}    # and install the bundle of a new enrolment on these devices",
        )
